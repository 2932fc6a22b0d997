//! `Idempotency-Key`.

use axum::http::{HeaderMap, HeaderName};
use domain::problem::ProblemType;
use sentence::{Sentence, sentence};

use crate::error::Failure;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_LENGTH: usize = 255;

/// The key, if there is one: a structured-field string (RFC 8941), or the same without quotes.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let refused = |why: Sentence| {
        let detail = sentence!(
            "the Idempotency-Key {why}; it has to be 1 to {limit} printable ASCII characters",
            why,
            limit = MAX_LENGTH
        );
        Failure::hinted(ProblemType::InvalidHeader, detail, Sentence::verbatim("Idempotency-Key: \"a UUID\""))
    };
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused(sentence!("is there twice")));
    }
    let text = value.to_str().map_err(|_| refused(sentence!("has other characters than printable ASCII")))?.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => unquoted(rest).ok_or_else(|| refused(sentence!("is not a string that is quoted correctly")))?,
        None => text.to_owned(),
    };
    if key.is_empty() || key.len() > MAX_LENGTH {
        return Err(refused(sentence!("has no such length")));
    }
    Ok(Some(key))
}

/// What stands before the closing quote; none if that is not the last character.
fn unquoted(rest: &str) -> Option<String> {
    let mut key = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            _ => key.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn key(value: &str) -> Result<Option<String>, ProblemType> {
        let headers = HeaderMap::from_iter([(NAME, HeaderValue::from_bytes(value.as_bytes()).unwrap())]);
        idempotency_key(&headers).map_err(|failure| failure.error().problem)
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(key("\"ci-4711\""), Ok(Some("ci-4711".to_owned())));
        assert_eq!(key("ci-4711"), Ok(Some("ci-4711".to_owned())));
        assert_eq!(key(r#""a\"b\\c""#), Ok(Some(r#"a"b\c"#.to_owned())));
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in ["", "\"\"", "\"open", "\"a\"b\"", r#""a\n""#, "schlüssel", &"x".repeat(256)] {
            assert_eq!(key(wrong), Err(ProblemType::InvalidHeader), "{wrong}");
        }
        assert!(key(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn two_keys_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(NAME, HeaderValue::from_static("a"));
        headers.append(NAME, HeaderValue::from_static("b"));
        assert!(idempotency_key(&headers).is_err());
    }
}
