//! What a person reads of an answer, in their language.

use domain::finding::Finding;
use i18n::Language;
use sentence::Sentence;
use serde_json::Value;

/// Makes a text of every sentence, and gives every finding its sentence (`message`) and, where there is one, the next
/// command (`hint`), at any depth.
pub(crate) fn tell(value: &mut Value, language: Language) {
    if let Some(sentence) = sentence_of(value) {
        *value = i18n::sentence(language, &sentence).into();
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(findings)) = members.get_mut("findings") {
                for finding in findings {
                    tell_finding(finding, language);
                }
            }
            members.values_mut().for_each(|member| tell(member, language));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tell(item, language)),
        _ => {}
    }
}

/// The sentence, where it is one: nothing else has these two members and no others.
fn sentence_of(value: &Value) -> Option<Sentence> {
    let members = value.as_object()?;
    let is_sentence = members.len() == 2 && members.contains_key("sentence") && members.contains_key("values");
    is_sentence.then(|| serde_json::from_value(value.clone()).ok())?
}

fn tell_finding(value: &mut Value, language: Language) {
    let Ok(finding) = serde_json::from_value::<Finding>(value.clone()) else { return };
    let Value::Object(members) = value else { return };
    members.insert("message".to_owned(), i18n::finding(language, &finding).into());
    if let Some(hint) = i18n::finding_hint(language, &finding) {
        members.insert("hint".to_owned(), hint.into());
    }
}

#[cfg(test)]
mod tests {
    use domain::finding::Code;
    use sentence::sentence;
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_at_any_depth_get_their_sentence() {
        let finding = Finding::new(Code::ImageMissing, [("image", "web:v1"), ("host", "local")]);
        let mut value = json!({ "data": { "plan": { "findings": [finding, "not a finding"] } } });
        tell(&mut value, Language::En);
        let told = &value["data"]["plan"]["findings"][0];
        assert_eq!(told["message"], "Image web:v1 is not on host local.");
        assert!(told["hint"].as_str().unwrap().starts_with("docker pull"));
        assert_eq!(value["data"]["plan"]["findings"][1], "not a finding");
    }

    #[test]
    fn sentences_at_any_depth_become_texts() {
        let why =
            sentence!("host {host}: {error}", host = "local", error = sentence!("container {x} is gone", x = "web"));
        let mut value = json!({ "steps": [{ "error": { "message": why } }], "other": { "sentence": "a", "b": "c" } });
        tell(&mut value, Language::En);
        let told = json!({ "steps": [{ "error": { "message": "host local: container web is gone" } }],
                           "other": { "sentence": "a", "b": "c" } });
        assert_eq!(value, told);
    }
}
