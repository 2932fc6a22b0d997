//! A setting of a service, open or secret.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// What a setting looks like.
const SETTING: &str = "either `plain` or `secret` with its text";

/// A setting of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvValue {
    /// Shown to everybody who may see the environment.
    Plain(String),
    /// Sealed at rest, masked in every answer.
    Secret(Secret),
}

/// Written by hand, since serde's own errors repeat what they were given, and a secret whose `secret` was forgotten
/// would be shown.
impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Setting;

        impl<'de> Visitor<'de> for Setting {
            type Value = EnvValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SETTING)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EnvValue, A::Error> {
                let mistake = || de::Error::custom(format_args!("a setting has to be {SETTING}"));
                let kind: String = map.next_key()?.ok_or_else(mistake)?;
                let text: String = map.next_value().map_err(|_| mistake())?;
                let value = match kind.as_str() {
                    "plain" => EnvValue::Plain(text),
                    "secret" => EnvValue::Secret(Secret::new(text)),
                    _ => return Err(mistake()),
                };
                if map.next_key::<IgnoredAny>()?.is_some() { Err(mistake()) } else { Ok(value) }
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<EnvValue, E> {
                Err(alone())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<EnvValue, E> {
                Err(alone())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<EnvValue, E> {
                Err(alone())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<EnvValue, E> {
                Err(alone())
            }
        }

        deserializer.deserialize_any(Setting)
    }
}

fn alone<E: de::Error>() -> E {
    E::custom(format_args!("a setting has to be {SETTING}, not a value alone"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn a_setting_is_read_as_it_is_written() {
        for (setting, value) in [
            (EnvValue::Plain("1".into()), json!({ "plain": "1" })),
            (EnvValue::Secret(Secret::new("2")), json!({ "secret": "2" })),
        ] {
            assert_eq!(serde_json::to_value(&setting).unwrap(), value);
            assert_eq!(from_value::<EnvValue>(value).unwrap(), setting);
        }
    }

    #[test]
    fn a_mistake_does_not_show_what_was_meant_to_be_secret() {
        let mistakes = [
            json!("hunter2"),
            json!(31337),
            json!(-31337),
            json!(3.1337),
            json!({ "secret": 31337 }),
            json!({ "hunter2": "" }),
            json!({ "secret": "hunter2", "plain": "hunter2" }),
            json!({}),
        ];
        for mistake in mistakes {
            let told = from_value::<EnvValue>(mistake).unwrap_err().to_string();
            assert!(!told.contains("hunter2") && !told.contains("1337"), "{told}");
            assert!(told.contains(SETTING), "{told}");
        }
        from_value::<EnvValue>(Value::Null).unwrap_err();
    }
}
