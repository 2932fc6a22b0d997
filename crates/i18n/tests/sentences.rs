//! Every `sentence!` of the sources has a translation, and every translation a `sentence!`.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use backout_i18n::{self as i18n, Language};
use domain::problem::ProblemType;
use regex::Regex;
use sentence::sentence;

static CALL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"sentence!\(\s*"((?:[^"\\]|\\(?s:.))*)""#).unwrap());
static CONTINUED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\\n\s*").unwrap());
static PLACE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{(\w+)\}").unwrap());

const CHINESE: &str = include_str!("../sentences/zh-CN.toml");

/// The templates that stand in the sources, tests left out.
fn in_sources() -> BTreeSet<String> {
    let mut found: BTreeSet<String> = ProblemType::ALL.iter().map(|problem| problem.next().to_owned()).collect();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !["tests", "sentence"].contains(&name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests.rs" {
                let source = fs::read_to_string(&path).unwrap();
                let shipped = source.split("#[cfg(test)]").next().unwrap();
                found.extend(CALL.captures_iter(shipped).map(|call| unescaped(&call[1])));
            }
        }
    }
    found
}

/// What a string literal stands for, as far as sentences need it.
fn unescaped(literal: &str) -> String {
    let continued = CONTINUED.replace_all(literal, "").into_owned();
    continued.replace("\\\"", "\"").replace("\\\\", "\\")
}

fn translations() -> BTreeMap<String, String> {
    toml::from_str(CHINESE).unwrap()
}

fn places(template: &str) -> BTreeSet<String> {
    PLACE.captures_iter(template).map(|place| place[1].to_owned()).collect()
}

#[test]
fn every_sentence_of_the_sources_has_a_translation_and_none_is_left_over() {
    let (sources, translated) = (in_sources(), translations().into_keys().collect::<BTreeSet<_>>());
    assert!(!sources.is_empty(), "no sentence was found");
    let lacking: Vec<_> = sources.difference(&translated).collect();
    assert!(lacking.is_empty(), "without translation: {lacking:#?}");
    let left_over: Vec<_> = translated.difference(&sources).collect();
    assert!(left_over.is_empty(), "no longer in the sources: {left_over:#?}");
}

#[test]
fn a_translation_has_the_places_of_its_sentence() {
    for (english, chinese) in translations() {
        assert_eq!(places(&english), places(&chinese), "{english}");
        assert!(!chinese.trim().is_empty(), "{english}");
    }
}

#[test]
fn translations_are_sorted() {
    let keys: Vec<&str> = CHINESE.lines().filter(|line| line.starts_with('"')).collect();
    assert!(keys.is_sorted(), "{:?}", keys.windows(2).find(|pair| pair[0] > pair[1]));
}

#[test]
fn a_sentence_is_told_in_the_language_asked_for() {
    let inner = sentence!("container {container} is gone", container = "web");
    let why = sentence!("host {host}: {error}", host = "local", error = inner);
    assert_eq!(i18n::sentence(Language::En, &why), "host local: container web is gone");
    assert_eq!(i18n::sentence(Language::ZhCn, &why), "主机 local：容器 web 已不在");
}
