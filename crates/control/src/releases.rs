//! Releases.

use std::collections::BTreeMap;

use domain::Version;
use domain::environment::{EnvValue, FieldError};
use domain::ids::ReleaseId;
use domain::problem::ProblemType;
use domain::release::{ReleaseSpec, ServiceConfig};
use domain::view::{Page, ReleaseDetail, ReleaseView, WayBack};
use sentence::{Sentence, sentence};
use sha2::{Digest, Sha256};
use store::{Keyring, NewRelease, Registered, ReleaseQuery, StoredRelease};

use crate::{Caller, Control, Error, PageRequest, Result, permission};

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFilter {
    /// Only of this series, e.g. `v0.8.x`.
    pub series: Option<String>,
    /// Only with this text in version or notes.
    pub search: Option<String>,
}

impl Control {
    /// Registers a release; `true` means that it is new. The same content again changes nothing, other content for the
    /// same version answers `already-exists`.
    pub async fn register_release(
        &self,
        caller: &Caller,
        application: &str,
        spec: ReleaseSpec,
    ) -> Result<(ReleaseDetail, bool)> {
        caller.require(permission::RELEASE_REGISTER)?;
        let owner = self.application(application).await?;
        let version = spec.version.clone();
        let new = self.seal_release(spec)?;
        match self.database().register_release(&caller.actor, owner.id, &new).await? {
            Registered::Different => Err(Error::new(
                ProblemType::AlreadyExists,
                sentence!("{version} of '{application}' is registered with other content", version, application),
            )
            .with_hint(sentence!("register the change under a new version"))),
            outcome => {
                let stored = self.database().release(owner.id, &version).await?;
                // Again where it was registered before: whoever did may have been interrupted here.
                self.rehearse_registered(&caller.actor, owner.id, &stored).await?;
                Ok((self.detail(stored).await?, outcome == Registered::New))
            }
        }
    }

    /// Releases, newest version first.
    pub async fn list_releases(
        &self,
        caller: &Caller,
        application: &str,
        filter: ReleaseFilter,
        page: PageRequest,
    ) -> Result<Page<ReleaseView>> {
        caller.require(permission::READ)?;
        let owner = self.application(application).await?;
        let query = ReleaseQuery { series: filter.series, search: filter.search };
        let stored = self.database().releases(owner.id, &query, &page.cursor()?).await?;
        let ids: Vec<ReleaseId> = stored.items.iter().map(|release| release.id).collect();
        let mut ways = self.database().ways_back(&ids).await?;
        let view = |release: &StoredRelease| view(release, ways.remove(&release.id).unwrap_or_default());
        Ok(Page { items: stored.items.iter().map(view).collect(), next_cursor: stored.next_cursor })
    }

    /// The release of that version.
    pub async fn get_release(&self, caller: &Caller, application: &str, version: &str) -> Result<ReleaseDetail> {
        caller.require(permission::READ)?;
        let owner = self.application(application).await?;
        self.detail(self.release(owner.id, application, version).await?).await
    }

    async fn detail(&self, release: StoredRelease) -> Result<ReleaseDetail> {
        let ways = self.database().ways_back(&[release.id]).await?.remove(&release.id).unwrap_or_default();
        Ok(detail(release, ways))
    }

    /// The release that a text names.
    pub(crate) async fn release(
        &self,
        owner: domain::ids::ApplicationId,
        application: &str,
        version: &str,
    ) -> Result<StoredRelease> {
        let version = parse_version(version)?;
        self.database().release(owner, &version).await.map_err(|error| match error {
            store::Error::Missing(_) => Error::new(
                ProblemType::UnknownVersion,
                sentence!("'{application}' has no release {version}", application, version),
            )
            .with_command(format!("backout releases --app {application}")),
            other => other.into(),
        })
    }

    fn seal_release(&self, mut spec: ReleaseSpec) -> Result<NewRelease> {
        let mut errors = spec.validate();
        let id = ReleaseId::generate();
        let content = serde_json::to_vec(&spec)
            .map_err(|error| Error::new(ProblemType::Internal, Sentence::verbatim(error.to_string())))?;
        let mut config_sha256: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (environment, services) in &mut spec.config {
            for (service, config) in services {
                config_sha256
                    .entry(environment.clone())
                    .or_default()
                    .insert(service.clone(), config_code(self.keys(), config));
                for (key, value) in config {
                    let EnvValue::Secret(secret) = value else { continue };
                    if secret.is_mask() || secret.is_sealed() {
                        errors.push(FieldError {
                            field: format!("config.{environment}.{service}.{key}"),
                            message: sentence!("is a mask or a sealed value; send the value itself"),
                        });
                    } else {
                        *secret = self.keys().seal(&config_place(id, environment, service, key), secret)?;
                    }
                }
            }
        }
        if !errors.is_empty() {
            return Err(Error::invalid_fields(errors));
        }
        Ok(NewRelease { id, spec, content_sha256: Sha256::digest(&content).into(), config_sha256 })
    }
}

