//! Every sentence that a person reads, in English and Chinese.
//!
//! The sentences are in `locales/en.yml` and `locales/zh-CN.yml`; a test holds the two together. Why something failed is
//! said where it fails, in English; `sentences/zh-CN.toml` has the Chinese, and a test holds it against the sources.
//! Programs never read them: they have codes, slugs and states.

mod language;
mod sentence;
mod sentences;

pub use language::Language;
pub use sentence::{problem_next, sentence, value};
pub use sentences::{finding, finding_hint, job_state, problem_title, step_name, step_state};

rust_i18n::i18n!("locales", fallback = "en");

// The macro reads the files without telling the compiler; naming them here makes a change to them a rebuild.
const _: (&str, &str) = (include_str!("../locales/en.yml"), include_str!("../locales/zh-CN.yml"));

/// The sentence of that key, with each `%{name}` replaced by the parameter of that name.
///
/// A key without a sentence is given back as it is, and a placeholder without a parameter stays: what a
/// person then sees is ugly but says what is missing.
pub fn text<'a>(language: Language, key: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    match _rust_i18n_try_translate(language.tag(), key) {
        Some(template) => substitute(&template, &params.into_iter().collect::<Vec<_>>()),
        None => key.to_owned(),
    }
}

/// Whether there is a sentence of that key.
pub fn has(key: &str) -> bool {
    _rust_i18n_try_translate(Language::En.tag(), key).is_some()
}

/// One pass over the template, so that a value which looks like a placeholder stays what it is.
///
/// `rust_i18n::replace_patterns` is not used: it takes any `{` after a lone `%` for a placeholder.
fn substitute(template: &str, params: &[(&str, &str)]) -> String {
    let mut sentence = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, opened)) = rest.split_once("%{") {
        sentence.push_str(before);
        let Some((name, after)) = opened.split_once('}') else {
            sentence.push_str("%{");
            rest = opened;
            break;
        };
        if let Some((_, value)) = params.iter().find(|(known, _)| *known == name) {
            sentence.push_str(value);
        } else {
            sentence.push_str("%{");
            sentence.push_str(name);
            sentence.push('}');
        }
        rest = after;
    }
    sentence.push_str(rest);
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_place_and_never_read_as_templates() {
        assert_eq!(substitute("a %{x} b %{y}", &[("x", "%{y}"), ("y", "2")]), "a %{y} b 2");
    }

    #[test]
    fn a_placeholder_without_parameter_stays() {
        assert_eq!(substitute("镜像 %{image} 100% {x} %{", &[]), "镜像 %{image} 100% {x} %{");
    }

    #[test]
    fn a_key_without_sentence_is_given_back() {
        assert!(!has("no.such.key"));
        assert_eq!(text(Language::ZhCn, "no.such.key", []), "no.such.key");
    }
}
