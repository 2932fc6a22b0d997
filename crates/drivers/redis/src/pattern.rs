//! Key patterns that are safe to flush.

use sentence::{Sentence, sentence};

use crate::error::{Error, Result};

/// Glob patterns of keys, as `SCAN MATCH` has them, none of which matches everything unless that was
/// asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Refuses empty patterns and those that match every key.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        Self::checked(patterns, false)
    }

    /// Refuses only empty patterns: for a database that is nothing but a cache.
    pub fn allow_all(patterns: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        Self::checked(patterns, true)
    }

    /// The patterns, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn checked(patterns: impl IntoIterator<Item = impl Into<String>>, allow_all: bool) -> Result<Self> {
        let mut checked = Vec::new();
        for pattern in patterns {
            let pattern = pattern.into();
            if let Some(reason) = refusal(&pattern, allow_all) {
                return Err(Error::PatternRefused { pattern, reason });
            }
            // The same pattern twice would be scanned twice.
            if !checked.contains(&pattern) {
                checked.push(pattern);
            }
        }
        Ok(Self(checked))
    }
}

fn refusal(pattern: &str, allow_all: bool) -> Option<Sentence> {
    if pattern.is_empty() {
        return Some(sentence!("it is empty"));
    }
    if !allow_all && !names_something(pattern) {
        return Some(sentence!("it names no part of a key, so that it would match all or nearly all of them"));
    }
    None
}

/// Whether anything but wildcards and character classes is left; `[^x]*` is nearly everything too.
fn names_something(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => {}
            '[' => while characters.next().is_some_and(|c| c != ']') {},
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_match_everything_are_refused_unless_allowed() {
        for pattern in ["*", "**", "?*", "[^x]*", "[a-z]*", "?"] {
            assert!(Patterns::new([pattern]).is_err(), "{pattern}");
            assert!(Patterns::allow_all([pattern]).is_ok(), "{pattern}");
        }
        assert!(Patterns::allow_all([""]).is_err());
        assert!(Patterns::new(["cache:*", "", "x"]).is_err());
    }

    #[test]
    fn patterns_that_name_a_part_of_a_key_pass_once_each() {
        let patterns = Patterns::new(["cache:*", "*:v2", "[ab]c*", "\\*", "cache:*"]).unwrap();
        let all: Vec<_> = patterns.iter().collect();
        assert_eq!(all, ["cache:*", "*:v2", "[ab]c*", "\\*"]);
    }
}
