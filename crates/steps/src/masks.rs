//! Output of applications without their secrets: it goes into errors that many people read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::{Captures, Regex};
use saga::{StepContext, StepError};
use secrecy::{ExposeSecret as _, SecretString};
use sentence::Sentence;

use crate::provider::Provider;

const MASK: &str = "***";
/// A line of a secret of several lines that is shorter is no secret by itself.
const LINE: usize = 8;
/// What is set and not shown, wherever it stands: its name, and the value as far as running text tells.
static SET_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?isx)
        (?<name>
            (?: pass | password | passwd | pwd | secret | token | api_?key | access_?key ) \\?["']? [\x20\t]* [=:] [\x20\t]*
            | authorization \\?["']? [\x20\t]* [=:] [\x20\t]* (?: [a-z]+ [\x20\t]+ )?
        )
        (?<value>
            \\" .*? (?: \\" | $ )
            | " (?: [^"\\] | \\. )* (?: " | $ )
            | ' [^']* (?: ' | $ )
            | (?: [^\s&"'`<>()\[\]{},;|\\] | \\[^\s"] )+
        )"#,
    )
});
static LOWER_CASE: LazyLock<Regex> = LazyLock::new(|| pattern("%[0-9A-F]{2}"));
const TELLS_NOTHING: [&str; 6] = ["yes", "no", "true", "false", "null", "none"];
/// What a URL shows as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[expect(clippy::expect_used, reason = "the patterns are literals, and each is used by a test")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own")
}

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
        let mut forms: Vec<String> = forms.into_iter().collect();
        // One that contains another is replaced as a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self { forms }
    }

    /// The text without the secrets, and without what looks like a password.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hidden = self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), MASK));
        without_set_values(&without_url_passwords(&hidden))
    }

    /// The sentence with its values so hidden, at any depth. Its words are ours and stay.
    pub(crate) fn hide_in(&self, sentence: Sentence) -> Sentence {
        sentence.with_texts(&|text| self.hide(text))
    }
}

/// As it is, its lines one by one, and the password of a connection string, each as JSON, URLs and headers write it.
fn forms(secret: &str) -> Vec<String> {
    let mut plain = vec![secret.to_owned(), secret.trim().to_owned()];
    plain.extend(secret.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
    if let Some((_, password)) = url_password(secret) {
        plain.push(password.to_owned());
        plain.extend(percent_decode_str(password).decode_utf8().ok().map(Cow::into_owned));
    }
    plain.iter().filter(|form| !form.trim().is_empty()).flat_map(|form| written(form)).collect()
}

fn written(text: &str) -> Vec<String> {
    let url = utf8_percent_encode(text, UNRESERVED).to_string();
    let json = as_json(text);
    vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        json,
        LOWER_CASE.replace_all(&url, |found: &Captures<'_>| found[0].to_ascii_lowercase()).into_owned(),
        url.replace("%20", "+"),
        url,
        STANDARD.encode(text),
        STANDARD_NO_PAD.encode(text),
    ]
}

fn as_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The password of the first URL in a text, and where it begins.
fn url_password(text: &str) -> Option<(usize, &str)> {
    let begin = text.find("://")? + 3;
    let rest = &text[begin..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(rest.len());
    let rest = &rest[..end];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password that was not encoded may hold what would end the authority.
    let is_plain = authority.contains('@');
    let is_web = ["http://", "https://"].iter().any(|scheme| text[..begin].ends_with(scheme));
    let (user, _) = if is_plain { authority } else { rest }.rsplit_once('@')?;
    let (at, password) = match user.split_once(':') {
        Some((name, password)) => (begin + name.len() + 1, password),
        // `https://TOKEN@host`: databases take a name alone for a user, web servers take it for a token.
        None if is_web && is_plain => (begin, user),
        None => return None,
    };
    (!password.is_empty()).then_some((at, password))
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

/// `?token=…`, `password: …`, `"secret":"…"`, `Authorization: Bearer …`.
fn without_set_values(text: &str) -> String {
    let hide = |found: &Captures<'_>| {
        let (name, value) = (&found["name"], &found["value"]);
        let quote = ["\\\"", "\"", "'"].into_iter().find(|quote| value.starts_with(quote)).unwrap_or_default();
        // "using password: YES" is what MariaDB says of any refused login.
        if TELLS_NOTHING.contains(&value.to_ascii_lowercase().as_str()) || value.len() == 2 * quote.len() {
            format!("{name}{value}")
        } else {
            format!("{name}{quote}{MASK}{quote}")
        }
    };
    SET_VALUE.replace_all(text, hide).into_owned()
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
    use sentence::sentence;

    use super::*;

    fn masks(secrets: &[&str]) -> Masks {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Masks::new(&secrets)
    }

    fn hide(secrets: &[&str], text: &str) -> String {
        masks(secrets).hide(text)
    }

    #[test]
    fn a_secret_is_hidden_in_what_a_sentence_quotes_at_any_depth() {
        let words = Sentence::verbatim("refused mysql://app:found@db with gone");
        let inner = sentence!("not found: {message}", message = words);
        let all = vec![inner, sentence!("container {container} is gone", container = "{\"key\":\"gone\"}")];
        let hidden = masks(&["gone"]).hide_in(sentence!("{all}", all));
        let told = "not found: refused mysql://app:***@db with ***; container {\"key\":\"***\"} is gone";
        assert_eq!(hidden, told);
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
        assert_eq!(hide(&["hunter2\n"], "used hunter2"), "used ***");
        assert_eq!(hide(&[secret], "k=p%22w%20d%2f1 p%22w+d%2F1 cCJ3IGQvMQ== p\\\"w d\\/1"), "k=*** *** *** ***");
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
        assert_eq!(hide(&["mysql://cms:p%40ss@db/cms"], "refused p@ss, p%40ss"), "refused ***, ***");
    }

    #[test]
    fn what_looks_like_a_password_is_hidden_though_nobody_named_it() {
        let cases = [
            ("mysql://root:hunter2@db:3306/x and redis://:pass@r", "mysql://root:***@db:3306/x and redis://:***@r"),
            ("amqp://u:a/b@c@host/v", "amqp://u:***@host/v"),
            ("(http://127.0.0.1:80/health)", "(http://127.0.0.1:80/health)"),
            ("GET http://a/?api_key=12&x=3", "GET http://a/?api_key=***&x=3"),
            ("DB_PASSWORD='x y' user=me", "DB_PASSWORD='***' user=me"),
            (r#"{"password":"x","user":"me"}"#, r#"{"password":"***","user":"me"}"#),
            (r#"{\"secret\":\"x\"}"#, r#"{\"secret\":\"***\"}"#),
            ("DB_PASS=x, passwd = y", "DB_PASS=***, passwd = ***"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("clone https://ghp_abc@github.com/x", "clone https://***@github.com/x"),
            ("mysql://root@db/x", "mysql://root@db/x"),
            ("GET https://unpkg.com/vue@3/x.js failed", "GET https://unpkg.com/vue@3/x.js failed"),
            ("password=\"hunter2 and cut", "password=\"***\""),
            (r"DB_PASSWORD=ab\cd rest", "DB_PASSWORD=*** rest"),
            (r#"{"password":"a\"bcd","x":1}"#, r#"{"password":"***","x":1}"#),
            ("Authorization: Token abc", "Authorization: Token ***"),
            ("asks for a password:\nStarting", "asks for a password:\nStarting"),
            (
                "Access denied for user 'cms' (using password: YES)",
                "Access denied for user 'cms' (using password: YES)",
            ),
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
