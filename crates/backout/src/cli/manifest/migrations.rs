//! A folder of migrations: `<version>_<name>.up.sql` and, to be able to go back, `<version>_<name>.down.sql`
//! (`.js` for MongoDB).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::environment::Engine;
use domain::ledger::Direction;
use domain::release::MigrationSource;
use sentence::{Sentence, sentence};

use super::error::{FileError, Source};

/// The whole registration has to fit into one request of 2 MiB.
const MAX_SCRIPT_BYTES: u64 = 2 * 1024 * 1024;

#[derive(Default)]
struct Pair {
    name: String,
    up: Option<PathBuf>,
    down: Option<PathBuf>,
}

/// The migrations up to and including `head`, oldest first.
pub(super) fn read(folder: &Path, engine: Engine, head: &str) -> Result<Vec<MigrationSource>, FileError> {
    let extension = match engine {
        Engine::MariaDb => "sql",
        Engine::MongoDb => "js",
        Engine::Redis => return Ok(Vec::new()),
    };
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    let unreadable = |error: std::io::Error| FileError::wrong(folder, None, Sentence::verbatim(error.to_string()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            add(&mut pairs, path, extension)?;
        }
    }
    let wanted = pairs.into_iter().filter(|(version, _)| version.as_str() <= head);
    wanted.map(|(version, pair)| read_pair(folder, version, pair)).collect()
}

/// A script whose name says nothing would be left out silently: a hole that nobody sees. It is refused.
fn add(pairs: &mut BTreeMap<String, Pair>, path: PathBuf, extension: &str) -> Result<(), FileError> {
    let Some((version, name, direction)) = parse(&path, extension) else {
        let detail =
            sentence!("a migration has to be named <version>_<name>.up.{extension} or .down.{extension}", extension);
        return Err(FileError::wrong(&path, None, detail));
    };
    let pair = pairs.entry(version.clone()).or_default();
    if pair.name.is_empty() {
        pair.name.clone_from(&name);
    } else if pair.name != name {
        let detail = sentence!("migration {version} is already called {name}", version, name = pair.name);
        return Err(FileError::wrong(&path, None, detail));
    }
    match direction {
        Direction::Up => pair.up = Some(path),
        Direction::Down => pair.down = Some(path),
    }
    Ok(())
}

fn parse(path: &Path, extension: &str) -> Option<(String, String, Direction)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(extension)?.strip_suffix('.')?;
    let (named, direction) = match (stem.strip_suffix(".up"), stem.strip_suffix(".down")) {
        (Some(named), _) => (named, Direction::Up),
        (None, Some(named)) => (named, Direction::Down),
        (None, None) => return None,
    };
    let (version, name) = named.split_once('_')?;
    (!version.is_empty() && !name.is_empty()).then(|| (version.to_owned(), name.to_owned(), direction))
}

fn read_pair(folder: &Path, version: String, pair: Pair) -> Result<MigrationSource, FileError> {
    let Some(up) = pair.up else {
        let detail = sentence!("migration {version} has a down script but no up script", version);
        return Err(FileError::wrong(folder, None, detail));
    };
    let script = |path: &Path| Ok(Source::read(path, MAX_SCRIPT_BYTES)?.text);
    Ok(MigrationSource {
        version,
        name: pair.name,
        up: script(&up)?,
        down: pair.down.as_deref().map(script).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use i18n::Language;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), "x").unwrap();
        }
        folder
    }

    fn failure(files: &[&str]) -> String {
        read(folder(files).path(), Engine::MariaDb, "9").unwrap_err().message(Language::En)
    }

    #[test]
    fn scripts_of_another_engine_are_not_read() {
        let folder = folder(&["1_a.up.sql", "2_b.up.js", "notes.txt"]);
        let versions = |engine| {
            let migrations = read(folder.path(), engine, "9").unwrap();
            migrations.into_iter().map(|migration| migration.version).collect::<Vec<_>>()
        };
        assert_eq!(versions(Engine::MariaDb), ["1"]);
        assert_eq!(versions(Engine::MongoDb), ["2"]);
    }

    #[test]
    fn what_would_leave_a_hole_is_refused() {
        assert!(failure(&["1_a.up.sql", "2_b.down.sql"]).ends_with("migration 2 has a down script but no up script"));
        assert!(failure(&["1_a.up.sql", "2_b.sql"]).contains("has to be named"));
        assert!(failure(&["nameless.up.sql"]).contains("has to be named"));
        assert!(failure(&["1_a.up.sql", "1_b.up.sql"]).contains("is already called"));
    }

    #[test]
    fn migrations_later_than_the_head_belong_to_later_releases() {
        let folder = folder(&["1_a.up.sql", "2_b.up.sql", "3_c.up.sql"]);
        let migrations = read(folder.path(), Engine::MariaDb, "2").unwrap();
        assert_eq!(migrations.len(), 2);
    }
}
