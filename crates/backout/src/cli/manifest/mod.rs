//! Release manifests: what a team keeps beside its code, read into what the API registers.

mod env_file;
mod error;
mod migrations;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use domain::Version;
use domain::environment::{Engine, FieldError};
use domain::release::{GitRefs, ReleaseSchema, ReleaseSpec, SchemaRange, ServiceConfig};
use sentence::sentence;
use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::error::{FileError, Source};

/// The file as it is written. Paths are relative to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: Spanned<String>,
    #[serde(default)]
    released_at: Option<DateTime<Utc>>,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    notes_zh: String,
    #[serde(default)]
    git: GitRefs,
    images: BTreeMap<String, String>,
    #[serde(default)]
    image_digests: BTreeMap<String, String>,
    #[serde(default)]
    schema: BTreeMap<String, Schema>,
    #[serde(default)]
    config: BTreeMap<String, BTreeMap<String, Spanned<Config>>>,
    #[serde(default)]
    requires: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    engine: Engine,
    /// Folder of the migrations.
    migrations: Spanned<String>,
    /// Newest migration that belongs to the release; later files are later releases'.
    head: Spanned<String>,
    #[serde(default)]
    runs_on: SchemaRange,
}

/// A `.env` file, alone or with the keys in it that are secret.
#[derive(Deserialize)]
#[serde(untagged)]
enum Config {
    File(String),
    Detailed(Detailed),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    file: String,
    #[serde(default)]
    secret: Vec<String>,
}

const MAX_MANIFEST_BYTES: u64 = 256 * 1024;

/// Reads a manifest with all the files that it names.
pub(crate) fn load(path: &Path) -> Result<ReleaseSpec, FileError> {
    let source = Source::read(path, MAX_MANIFEST_BYTES)?;
    let manifest: Manifest = source.parse_toml()?;
    let version: Version =
        manifest.version.get_ref().parse().map_err(|error: domain::version::InvalidVersion| {
            source.wrong(manifest.version.span(), error.sentence())
        })?;
    let mut schema = BTreeMap::new();
    for (store, given) in manifest.schema {
        schema.insert(store, read_schema(&source, given)?);
    }
    let mut config: BTreeMap<String, BTreeMap<String, ServiceConfig>> = BTreeMap::new();
    for (environment, services) in manifest.config {
        for (service, given) in services {
            let read = read_config(&source, given)?;
            config.entry(environment.clone()).or_default().insert(service, read);
        }
    }
    let spec = ReleaseSpec {
        version,
        released_at: manifest.released_at,
        notes: manifest.notes,
        notes_zh: manifest.notes_zh,
        git: manifest.git,
        images: manifest.images,
        image_digests: manifest.image_digests,
        schema,
        config,
        requires: manifest.requires,
    };
    let mistakes = spec.validate();
    if mistakes.is_empty() { Ok(spec) } else { Err(source.wrong_as_a_whole(FieldError::together(&mistakes))) }
}

fn read_schema(source: &Source, given: Schema) -> Result<ReleaseSchema, FileError> {
    let folder = source.beside(given.migrations.get_ref());
    if !folder.is_dir() {
        return Err(source.wrong(given.migrations.span(), sentence!("there is no folder {folder}", folder)));
    }
    let migrations = migrations::read(&folder, given.engine, given.head.get_ref())?;
    if migrations.last().is_none_or(|newest| newest.version != *given.head.get_ref()) {
        let detail = sentence!("{folder} has no migration {head}", folder, head = given.head.get_ref());
        return Err(source.wrong(given.head.span(), detail));
    }
    Ok(ReleaseSchema { engine: given.engine, runs_on: given.runs_on, migrations })
}

fn read_config(source: &Source, given: Spanned<Config>) -> Result<ServiceConfig, FileError> {
    let place = given.span();
    let Detailed { file, secret } = match given.into_inner() {
        Config::File(file) => Detailed { file, secret: Vec::new() },
        Config::Detailed(detailed) => detailed,
    };
    let path: PathBuf = source.beside(&file);
    if !path.is_file() {
        return Err(source.wrong(place, sentence!("there is no file {path}", path)));
    }
    let config = env_file::read(&path, &secret)?;
    match secret.iter().find(|key| !config.contains_key(*key)) {
        Some(key) => Err(source.wrong(place, sentence!("{path} does not set {key}", path, key))),
        None => Ok(config),
    }
}

#[cfg(test)]
mod tests {
    use domain::environment::{EnvValue, EnvironmentSpec};
    use i18n::Language;
    use tempfile::TempDir;

    use super::*;

    const MANIFEST: &str = r#"version = "0.8.2"
released_at = "2025-01-10T14:30:00Z"
notes = "Fixes cache invalidation"

[git]
tag = "release/v0.8.2"

[images]
web = "cms-backend:v0.8.2"

[schema.main]
engine = "mariadb"
migrations = "../migrations"
head = "20250110001"
runs_on = { min = "20250110001" }

[config.production]
web = { file = "web.env", secret = ["JWT_SECRET"] }

[requires]
mariadb = ">=10.6"
"#;

