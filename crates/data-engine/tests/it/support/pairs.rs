//! Pairs of MariaDB scripts from `tests/corpus/mariadb`, one file each.
//!
//! A file is cut into sections by lines that begin with `-- # `:
//!
//! - `seed`: what is there before the migration; `up` and `down`: its scripts;
//! - `write`: what people do between up and down; `meanwhile`: what they do between the down and the next up;
//! - `returned`: what a down gives back that its script does not, since the up had put it aside; statements that make
//!   the expected state of the one that the script alone leaves;
//! - `promised`: statements that make the state after the next up of the state before the down; without it those of
//!   `meanwhile`, as if there had been no down;
//! - `told`: a part of each warning of the two last migrations, one a line;
//! - `refused up`, `refused down`, `refused again`: a part of the error with which the first up, the down or the second
//!   up is refused, with everything as before it;
//! - `taken back`: statements that make the state after a down that was taken back of the state before it, where it is not
//!   the same; `refused taking back`: a part of the error where that stops for a person.

use std::collections::BTreeMap;
use std::path::Path;

use data_engine::Scripts;
use domain::ledger::Direction;
use driver_mariadb::ObjectRef;
use futures::StreamExt;

use super::mariadb::Base;
use super::scripts;

/// How many pairs are looked at side by side.
const ABREAST: usize = 4;

/// Which migration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Up,
    Down,
    Again,
}

/// Scripts with what happens around them.
pub(crate) struct Pair {
    pub(crate) name: String,
    /// Its place in the corpus: in short forms another thing is tried with each pair.
    pub(crate) number: usize,
    sections: BTreeMap<String, String>,
}

impl Pair {
    fn read(path: &Path) -> Self {
        let mut sections: BTreeMap<String, String> = BTreeMap::new();
        let mut section = None;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            if let Some(heading) = line.strip_prefix("-- # ") {
                section = Some(sections.entry(heading.to_owned()).or_default());
            } else if let Some(text) = section.as_mut() {
                text.push_str(line);
                text.push('\n');
            }
        }
        let known = ["seed", "up", "write", "down", "returned", "meanwhile", "promised", "told", "taken back"];
        for name in sections.keys() {
            assert!(known.contains(&name.as_str()) || name.starts_with("refused "), "{}: {name}", path.display());
        }
        Self { name: path.file_stem().unwrap().to_string_lossy().into_owned(), number: 0, sections }
    }

    pub(crate) fn section(&self, name: &str) -> &str {
        self.sections.get(name).map_or("", String::as_str)
    }

    pub(crate) fn migration(&self) -> [Scripts; 1] {
        [scripts("1", self.section("up"), self.section("down"))]
    }

    /// Which migration is refused, and words of why.
    pub(crate) fn refusal(&self) -> Option<(Refused, &str)> {
        let all = [("refused up", Refused::Up), ("refused down", Refused::Down), ("refused again", Refused::Again)];
        all.into_iter().find_map(|(name, which)| self.sections.get(name).map(|words| (which, words.trim())))
    }

    /// Whether the down runs.
    pub(crate) fn goes_down(&self) -> bool {
        !matches!(self.refusal(), Some((Refused::Up | Refused::Down, _)))
    }

    pub(crate) fn told(&self) -> Vec<&str> {
        self.section("told").lines().filter(|line| !line.is_empty()).collect()
    }

    /// What makes the state after the next up of the state before the down.
    pub(crate) fn promised(&self) -> &str {
        self.sections.get("promised").map_or_else(|| self.section("meanwhile"), String::as_str)
    }

    /// A database in which the migration was applied and used.
    pub(crate) async fn applied(&self) -> Base {
        let base = Base::new();
        base.script(self.section("seed")).await;
        base.jobs.run(Direction::Up, &self.migration()).await;
        base.script(self.section("write")).await;
        base
    }

    /// A database with the same history and without us.
    pub(crate) async fn by_hand(&self, sections: &[&str]) -> Base {
        let base = Base::new();
        for section in sections {
            base.script(section).await;
        }
        base
    }
}

/// All pairs, by name.
pub(crate) fn pairs() -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mariadb");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pairs: Vec<Pair> = paths.map(|path| Pair::read(&path)).collect();
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    pairs.iter_mut().enumerate().for_each(|(number, pair)| pair.number = number);
    assert!(pairs.len() >= 45, "{}", pairs.len());
    pairs
}

/// Looks at some of the pairs, and names those that are not as promised.
pub(crate) async fn assert_each<Fut>(pairs: Vec<Pair>, look: impl Fn(Pair) -> Fut)
where
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let looks = pairs.into_iter().map(|pair| {
        let name = pair.name.clone();
        let look = tokio::spawn(look(pair));
        async move { look.await.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| format!("{name}: {why}")) }
    });
    let looked: Vec<Result<(), String>> = futures::stream::iter(looks).buffer_unordered(ABREAST).collect().await;
    let failed: Vec<String> = looked.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The schema's fingerprint and the rows of every table and view of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Everything {
    pub(crate) schema: BTreeMap<String, String>,
    pub(crate) rows: BTreeMap<String, Vec<String>>,
}

impl Everything {
    /// What differs, in short; empty where nothing does.
    pub(crate) fn differs_from(&self, expected: &Self) -> String {
        let mut words = differing("", &self.schema, &expected.schema);
        words.extend(differing("rows of ", &self.rows, &expected.rows));
        words.join("; ")
    }
}

fn differing<T: std::fmt::Debug + PartialEq>(
    what: &str,
    found: &BTreeMap<String, T>,
    expected: &BTreeMap<String, T>,
) -> Vec<String> {
    let mut names: Vec<&String> = found.keys().chain(expected.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| found.get(*name) != expected.get(*name))
        .map(|name| format!("{what}{name}: {:?} is not {:?}", found.get(name), expected.get(name)))
        .collect()
}

impl Base {
    /// Runs the statements of a script in one session.
    pub(crate) async fn script(&self, text: &str) {
        let mut session = self.session().await;
        for statement in sql_script::split(text).unwrap() {
            if let Err(error) = session.execute(&statement.text).await {
                panic!("{error}: {}", statement.text);
            }
        }
        session.close().await;
    }

    /// The whole state of the application.
    pub(crate) async fn everything(&self) -> Everything {
        let database = self.target.database().to_owned();
        let mut session = self.session().await;
        let whole = driver_mariadb::fingerprint(&mut session, &database).await.unwrap();
        // The ledger comes into being with its first entry.
        let is_ledger = |object: &str| object.contains(" schema_migrations");
        let schema = whole.objects.into_iter().filter(|(object, _)| !is_ledger(object)).collect();
        let mut rows = BTreeMap::new();
        let names = format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}'");
        for name in self.rows(&names).await {
            if name == "schema_migrations" || name.starts_with("backout_") {
                continue;
            }
            let columns = session.columns(ObjectRef::new(&database, &name)).await.unwrap();
            let columns: Vec<String> =
                columns.iter().map(|column| driver_mariadb::quote_identifier(&column.name)).collect();
            let all = format!("SELECT {} FROM {}", columns.join(", "), driver_mariadb::quote_identifier(&name));
            let mut all = self.rows(&all).await;
            all.sort();
            rows.insert(name, all);
        }
        session.close().await;
        Everything { schema, rows }
    }
}
