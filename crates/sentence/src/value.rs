//! What stands in a sentence's places.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use serde::{Deserialize, Serialize};

use crate::{SEPARATOR, Sentence};

/// What stands in one place of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    pub(crate) fn change_texts(&mut self, change: &impl Fn(&str) -> String) {
        match self {
            Self::Text(text) => *text = change(text),
            Self::Sentence(sentence) => **sentence = sentence.as_ref().clone().with_texts(change),
            Self::List(all) => all.iter_mut().for_each(|one| *one = one.clone().with_texts(change)),
        }
    }

    /// What stands there in another language; see [`Sentence::told`].
    pub fn told(&self, translate: &impl Fn(&str) -> Option<String>, separator: &str) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Sentence(sentence) => sentence.told(translate, separator),
            Self::List(all) => all.iter().map(|one| one.told(translate, separator)).collect::<Vec<_>>().join(separator),
        }
    }
}

/// In English.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(&|_| None, SEPARATOR))
    }
}

impl PartialEq<str> for Value {
    /// Compares with what it says in English.
    fn eq(&self, english: &str) -> bool {
        self.told(&|_| None, SEPARATOR) == english
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, english: &&str) -> bool {
        *self == **english
    }
}

/// What can stand in a place: names, numbers and other sentences. An error of ours has to come as its sentence, so that it
/// is told in the same language.
pub trait ToValue {
    /// As it stands in the place.
    fn to_value(&self) -> Value;
}

impl ToValue for Sentence {
    fn to_value(&self) -> Value {
        Value::Sentence(Box::new(self.clone()))
    }
}

impl ToValue for Vec<Sentence> {
    fn to_value(&self) -> Value {
        Value::List(self.clone())
    }
}

impl ToValue for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Box<T> {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

macro_rules! names_and_numbers {
    ($($kind:ty),*) => {
        $(impl ToValue for $kind {
            fn to_value(&self) -> Value {
                Value::Text(self.to_string())
            }
        })*
    };
}

// (What the operating system says of an error are its words.)
names_and_numbers!(str, String, Cow<'_, str>, u8, u16, u32, u64, u128, usize, i32, i64, io::Error);

impl ToValue for Path {
    fn to_value(&self) -> Value {
        Value::Text(self.display().to_string())
    }
}

impl ToValue for PathBuf {
    fn to_value(&self) -> Value {
        self.as_path().to_value()
    }
}
