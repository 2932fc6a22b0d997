//! What a person is told, kept apart from its values until it is known in which language.
//!
//! Code says it in English: `sentence!("container {container} is gone", container)`. That English text is the key of its
//! translation in `crates/i18n/sentences/`, and a test there holds every `sentence!` of the sources against it. On its way
//! (journal, control database) a sentence is `{"sentence": "container {container} is gone", "values": {"container": "web"}}`;
//! whoever answers a person makes a text of it.

mod text;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use text::fill;
pub use value::{ToValue, Value};

/// A sentence in English, with the values for its `{places}`. [`fmt::Display`] tells it in English.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Sentence {
    template: Cow<'static, str>,
    values: BTreeMap<Cow<'static, str>, Value>,
}

/// Makes a [`Sentence`]: a literal with `{places}`, then a value for each, taken by reference. `name` alone stands for
/// `name = name`.
///
/// ```
/// use backout_sentence::sentence;
/// let host = "local";
/// assert_eq!(sentence!("host {host} has {free} bytes", host, free = 12_u64).to_string(), "host local has 12 bytes");
/// ```
#[macro_export]
macro_rules! sentence {
    ($template:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        $crate::Sentence::new($template, [$((stringify!($name), $crate::sentence!(@value $name $(= $value)?))),*])
    };
    (@value $name:ident) => { $crate::ToValue::to_value(&$name) };
    (@value $name:ident = $value:expr) => { $crate::ToValue::to_value(&$value) };
}

impl Sentence {
    /// Use [`sentence!`], which is what the test of the translations looks for.
    pub fn new<const N: usize>(template: &'static str, values: [(&'static str, Value); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Self { template: Cow::Borrowed(template), values }
    }

    /// Words that are not ours, such as a server's: the same in every language.
    pub fn verbatim(words: impl Into<String>) -> Self {
        let values = BTreeMap::from([(Cow::Borrowed("words"), Value::Text(words.into()))]);
        Self { template: Cow::Borrowed(VERBATIM), values }
    }

    /// The same sentence with each text among its values changed, as by masking secrets.
    #[must_use]
    pub fn with_texts(mut self, change: &impl Fn(&str) -> String) -> Self {
        for value in self.values.values_mut() {
            value.change_texts(change);
        }
        self
    }

    /// The sentence in another language: `translate` gives a template's translation, where there is one.
    pub fn told(&self, translate: &impl Fn(&str) -> Option<String>, separator: &str) -> String {
        let template = translate(&self.template).map_or_else(|| Cow::Borrowed(&*self.template), Cow::Owned);
        fill(&template, |name| Some(self.values.get(name)?.told(translate, separator)))
    }
}

impl PartialEq<&str> for Sentence {
    /// Compares with what it says in English.
    fn eq(&self, english: &&str) -> bool {
        self.told(&|_| None, SEPARATOR) == **english
    }
}

/// Between the members of a list, in English.
pub(crate) const SEPARATOR: &str = "; ";

/// The template of words that are not ours.
const VERBATIM: &str = "{words}";

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(&|_| None, SEPARATOR))
    }
}

/// A sentence as it is written down. Words that are not ours, and what was written before there were sentences, are a
/// bare text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Bare(String),
    Whole { sentence: Cow<'static, str>, values: BTreeMap<Cow<'static, str>, Value> },
}

impl From<Sentence> for Stored {
    fn from(Sentence { template, values }: Sentence) -> Self {
        match values.get("words") {
            Some(Value::Text(words)) if template == VERBATIM => Self::Bare(words.clone()),
            _ => Self::Whole { sentence: template, values },
        }
    }
}

impl From<Stored> for Sentence {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Bare(words) => Self::verbatim(words),
            Stored::Whole { sentence, values } => Self { template: sentence, values },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_chinese(template: &str) -> Option<String> {
        let known = [
            ("host {host}: {error}", "主机 {host}：{error}"),
            ("container {container} is gone", "容器 {container} 已不在"),
            ("{count} probes failed: {failures}", "{count} 个探测失败：{failures}"),
        ];
        known.iter().find(|(english, _)| *english == template).map(|(_, chinese)| (*chinese).to_owned())
    }

    #[test]
    fn a_sentence_within_a_sentence_is_translated_too() {
        let inner = sentence!("container {container} is gone", container = "web");
        let outer = sentence!("host {host}: {error}", host = "local", error = inner);
        assert_eq!(outer.to_string(), "host local: container web is gone");
        assert_eq!(outer.told(&in_chinese, "；"), "主机 local：容器 web 已不在");
    }

    #[test]
    fn a_list_is_told_in_one_line() {
        let failures = vec![Sentence::verbatim("a"), sentence!("container {container} is gone", container = "web")];
        let told = sentence!("{count} probes failed: {failures}", count = 2_usize, failures);
        assert_eq!(told.to_string(), "2 probes failed: a; container web is gone");
        assert_eq!(told.told(&in_chinese, "；"), "2 个探测失败：a；容器 web 已不在");
    }

    #[test]
    fn texts_are_changed_at_any_depth_and_templates_are_not() {
        let inner = sentence!("container {container} is gone", container = "gone");
        let told = sentence!("{count} probes failed: {failures}", count = "gone", failures = vec![inner]);
        let changed = told.with_texts(&|text| text.replace("gone", "***"));
        assert_eq!(changed.to_string(), "*** probes failed: container *** is gone");
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let inner = sentence!("container {container} is gone", container = "{host}");
        let outer = sentence!("host {host}: {error}", host = "local", error = inner);
        let written = serde_json::to_value(&outer).unwrap();
        assert_eq!(written["values"]["error"]["sentence"], "container {container} is gone");
        let read: Sentence = serde_json::from_value(written).unwrap();
        assert_eq!(read, outer);
        assert_eq!(read.to_string(), "host local: container {host} is gone");
    }

    #[test]
    fn a_bare_text_is_read_as_words_that_are_not_ours() {
        let read: Sentence = serde_json::from_value(json!("host {host} is away")).unwrap();
        assert_eq!(read, Sentence::verbatim("host {host} is away"));
        assert_eq!(read.told(&in_chinese, "；"), "host {host} is away");
        assert_eq!(serde_json::to_value(read).unwrap(), json!("host {host} is away"));
    }

    #[test]
    fn words_that_are_not_ours_are_never_read_as_a_template() {
        assert_eq!(Sentence::verbatim("{words} {x} {").to_string(), "{words} {x} {");
    }
}
