//! The answer: HTML for people, the house's JSON envelope for programs.

use std::fmt::Write as _;

/// Shared with the gateway's page; `{{notice}}` stands for what there is to say, in either language.
const PAGE: &str = include_str!("../page.html");

/// What the page says besides being closed.
pub(crate) struct Notice {
    pub reason: Option<String>,
    pub until: Option<String>,
    pub retry_after_seconds: u32,
}

impl Notice {
    /// The whole HTTP answer to the request whose head is given.
    pub(crate) fn answer(&self, head: &str) -> String {
        let (content_type, body) = if wants_json(head) {
            ("application/json", self.json())
        } else {
            ("text/html; charset=utf-8", self.html())
        };
        let mut answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Retry-After: {}\r\nCache-Control: no-store\r\nX-Maintenance: on\r\nConnection: close\r\n\r\n",
            body.len(),
            self.retry_after_seconds
        );
        if !head.starts_with("HEAD ") {
            answer.push_str(&body);
        }
        answer
    }

    fn json(&self) -> String {
        let mut message = String::from("Down for maintenance");
        for (label, part) in [("reason", &self.reason), ("expected end", &self.until)] {
            if let Some(part) = part {
                let _ = write!(message, "; {label}: {part}");
            }
        }
        format!(
            r#"{{"success":false,"code":503,"message":"{}","error":{{"type":"maintenance"}}}}"#,
            escape_json(&message)
        )
    }

    fn html(&self) -> String {
        let row = |label: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!("<p>{label}: {}</p>", escape_html(value)))
        };
        let notice = |reason, until| row(reason, &self.reason) + &row(until, &self.until);
        PAGE.replace("{{notice}}", &notice("Reason", "Expected end"))
            .replace("{{notice zh-CN}}", &notice("原因", "预计结束时间"))
    }
}

fn wants_json(head: &str) -> bool {
    head.lines().skip(1).filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("accept") && value.to_ascii_lowercase().contains("application/json")
    })
}

fn escape_html(text: &str) -> String {
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

fn escape_json(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(control));
            }
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice { reason: Some("<b>\"v0.8.2\"\n</b>".into()), until: None, retry_after_seconds: 30 }
    }

    #[test]
    fn a_browser_gets_html_with_the_reason_escaped() {
        let answer = notice().answer("GET / HTTP/1.1\r\nAccept: text/html\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 503 "));
        assert!(answer.contains("Retry-After: 30\r\n"));
        assert!(answer.contains("&lt;b&gt;&quot;v0.8.2&quot;"));
        assert!(!answer.contains("<b>"));
    }

    #[test]
    fn a_program_gets_the_envelope() {
        let answer = notice().answer("GET /api HTTP/1.1\r\naccept: Application/JSON\r\n\r\n");
        let body = answer.split("\r\n\r\n").nth(1);
        assert_eq!(
            body,
            Some(
                r#"{"success":false,"code":503,"message":"Down for maintenance; reason: <b>\"v0.8.2\"\u000a</b>","error":{"type":"maintenance"}}"#
            )
        );
    }

    #[test]
    fn head_gets_no_body_but_its_length() {
        let answer = notice().answer("HEAD / HTTP/1.1\r\n\r\n");
        assert!(answer.ends_with("\r\n\r\n"));
        assert!(!answer.contains("Content-Length: 0\r\n"));
    }
}
