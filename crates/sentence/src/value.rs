//! What stands in a sentence's places.

use serde::{Deserialize, Serialize};

use crate::Sentence;

/// What stands in one place of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A name, a number: the same in every language.
    Text(String),
    /// A sentence within the sentence.
    Sentence(Box<Sentence>),
    /// Several, told one after the other.
    List(Vec<Sentence>),
}

impl Value {
    pub(crate) fn told(&self, translate: &impl Fn(&str) -> Option<String>, separator: &str) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Sentence(sentence) => sentence.told(translate, separator),
            Self::List(all) => all.iter().map(|one| one.told(translate, separator)).collect::<Vec<_>>().join(separator),
        }
    }
}

impl From<Sentence> for Value {
    fn from(sentence: Sentence) -> Self {
        Self::Sentence(Box::new(sentence))
    }
}

impl From<&Sentence> for Value {
    fn from(sentence: &Sentence) -> Self {
        sentence.clone().into()
    }
}

impl From<Vec<Sentence>> for Value {
    fn from(all: Vec<Sentence>) -> Self {
        Self::List(all)
    }
}

macro_rules! from_what_reads_alike_everywhere {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Text(value.to_string())
            }
        })*
    };
}

from_what_reads_alike_everywhere!(
    &str, String, &String, u8, &u8, u16, &u16, u32, &u32, u64, &u64, usize, &usize, u128, i32, &i32, i64, &i64
);
