//! A sentence that is chosen where something happens and told in the person's language where it is shown.

use std::fmt::Display;

use i18n::Language;

/// A sentence of the locale files with what stands in its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    key: &'static str,
    params: Vec<(&'static str, String)>,
}

impl Sentence {
    /// The sentence of that key.
    pub(crate) fn new(key: &'static str) -> Self {
        Self { key, params: Vec::new() }
    }

    /// The same with a value in the place `%{name}`.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.params.push((name, value.to_string()));
        self
    }

    /// Its text.
    pub(crate) fn text(&self, language: Language) -> String {
        i18n::text(language, self.key, self.params.iter().map(|(name, value)| (*name, value.as_str())))
    }
}
