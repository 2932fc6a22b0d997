//! Output of applications without their secrets: it goes into errors that many people read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use saga::{StepContext, StepError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::provider::Provider;

const MASK: &str = "***";
/// A line of a secret of several lines that is shorter is no secret by itself.
const LINE: usize = 8;
/// Names of what is set with `=` and not shown, wherever it stands.
const NAMES: [&str; 8] = ["password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "access_key"];
/// What ends a value or a URL in running text.
const ENDS: &str = "\"'`<>()[]{},;|";

/// The secrets of one service.
pub(crate) struct Masks {
    /// In every form in which they may be written, the longest first.
    forms: Vec<String>,
}

impl Masks {
    pub(crate) async fn of(provider: &dyn Provider, cx: &StepContext, service: &str) -> Result<Self, StepError> {
        Ok(Self::new(&provider.secrets(cx.held().job, service).await?))
    }

    fn new(secrets: &[SecretString]) -> Self {
        let forms: BTreeSet<String> = secrets.iter().flat_map(|secret| forms(secret.expose_secret())).collect();
        let mut forms: Vec<String> = forms.into_iter().filter(|form| !form.trim().is_empty()).collect();
        // One that contains another is replaced as a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self { forms }
    }

    /// The text without the secrets, and without what looks like a password.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hidden = self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), MASK));
        without_set_values(&without_url_passwords(&hidden))
    }
}

/// As it is, as JSON and URLs write it, its lines one by one, and the password of a connection string.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    forms.extend(secret.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
    forms.extend(url_password(secret).map(|(_, password)| password.to_owned()));
    let written: Vec<String> = forms.iter().flat_map(|form| [as_json(form), as_url(form)]).collect();
    forms.extend(written);
    forms
}

fn as_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn as_url(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

/// The password of the first URL in a text, and where it begins.
fn url_password(text: &str) -> Option<(usize, &str)> {
    let begin = text.find("://")? + 3;
    let rest = &text[begin..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(rest.len());
    let rest = &rest[..end];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password that was not encoded may hold what would end the authority.
    let user = if authority.contains('@') { authority } else { rest };
    let (user, _) = user.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    (!password.is_empty()).then_some((begin + name.len() + 1, password))
}

fn without_url_passwords(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let cut = if let Some((at, password)) = url_password(rest) {
            hidden.push_str(&rest[..at]);
            hidden.push_str(MASK);
            at + password.len()
        } else {
            hidden.push_str(&rest[..scheme + 3]);
            scheme + 3
        };
        rest = &rest[cut..];
    }
    hidden.push_str(rest);
    hidden
}

/// `?token=…`, `password=…`.
fn without_set_values(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.find('=') {
        let (before, after) = (&rest[..sign], &rest[sign + 1..]);
        hidden.push_str(before);
        hidden.push('=');
        rest = after;
        let before = before.to_ascii_lowercase();
        if NAMES.iter().any(|name| before.ends_with(name)) {
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
            let value = quote.map_or(rest, |_| &rest[1..]);
            hidden.push_str(&rest[..rest.len() - value.len()]);
            let ends = |c: char| match quote {
                Some(quote) => c == quote,
                None => c.is_whitespace() || c == '&' || ENDS.contains(c),
            };
            let end = value.find(ends).unwrap_or(value.len());
            if end > 0 {
                hidden.push_str(MASK);
            }
            rest = &value[end..];
        }
    }
    hidden.push_str(rest);
    hidden
}

/// The beginning of a text, for errors.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(secrets: &[&str], text: &str) -> String {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Masks::new(&secrets).hide(text)
    }

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let secret = "p\"w d/1";
        assert_eq!(
            hide(&[secret], "key p\"w d/1, {\"k\":\"p\\\"w d/1\"}, ?k=p%22w%20d%2F1"),
            "key ***, {\"k\":\"***\"}, ?k=***"
        );
        assert_eq!(hide(&["abc", "abcdef"], "abcdef abc"), "*** ***");
        assert_eq!(hide(&["", " "], "nothing to hide"), "nothing to hide");
    }

    #[test]
    fn lines_of_a_secret_are_hidden_where_only_some_are_shown() {
        assert_eq!(hide(&["-----BEGIN-----\nMIIEvQIBADANBg\nab\n"], "MIIEvQIBADANBg\nab"), "***\nab");
    }

    #[test]
    fn the_password_of_a_connection_string_is_hidden_by_itself() {
        assert_eq!(
            hide(&["mysql://cms:s3cr3t@db/cms"], "access denied for cms using s3cr3t"),
            "access denied for cms using ***"
        );
    }

    #[test]
    fn what_looks_like_a_password_is_hidden_though_nobody_named_it() {
        let cases = [
            ("mysql://root:hunter2@db:3306/x and redis://:pass@r", "mysql://root:***@db:3306/x and redis://:***@r"),
            ("amqp://u:a/b@c@host/v", "amqp://u:***@host/v"),
            ("(http://127.0.0.1:80/health)", "(http://127.0.0.1:80/health)"),
            ("GET http://a/?api_key=12&x=3", "GET http://a/?api_key=***&x=3"),
            ("DB_PASSWORD='x y' user=me", "DB_PASSWORD='***' user=me"),
            ("a = b == c", "a = b == c"),
            ("ends ://", "ends ://"),
        ];
        for (text, hidden) in cases {
            assert_eq!(hide(&[], text), hidden);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
