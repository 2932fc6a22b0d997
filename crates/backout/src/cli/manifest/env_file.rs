//! `.env` files: `KEY=value` lines, `#` comments, quotes where a value needs them.

use std::path::Path;

use domain::Secret;
use domain::environment::EnvValue;
use domain::release::ServiceConfig;
use sentence::{Sentence, sentence};

use super::error::{FileError, Source};

const MAX_BYTES: u64 = 256 * 1024;

/// Reads a file; the keys named are secret.
pub(super) fn read(path: &Path, secret: &[String]) -> Result<ServiceConfig, FileError> {
    let source = Source::read(path, MAX_BYTES)?;
    let mut config = ServiceConfig::new();
    for (number, line) in source.text.lines().enumerate() {
        let wrong = |detail: Sentence| FileError::wrong(path, Some(number + 1), detail);
        let Some((key, value)) = parse(line).map_err(wrong)? else {
            continue;
        };
        let value = if secret.contains(&key) { EnvValue::Secret(Secret::new(value)) } else { EnvValue::Plain(value) };
        if config.insert(key.clone(), value).is_some() {
            return Err(wrong(sentence!("{key} is set twice", key)));
        }
    }
    Ok(config)
}

/// Key and value of a line; none where it is empty or a comment.
fn parse(line: &str) -> Result<Option<(String, String)>, Sentence> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (key, value) = line.split_once('=').ok_or_else(|| sentence!("expected KEY=value"))?;
    let key = key.trim();
    let first_ok = key.bytes().next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_');
    if !first_ok || !key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return Err(sentence!("'{key}' cannot name an environment variable", key));
    }
    Ok(Some((key.to_owned(), parse_value(value.trim())?)))
}

fn parse_value(value: &str) -> Result<String, Sentence> {
    match value.chars().next() {
        Some('\'') => {
            let (inner, rest) = value[1..].split_once('\'').ok_or_else(|| sentence!("a single quote is not closed"))?;
            only_comment(rest)?;
            Ok(inner.to_owned())
        }
        Some('"') => parse_double_quoted(&value[1..]),
        // A comment begins after a blank only: `a#b` is a value.
        _ => Ok(value.split(" #").next().unwrap_or_default().trim_end().to_owned()),
    }
}

fn parse_double_quoted(value: &str) -> Result<String, Sentence> {
    let mut read = String::new();
    let mut characters = value.chars();
    loop {
        match characters.next() {
            None => return Err(sentence!("a double quote is not closed")),
            Some('"') => break,
            Some('\\') => match characters.next() {
                Some('n') => read.push('\n'),
                Some('t') => read.push('\t'),
                Some(escaped @ ('"' | '\\' | '$')) => read.push(escaped),
                other => {
                    let escaped = format!("\\{}", other.map(String::from).unwrap_or_default());
                    return Err(sentence!("'{escaped}' means nothing", escaped));
                }
            },
            Some(character) => read.push(character),
        }
    }
    only_comment(characters.as_str())?;
    Ok(read)
}

fn only_comment(rest: &str) -> Result<(), Sentence> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err(sentence!("something stands after the quotes")) }
}

#[cfg(test)]
mod tests {
    use i18n::Language;

    use super::*;

    #[test]
    fn quotes_comments_and_blanks_are_read_as_shells_do() {
        for (line, value) in [
            ("A=1", "1"),
            ("A=", ""),
            ("  export A = b c  ", "b c"),
            ("A=redis://h:1/0#frag", "redis://h:1/0#frag"),
            ("A=b # why", "b"),
            ("A='b # c' # why", "b # c"),
            (r#"A="x \"y\" \n\\ \$z" # why"#, "x \"y\" \n\\ $z"),
            ("A=k=v", "k=v"),
            ("A=\"数据\"", "数据"),
        ] {
            assert_eq!(parse(line), Ok(Some(("A".to_owned(), value.to_owned()))), "{line}");
        }
        assert_eq!(parse("  # only a comment"), Ok(None));
        assert_eq!(parse(""), Ok(None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in ["A", "1A=x", "A B=x", "=x", "A='x", "A=\"x", "A=\"x\" y", r#"A="\q""#] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.env");
        std::fs::write(&path, "A=1\n\n# two\nA=2\n").unwrap();
        let message = read(&path, &[]).unwrap_err().message(Language::En);
        assert!(message.ends_with("web.env:4: A is set twice"), "{message}");
    }
}
