//! `backout admin restore`: control database and keys out of a backup, while nothing runs.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use driver_mariadb::{SessionOptions, Target, quote_identifier};
use i18n::Language;
use sentence::sentence;
use store::RestoredJob;

use super::archive::{self, Unpacked};
use super::{backup, print, workers};
use crate::data_directory::{self, DataDirectory, Sharing};
use crate::database::Server;
use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::keys::{self, KeyFile};
use crate::settings::Settings;

const WITHIN: Duration = Duration::from_hours(1);
const ACTOR: &str = "backout admin restore";

/// Restores a backup and prints the jobs that had not ended when it was made.
pub(super) async fn run(settings: &Settings, file: &Path, force: bool, language: Language) -> Result<()> {
    // Alone also where others look after the database: nothing of Backout may work on it meanwhile.
    let directory = DataDirectory::open(&settings.data_directory, Sharing::Alone)?;
    let (from, folder) = (file.to_owned(), directory.path().to_owned());
    let backup = tokio::task::spawn_blocking(move || archive::unpack(&from, &folder))
        .await
        .map_err(|error| Failure::internal(error.to_string()))?
        .map_err(|error| unusable(file, &error.sentence()))?;
    let keys = backup.keys.clone().ok_or_else(|| unusable(file, &sentence!("it holds no keys")))?;
    let keys = KeyFile::parse(keys).map_err(|error| unusable(file, &error.sentence()))?;
    driver_mariadb::verify(&backup.dump, &backup.dump_sha256)
        .await
        .map_err(|error| unusable(file, &error.sentence()))?;
    let server = Server::start(settings, &directory).await?;
    let outcome = restored(settings, &directory, &server, &backup, &keys, force, language).await;
    server.stop().await;
    let (aside, rested) = outcome?;
    let mut lines = vec![
        Keyed::new("serve.restore-done")
            .with("time", backup.manifest.created_at.to_rfc3339())
            .with("tables", backup.manifest.tables)
            .text(language),
    ];
    lines.extend(aside.map(|path| Keyed::new("serve.restore-aside").with("path", path).text(language)));
    if !rested.is_empty() {
        lines.push(i18n::text(language, "serve.restore-rested-jobs", []));
        lines.extend(rested.iter().map(|job| {
            let state = i18n::text(language, &format!("job_state.{}", job.state.as_str()), []);
            format!("  {} {}/{} {state}", job.id, job.application, job.environment)
        }));
    }
    print(&lines);
    Ok(())
}

/// Where what was there before is, and the jobs that had not ended.
type Restored = (Option<PathBuf>, Vec<RestoredJob>);

async fn restored(
    settings: &Settings,
    directory: &DataDirectory,
    server: &Server,
    backup: &Unpacked,
    keys: &KeyFile,
    force: bool,
    language: Language,
) -> Result<Restored> {
    server.ready().await?;
    let target = server.target()?;
    let there = tables(&target).await?;
    // What an interrupted restore left is nothing that anybody misses; another database is.
    let identity = server.identity()?;
    let interrupted = match data_directory::restoring(directory.path()) {
        Some(database) if database == identity => true,
        Some(database) if !database.is_empty() => {
            let sentence = Keyed::new("serve.restore-other").with("database", database);
            let sentence = sentence.with("path", data_directory::note_of_restore(directory.path()));
            return Err(Failure::new(Exit::Refused, sentence));
        }
        _ => false,
    };
    if !there.is_empty() && !interrupted && !force {
        let sentence = Keyed::new("serve.restore-refused").with("tables", there.len());
        return Err(Failure::new(Exit::Refused, sentence));
    }
    // Nobody else works on a private database while its data directory is ours.
    if !server.is_private() && there.iter().any(|(name, _)| name == "workers") {
        workers::assert_none(&target, language).await?;
    }
    let key_path = keys::path(settings);
    let aside = if there.is_empty() || interrupted {
        None
    } else {
        Some(put_aside(directory, &target, keys::read(&key_path)?).await?)
    };
    directory.set_restoring(Some(&identity))?;
    drop_all(&target, &there).await?;
    driver_mariadb::restore(&target, &backup.dump, &backup.dump_sha256, WITHIN).await?;
    keys.write(&key_path)?;
    let database = server.open(settings, &keys.keyring).await?;
    // Before the note of the restore goes: until then nothing starts on this database.
    let reason = sentence!(
        "the control database was restored from a backup that was made before this job ended: \
         compare the job's steps with what runs before it is resolved"
    );
    let rested = database.rest_restored_jobs(ACTOR, &reason).await;
    database.close().await;
    let rested = rested?;
    directory.set_restoring(None)?;
    Ok((aside, rested))
}

async fn put_aside(directory: &DataDirectory, target: &Target, keys: Option<KeyFile>) -> Result<PathBuf> {
    let folder = directory.path().join("backups/control");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(Failure::unavailable)?;
    Ok(backup::write(target, keys, &folder, "before-restore").await?.0)
}

/// The tables and views of the control database, each with the word that drops it.
async fn tables(target: &Target) -> Result<Vec<(String, &'static str)>> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    let listed = session.execute("SHOW FULL TABLES").await?;
    session.close().await;
    let rows = listed.result_sets.into_iter().flat_map(|set| set.rows);
    let word = |kind: &str| if kind == "VIEW" { "VIEW" } else { "TABLE" };
    Ok(rows
        .filter_map(|row| match &row[..] {
            [Some(name), Some(kind)] => Some((name.clone(), word(kind))),
            _ => None,
        })
        .collect())
}

/// A later version may have made tables that the backup does not know and would not replace.
async fn drop_all(target: &Target, there: &[(String, &'static str)]) -> Result<()> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    session.execute("SET SESSION foreign_key_checks = 0").await?;
    for (name, word) in there {
        let statement = format!("DROP {word} IF EXISTS {}", quote_identifier(name));
        session.execute(&statement).await?;
    }
    session.close().await;
    Ok(())
}

fn unusable(file: &Path, reason: &sentence::Sentence) -> Failure {
    let sentence = Keyed::new("serve.backup-unusable").with("path", file).with("reason", reason);
    Failure::new(Exit::Settings, sentence)
}
