//! What CI registers: a version with its images, migrations and configuration.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::Version;
use crate::environment::{Engine, EnvValue, FieldError, is_name};
use crate::limits::{MAX_TEXT, is_storable_time};

/// A release as registered in one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Semantic version; a `v` prefix is accepted.
    pub version: Version,
    /// When it was released; registration time if absent.
    #[serde(default)]
    pub released_at: Option<DateTime<Utc>>,
    /// What changed, for people.
    #[serde(default)]
    pub notes: String,
    /// The same in Chinese, where the team writes both.
    #[serde(default)]
    pub notes_zh: String,
    /// Where its source is.
    #[serde(default)]
    pub git: GitRefs,
    /// Image reference by service.
    pub images: BTreeMap<String, String>,
    /// Digest of the image by service, `sha256:` and 64 hexadecimal digits: the one that the registry told when the image
    /// was pushed, or the image's id. A host on which the reference names another image is a blocker.
    // Left out where there is none: a registration from before there were digests keeps its hash, and stays the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub image_digests: BTreeMap<String, String>,
    /// Schema by data store.
    #[serde(default)]
    pub schema: BTreeMap<String, ReleaseSchema>,
    /// Configuration by environment, then service, then key: pinned values, rolled back with the image.
    #[serde(default)]
    pub config: BTreeMap<String, BTreeMap<String, ServiceConfig>>,
    /// Server versions it needs, by engine, e.g. `{"mariadb": ">=10.6"}`.
    #[serde(default)]
    pub requires: BTreeMap<String, String>,
}

/// The pinned configuration of one service.
pub type ServiceConfig = BTreeMap<String, EnvValue>;

/// Where the source of a release is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitRefs {
    /// Tag, e.g. `release/v0.8.2`.
    pub tag: Option<String>,
    /// Commit id.
    pub commit: Option<String>,
    /// Branch.
    pub branch: Option<String>,
}

/// The schema that a release brings for one data store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSchema {
    /// Kind of the data store.
    pub engine: Engine,
    /// Which schema heads the image can run on.
    #[serde(default)]
    pub runs_on: SchemaRange,
    /// Every migration of the release's tree, oldest first.
    pub migrations: Vec<MigrationSource>,
}

impl ReleaseSchema {
    /// Version of the newest migration.
    pub fn head(&self) -> Option<&str> {
        self.migrations.last().map(|migration| migration.version.as_str())
    }
}

/// Inclusive bounds of schema heads; an absent bound is no bound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemaRange {
    /// Oldest head.
    pub min: Option<String>,
    /// Newest head.
    pub max: Option<String>,
}

impl SchemaRange {
    /// Whether an image with these bounds runs on a schema whose newest migration is `head`.
    pub fn admits(&self, head: Option<&str>) -> bool {
        let head = head.unwrap_or("");
        self.min.as_deref().is_none_or(|min| head >= min) && self.max.as_deref().is_none_or(|max| head <= max)
    }
}

/// A migration as written, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationSource {
    /// Version as the ledger knows it, e.g. `20250110001`.
    pub version: String,
    /// Name, e.g. `add_2fa_columns`.
    pub name: String,
    /// The script that goes forward.
    pub up: String,
    /// The script that goes back; without one, the migration cannot be rolled back.
    #[serde(default)]
    pub down: Option<String>,
}

/// SHA-256 of a script's bytes, as lower-case hexadecimal digits.
pub fn script_sha256(script: &str) -> String {
    hex::encode(Sha256::digest(script.as_bytes()))
}

const MAX_MIGRATION_VERSION: usize = 64;
const MAX_MIGRATION_NAME: usize = 255;

