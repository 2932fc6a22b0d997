//! Semantic versions as teams write them: `v0.8.1`, `0.9.0-beta.1`.

use std::fmt;
use std::str::FromStr;

use sentence::{Sentence, ToValue, Value, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A semantic version (<https://semver.org>), shown with a leading `v`.
///
/// ```
/// use backout_domain::Version;
/// let version: Version = "0.8.1".parse().unwrap();
/// assert_eq!(version.to_string(), "v0.8.1");
/// assert_eq!(version.series(), "v0.8.x");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "v0.8.1")]
pub struct Version(semver::Version);

/// How a version differs from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionKind {
    /// The first number rose.
    Major,
    /// The second number rose.
    Minor,
    /// The third number rose.
    Patch,
    /// A version with a pre-release part such as `-beta.1`.
    Prerelease,
}

impl VersionKind {
    /// The stable word for this kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Prerelease => "prerelease",
        }
    }
}

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct InvalidVersion {
    text: String,
    reason: Sentence,
}

impl InvalidVersion {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        sentence!(
            "'{text}' is not a semantic version: {reason} (expected something like v1.2.3 or 1.2.3-beta.1)",
            text = self.text,
            reason = self.reason
        )
    }
}

/// With the leading `v`, as it is shown and stored.
const MAX_LENGTH: usize = 64;
/// Every number of a pre-release part is padded in the sort key; the store keeps keys of this length.
const MAX_SORT_KEY: usize = 255;

impl Version {
    /// The series that the version belongs to, e.g. `v0.8.x`.
    pub fn series(&self) -> String {
        format!("v{}.{}.x", self.0.major, self.0.minor)
    }

    /// What kind of release the version names, read from its numbers alone.
    pub fn kind(&self) -> VersionKind {
        if !self.0.pre.is_empty() {
            VersionKind::Prerelease
        } else if self.0.patch > 0 {
            VersionKind::Patch
        } else if self.0.minor > 0 {
            VersionKind::Minor
        } else {
            VersionKind::Major
        }
    }

    /// Whether the version has a pre-release part.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// A text whose byte order is the precedence of versions, for keyset lists.
    ///
    /// Numbers are padded; a release sorts after its pre-releases; numeric pre-release identifiers
    /// sort before alphanumeric ones, as semver's rule 11 asks.
    pub fn sort_key(&self) -> String {
        let numbers = format!("{:020}.{:020}.{:020}", self.0.major, self.0.minor, self.0.patch);
        if self.0.pre.is_empty() {
            return format!("{numbers}~");
        }
        let identifiers: Vec<String> = self
            .0
            .pre
            .split('.')
            .map(|identifier| match identifier.parse::<u64>() {
                Ok(number) => format!("0{number:020}"),
                Err(_) => format!("1{identifier}"),
            })
            .collect();
        // '!' sorts before every identifier character, so a longer list comes after its prefix.
        format!("{numbers}-{}", identifiers.join("!"))
    }
}

/// The numbers of a series such as `v0.8.x`; series that came later have greater ones. None where that is no series.
pub fn series_key(series: &str) -> Option<(u64, u64)> {
    let (major, minor) = series.strip_prefix('v')?.strip_suffix(".x")?.split_once('.')?;
    let key = (major.parse().ok()?, minor.parse().ok()?);
    (format!("v{}.{}.x", key.0, key.1) == series).then_some(key)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: Sentence| InvalidVersion { text: text.chars().take(MAX_LENGTH).collect(), reason };
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if bare.len() >= MAX_LENGTH {
            return Err(invalid(sentence!("longer than {limit} characters with its v", limit = MAX_LENGTH)));
        }
        let version =
            semver::Version::parse(bare).map(Self).map_err(|error| invalid(Sentence::verbatim(error.to_string())))?;
        if version.sort_key().len() > MAX_SORT_KEY {
            return Err(invalid(sentence!("its pre-release part has too many numbers")));
        }
        Ok(version)
    }
}

impl ToValue for Version {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn prefix_v_is_accepted_and_always_shown() {
        assert_eq!(version("0.8.2"), version("v0.8.2"));
        assert_eq!(version("0.8.2").to_string(), "v0.8.2");
    }

    #[test]
    fn kind_follows_the_numbers() {
        assert_eq!(version("v0.8.2").kind(), VersionKind::Patch);
        assert_eq!(version("v0.8.0").kind(), VersionKind::Minor);
        assert_eq!(version("v1.0.0").kind(), VersionKind::Major);
        assert_eq!(version("v0.9.0-beta.1").kind(), VersionKind::Prerelease);
    }

    #[test]
    fn error_names_the_text_and_an_example() {
        let error = "v1.2".parse::<Version>().unwrap_err().to_string();
        assert!(error.contains("'v1.2'") && error.contains("v1.2.3"), "{error}");
    }

    #[test]
    fn what_is_a_version_can_be_stored() {
        let longest = format!("1.2.3-{}", "x".repeat(57));
        assert_eq!(version(&longest).to_string().len(), MAX_LENGTH);
        assert!(format!("{longest}x").parse::<Version>().is_err(), "also where no v was written");
        let numbers = |count: usize| format!("1.2.3-{}", vec!["1"; count].join("."));
        assert!(version(&numbers(8)).sort_key().len() <= MAX_SORT_KEY);
        assert!(numbers(9).parse::<Version>().is_err());
    }

    fn any_version() -> impl Strategy<Value = Version> {
        (
            0u64..30,
            0u64..30,
            0u64..30,
            proptest::option::of("(0|[1-9][0-9]{0,3}|[a-z]{1,4})(\\.(0|[1-9][0-9]{0,3}|[a-z]{1,4})){0,2}"),
        )
            .prop_map(|(major, minor, patch, pre)| {
                let pre = pre.map_or(String::new(), |text| format!("-{text}"));
                version(&format!("{major}.{minor}.{patch}{pre}"))
            })
    }

    proptest! {
        #[test]
        fn sort_key_orders_as_semver_does(a in any_version(), b in any_version()) {
            prop_assert_eq!(a.cmp(&b), a.sort_key().cmp(&b.sort_key()));
        }

        #[test]
        fn text_survives_a_round_trip(a in any_version()) {
            prop_assert_eq!(version(&a.to_string()), a);
        }
    }
}
