//! Sentences that code says in English, in the language of whoever reads them.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::problem::ProblemType;
use sentence::{Sentence, ToValue, Value};

use crate::Language;

/// Chinese by the English that stands in the sources. A file that cannot be read is empty, which a test would see.
static CHINESE: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| toml::from_str(include_str!("../sentences/zh-CN.toml")).unwrap_or_default());

/// What the sentence says in that language; a sentence without translation is told in English.
pub fn sentence(language: Language, sentence: &Sentence) -> String {
    value(language, &sentence.to_value())
}

/// The next command or call after a problem of that type, where the answer names no better one.
pub fn problem_next(language: Language, problem: ProblemType) -> String {
    sentence(language, &Sentence::new(problem.next(), []))
}

/// What stands in a sentence's place, in that language.
pub fn value(language: Language, value: &Value) -> String {
    match language {
        Language::En => value.told(&|_| None, "; "),
        Language::ZhCn => value.told(&|template| CHINESE.get(template).cloned(), "；"),
    }
}