impl ReleaseSpec {
    /// Everything that is wrong with the registration, all at once.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field: String, message: Sentence| errors.push(FieldError { field, message });
        for (field, text) in [("notes", &self.notes), ("notes_zh", &self.notes_zh)] {
            if text.len() > MAX_TEXT {
                wrong(field.into(), sentence!("is longer than {limit} bytes", limit = MAX_TEXT));
            }
        }
        if self.released_at.is_some_and(|at| !is_storable_time(at)) {
            wrong("released_at".into(), sentence!("must be in the years 1000 to 9999"));
        }
        if self.images.is_empty() {
            wrong("images".into(), sentence!("needs an image for at least one service"));
        }
        for (service, image) in &self.images {
            if !is_name(service) {
                wrong(format!("images.{service}"), sentence!("is not a service name"));
            }
            if image.is_empty() || image.len() > 255 || image.contains(char::is_whitespace) {
                wrong(format!("images.{service}"), sentence!("must be an image reference of 1 to 255 characters"));
            }
        }
        for (service, digest) in &self.image_digests {
            if !self.images.contains_key(service) {
                wrong(format!("image_digests.{service}"), sentence!("names a service that has no image"));
            }
            if !is_digest(digest) {
                wrong(format!("image_digests.{service}"), sentence!("must be sha256: and 64 of 0-9 and a-f"));
            }
        }
        for (store, schema) in &self.schema {
            if !is_name(store) {
                wrong(format!("schema.{store}"), sentence!("is not the name of a data store"));
            }
            for (index, migration) in schema.migrations.iter().enumerate() {
                let at = format!("schema.{store}.migrations[{index}]");
                let version_ok = !migration.version.is_empty()
                    && migration.version.len() <= MAX_MIGRATION_VERSION
                    && migration.version.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
                if !version_ok {
                    wrong(
                        format!("{at}.version"),
                        sentence!("must be 1 to {limit} letters, digits, '_' or '-'", limit = MAX_MIGRATION_VERSION),
                    );
                }
                if index > 0 && schema.migrations[index - 1].version >= migration.version {
                    wrong(format!("{at}.version"), sentence!("is not greater than the one before it"));
                }
                if migration.name.chars().count() > MAX_MIGRATION_NAME {
                    wrong(
                        format!("{at}.name"),
                        sentence!("is longer than {limit} characters", limit = MAX_MIGRATION_NAME),
                    );
                }
                if migration.up.trim().is_empty() {
                    wrong(format!("{at}.up"), sentence!("is empty"));
                }
            }
            if schema.engine == Engine::Redis && !schema.migrations.is_empty() {
                wrong(format!("schema.{store}.engine"), sentence!("redis has no migrations"));
            }
        }
        errors.extend(check_requirements(&self.requires));
        errors
    }
}

/// What is wrong with requirements of server versions.
pub(crate) fn check_requirements(requires: &BTreeMap<String, String>) -> impl Iterator<Item = FieldError> + '_ {
    requires.iter().filter_map(|(engine, requirement)| {
        let error = semver::VersionReq::parse(requirement).err()?;
        Some(FieldError { field: format!("requires.{engine}"), message: Sentence::verbatim(error.to_string()) })
    })
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_admits_heads_within_its_bounds_only() {
        let range = SchemaRange { min: Some("20250108001".into()), max: Some("20250108001".into()) };
        assert!(range.admits(Some("20250108001")));
        assert!(!range.admits(Some("20250110001")));
        assert!(!range.admits(None));
        assert!(SchemaRange::default().admits(None));
    }

    fn spec(changes: &serde_json::Value) -> ReleaseSpec {
        let mut spec = serde_json::json!({ "version": "v1.0.0", "images": { "web": "web:1" } });
        spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn wrong(changes: &serde_json::Value) -> Vec<String> {
        spec(changes).validate().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_digest_belongs_to_a_service_that_has_an_image() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let digests = |service: &str, digest: &str| serde_json::json!({ "image_digests": { service: digest } });
        assert_eq!(wrong(&digests("web", &digest)), [""; 0]);
        assert_eq!(wrong(&digests("api", &digest)), ["image_digests.api"]);
        for none in ["", "sha256:", &digest[..70], &digest.to_uppercase(), &digest[7..], &format!("{digest}0")] {
            assert_eq!(wrong(&digests("web", none)), ["image_digests.web"], "{none}");
        }
    }

    #[test]
    fn a_registration_without_digests_is_written_as_it_was_before_there_were_any() {
        assert_eq!(serde_json::to_value(spec(&serde_json::json!({}))).unwrap().get("image_digests"), None);
    }

    #[test]
    fn texts_are_as_long_as_they_can_be_stored() {
        let migrations = |name: String| {
            serde_json::json!({ "schema": { "main": {
                "engine": "mariadb", "migrations": [{ "version": "1", "name": name, "up": "SELECT 1" }],
            } } })
        };
        assert_eq!(wrong(&migrations("名".repeat(255))), [""; 0], "characters count, not bytes");
        assert_eq!(wrong(&migrations("n".repeat(256))), ["schema.main.migrations[0].name"]);
        assert_eq!(wrong(&serde_json::json!({ "notes": "n".repeat(MAX_TEXT) })), [""; 0]);
        assert_eq!(wrong(&serde_json::json!({ "notes_zh": "名".repeat(MAX_TEXT / 3 + 1) })), ["notes_zh"]);
    }
}
