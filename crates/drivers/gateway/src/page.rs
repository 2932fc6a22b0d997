//! The maintenance page as files: HTML for people, the house's JSON envelope for programs.

use serde_json::json;

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
        let reason = |label: &str| match self.reason.as_str() {
            "" => String::new(),
            reason => format!("<p>{label}: {}</p>", escape(reason)),
        };
        format!(
            "{OWNER}{}{OWNER_END}\n<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>Maintenance · 系统维护</title>\
             <style>body{{font:1.1em/1.6 sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}}</style></head><body>\
             <h1>Down for maintenance</h1><p>We will be back shortly.</p>{}\
             <section lang=\"zh-CN\"><h1>系统维护中</h1><p>服务即将恢复，请稍后再试。</p>{}</section></body></html>\n",
            escape(&self.owner),
            reason("Reason"),
            reason("原因"),
        )
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

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
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
