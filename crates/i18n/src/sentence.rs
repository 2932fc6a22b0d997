//! Sentences that code says in English, in the language of whoever reads them.

use std::collections::HashMap;
use std::sync::LazyLock;

use sentence::Sentence;

use crate::Language;

/// Chinese by the English that stands in the sources. A file that cannot be read is empty, which a test would see.
static CHINESE: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| toml::from_str(include_str!("../sentences/zh-CN.toml")).unwrap_or_default());

/// What the sentence says in that language; a sentence without translation is told in English.
pub fn sentence(language: Language, sentence: &Sentence) -> String {
    match language {
        Language::En => sentence.to_string(),
        Language::ZhCn => sentence.told(&|template| CHINESE.get(template).cloned(), "；"),
    }
}
