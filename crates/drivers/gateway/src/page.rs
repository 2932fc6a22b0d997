//! The maintenance page as files: HTML for people, the house's JSON envelope for programs.

use html_escape::encode_safe;
use serde_json::json;

/// Shared with the page of the maintenance container.
const PAGE: &str = include_str!("../../../../docker/maintenance-page/page.html");

/// A page that is shown for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Who shows it; a later look at the switch tells whose page it is. At most 256 bytes.
    pub owner: String,
    /// What readers are told.
    pub reason: String,
}

impl Page {
    pub(crate) fn html(&self) -> String {
        let notice = |label: &str| match self.reason.as_str() {
            "" => String::new(),
            reason => format!("<p>{label}: {}</p>", encode_safe(reason)),
        };
        PAGE.replace("{{notice}}", &notice("Reason")).replace("{{notice zh-CN}}", &notice("原因"))
    }

    pub(crate) fn json(&self) -> String {
        let message = match self.reason.as_str() {
            "" => "Down for maintenance".to_owned(),
            reason => format!("Down for maintenance; reason: {reason}"),
        };
        json!({ "success": false, "code": 503, "message": message, "error": { "type": "maintenance" } }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_escapes_its_reason() {
        let html = Page { owner: "0192-ab".into(), reason: "<b> & \"c\"".into() }.html();
        assert!(html.contains("&lt;b&gt; &amp; &quot;c&quot;") && !html.contains("<b>"), "{html}");
    }
}