    fn project(manifest: &str, files: &[(&str, &str)]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("releases/v0.8.2.toml");
        for (name, content) in files.iter().copied().chain([("releases/v0.8.2.toml", manifest)]) {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
        (folder, path)
    }

    const FILES: [(&str, &str); 7] = [
        ("migrations/20250110001_add_2fa.up.sql", "ALTER TABLE users ADD x INT"),
        ("migrations/20250110001_add_2fa.down.sql", "ALTER TABLE users DROP x"),
        ("migrations/20250105001_users.up.sql", "CREATE TABLE users (id INT)"),
        ("migrations/20250112001_later.up.sql", "CREATE TABLE later (id INT)"),
        ("migrations/20250112001_later.down.sql", "DROP TABLE later"),
        ("migrations/README.md", "how to write them"),
        ("releases/web.env", "LOG_LEVEL=debug\nJWT_SECRET=hush\n"),
    ];

    fn failure(manifest: &str, files: &[(&str, &str)]) -> String {
        let (folder, path) = project(manifest, files);
        let message = load(&path).unwrap_err().message(Language::En);
        message.replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn a_manifest_brings_its_migrations_in_order_up_to_the_head() {
        let (_folder, path) = project(MANIFEST, &FILES);
        let spec = load(&path).unwrap();
        assert_eq!(spec.version.to_string(), "v0.8.2");
        let main = &spec.schema["main"];
        let versions: Vec<_> = main.migrations.iter().map(|migration| migration.version.as_str()).collect();
        assert_eq!(versions, ["20250105001", "20250110001"]);
        assert_eq!(main.migrations[1].name, "add_2fa");
        assert_eq!(main.migrations[1].down.as_deref(), Some("ALTER TABLE users DROP x"));
        assert_eq!(main.migrations[0].down, None);
        let web = &spec.config["production"]["web"];
        assert_eq!(web["LOG_LEVEL"], EnvValue::Plain("debug".into()));
        assert!(matches!(&web["JWT_SECRET"], EnvValue::Secret(secret) if secret.expose() == "hush"));
    }

    #[test]
    fn a_mistake_is_told_with_file_and_line() {
        let misspelt = MANIFEST.replace("notes =", "noets =");
        assert!(failure(&misspelt, &FILES).starts_with("/releases/v0.8.2.toml:3: "), "{}", failure(&misspelt, &FILES));
        let version = failure(&MANIFEST.replace("0.8.2\"\nrel", "0.8\"\nrel"), &FILES);
        assert!(version.starts_with("/releases/v0.8.2.toml:1: '0.8' is not a semantic version"), "{version}");
        let folder = failure(&MANIFEST.replace("../migrations", "../nowhere"), &FILES);
        assert!(folder.starts_with("/releases/v0.8.2.toml:13: there is no folder"), "{folder}");
        let head = failure(&MANIFEST.replace("head = \"20250110001\"", "head = \"20250111001\""), &FILES);
        assert!(
            head.starts_with("/releases/v0.8.2.toml:14: ") && head.ends_with("has no migration 20250111001"),
            "{head}"
        );
        let file = failure(&MANIFEST.replace("web.env", "gone.env"), &FILES);
        assert!(file.starts_with("/releases/v0.8.2.toml:18: there is no file"), "{file}");
    }

    #[test]
    fn the_files_that_the_documentation_shows_are_as_they_have_to_be() {
        let text = include_str!("../../../../../docs/setup.md");
        let shown: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [environment, release] = shown.as_slice() else { panic!("{} files", shown.len()) };
        let environment: EnvironmentSpec = toml::from_str(environment).unwrap();
        assert_eq!(environment.validate(), []);
        let release: Manifest = toml::from_str(release).unwrap();
        assert_eq!(release.image_digests.keys().collect::<Vec<_>>(), release.images.keys().collect::<Vec<_>>());
        assert!(release.schema.keys().all(|store| environment.data_store(store).is_some()));
    }

    #[test]
    fn a_secret_that_its_file_does_not_set_is_told() {
        let message = failure(&MANIFEST.replace("JWT_SECRET", "JWT_SECERT"), &FILES);
        assert!(message.ends_with("web.env does not set JWT_SECERT"), "{message}");
    }

    #[test]
    fn a_rule_of_the_domain_that_is_broken_is_told_before_anything_is_sent() {
        let message = failure(&MANIFEST.replace(">=10.6", "ten"), &FILES);
        assert!(message.contains("requires.mariadb"), "{message}");
    }

    #[test]
    fn a_missing_manifest_is_told_with_its_path() {
        let message = load(Path::new("/nowhere/v1.toml")).unwrap_err().message(Language::En);
        assert!(message.contains("/nowhere/v1.toml"), "{message}");
    }
}
