//! A sentence of the locale files, chosen by its key where something happens and told in the person's language where it is
//! shown. (`sentence::Sentence` is what failures carry; here places are filled bit by bit, and the text is for people alone.)

use i18n::Language;
use sentence::{ToValue, Value};

/// A sentence of the locale files with what stands in its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyed {
    key: &'static str,
    params: Vec<(&'static str, Value)>,
}

impl Keyed {
    /// The sentence of that key.
    pub(crate) fn new(key: &'static str) -> Self {
        Self { key, params: Vec::new() }
    }

    /// The same with a value in the place `%{name}`.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl ToValue) -> Self {
        self.params.push((name, value.to_value()));
        self
    }

    /// Its text.
    pub(crate) fn text(&self, language: Language) -> String {
        let params: Vec<_> = self.params.iter().map(|(name, value)| (*name, i18n::value(language, value))).collect();
        i18n::text(language, self.key, params.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn keys_in(path: &Path, keys: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                keys_in(&entry.unwrap().path(), keys);
            }
            return;
        }
        let code = std::fs::read_to_string(path).unwrap();
        let texts = code.split('"').skip(1).filter_map(|text| text.strip_prefix("serve."));
        keys.extend(texts.filter(|key| !key.is_empty() && !key.contains([' ', '\n'])).map(str::to_owned));
    }

    #[test]
    fn every_sentence_of_the_service_exists_and_none_is_left_over() {
        let mut said = BTreeSet::new();
        keys_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut said);
        let lines = include_str!("../../i18n/locales/en.yml").lines().skip_while(|line| *line != "serve:").skip(1);
        let there: BTreeSet<String> = lines
            .take_while(|line| line.starts_with(' '))
            .filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned()))
            .collect();
        assert_eq!(said, there);
    }
}