/// Where a pinned secret belongs: it opens nowhere else.
pub(crate) fn config_place(release: ReleaseId, environment: &str, service: &str, key: &str) -> String {
    format!("release/{release}/{environment}/{service}/{key}")
}

pub(crate) fn parse_version(text: &str) -> Result<Version> {
    text.parse().map_err(|error: domain::version::InvalidVersion| {
        Error::new(ProblemType::InvalidVersion, error.sentence()).with_command("backout releases")
    })
}

/// Tells two configurations apart. It is shown in plans, so it must not help to guess a secret.
fn config_code(keys: &Keyring, config: &ServiceConfig) -> String {
    hex::encode(keys.mac(&config_parts(config)))
}

/// Whether a configuration, its secrets opened, is the one that has this code.
pub(crate) fn is_config(keys: &Keyring, code: &str, config: &ServiceConfig) -> bool {
    hex::decode(code).is_ok_and(|code| keys.is_mac(&code, &config_parts(config)))
}

fn config_parts(config: &ServiceConfig) -> Vec<&[u8]> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for (key, value) in config {
        let (kind, text) = match value {
            EnvValue::Plain(text) => ("plain", text.as_str()),
            EnvValue::Secret(secret) => ("secret", secret.expose()),
        };
        parts.extend([key.as_bytes(), kind.as_bytes(), text.as_bytes()]);
    }
    parts
}

fn view(release: &StoredRelease, ways_back: Vec<WayBack>) -> ReleaseView {
    let irreversible = release.schema.iter().flat_map(|(store, schema)| {
        let without_down = schema.migrations.iter().filter(|migration| migration.down_sha256.is_none());
        without_down.map(move |migration| format!("{store}/{}", migration.version))
    });
    let heads = release.schema.iter().filter_map(|(store, schema)| {
        schema.migrations.last().map(|migration| (store.clone(), migration.version.clone()))
    });
    ReleaseView {
        id: release.id,
        version: release.version.clone(),
        series: release.version.series(),
        kind: release.version.kind(),
        released_at: release.released_at,
        registered_at: release.registered_at,
        notes: release.notes.clone(),
        notes_zh: release.notes_zh.clone(),
        git: release.git.clone(),
        images: release.images.clone(),
        image_digests: release.image_digests.clone(),
        heads: heads.collect(),
        irreversible: irreversible.collect(),
        ways_back,
    }
}

fn detail(release: StoredRelease, ways_back: Vec<WayBack>) -> ReleaseDetail {
    let view = view(&release, ways_back);
    let mut config = release.config;
    for value in config.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut) {
        if let EnvValue::Secret(secret) = value {
            *secret = secret.masked();
        }
    }
    ReleaseDetail {
        release: view,
        migrations: release.schema.into_iter().map(|(store, schema)| (store, schema.migrations)).collect(),
        config,
        requires: release.requires,
    }
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;

    fn config(level: &str, key: &str) -> ServiceConfig {
        [
            ("LEVEL".to_owned(), EnvValue::Plain(level.to_owned())),
            ("KEY".to_owned(), EnvValue::Secret(Secret::new(key))),
        ]
        .into()
    }

    #[test]
    fn a_configuration_is_known_by_its_code_also_after_the_keys_were_rotated() {
        let old = Keyring::generate();
        let keys = Keyring::parse(&old).unwrap();
        let code = config_code(&keys, &config("info", "s3cr3t"));
        let rotated = Keyring::parse(&format!("{old}k2:{}", "ab".repeat(32))).unwrap();
        assert!(is_config(&rotated, &code, &config("info", "s3cr3t")));
        for changed in [config("debug", "s3cr3t"), config("info", "other"), ServiceConfig::new()] {
            assert!(!is_config(&keys, &code, &changed));
        }
        assert!(!is_config(&keys, "", &ServiceConfig::new()), "what was never registered");
    }
}
