//! The maintenance page as files: HTML for people, the house's JSON envelope for programs.

use html_escape::encode_safe;
use serde_json::json;

/// Shared with the page of the maintenance container.
const PAGE: &str = include_str!("../../../../docker/maintenance-page/page.html");
const OWNER: &str = "<!-- backout job ";
const OWNER_END: &str = " -->";

/// A page that is shown for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Who shows it; a later look at the page tells whose it is. Letters, digits and `-` only.
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
        let page = PAGE.replace("{{notice}}", &notice("Reason")).replace("{{notice zh-CN}}", &notice("原因"));
        format!("{OWNER}{}{OWNER_END}\n{page}", encode_safe(&self.owner))
    }

    pub(crate) fn json(&self) -> String {
        let message = match self.reason.as_str() {
            "" => "Down for maintenance".to_owned(),
            reason => format!("Down for maintenance; reason: {reason}"),
        };
        json!({ "success": false, "code": 503, "message": message, "error": { "type": "maintenance" } }).to_string()
    }

    /// The owner that the text of a page names.
    pub(crate) fn owner_of(html: &str) -> Option<&str> {
        html.lines().next()?.strip_prefix(OWNER)?.strip_suffix(OWNER_END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_its_owner_and_escapes_its_reason() {
        let html = Page { owner: "0192-ab".into(), reason: "<b> & \"c\"".into() }.html();
        assert_eq!(Page::owner_of(&html), Some("0192-ab"));
        assert!(html.contains("&lt;b&gt; &amp; &quot;c&quot;") && !html.contains("<b>"), "{html}");
        assert_eq!(Page::owner_of("<!doctype html>"), None);
    }
}
