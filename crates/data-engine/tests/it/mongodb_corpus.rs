//! Pairs of MongoDB scripts from `tests/corpus/mongodb`: data comes back, and workers may die.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::ledger::Direction;
use mongo_script::{Compiled, Settings, compile};
use saga::ErrorKind;
use serde_json::Value;

use crate::support::mongodb::Base;
use crate::support::{Death, Job, scripts};

/// Scripts that a resumed worker cannot always follow, since they ask the server.
const LIVE: &str = "live_cursor";

struct Pair {
    name: String,
    folder: PathBuf,
}

impl Pair {
    fn text(&self, script: &str) -> String {
        std::fs::read_to_string(self.folder.join(format!("{script}.js"))).unwrap()
    }

    fn migration(&self) -> [data_engine::Scripts; 1] {
        [scripts("1", &self.text("up"), &self.text("down"))]
    }

    /// A database in which the migration was applied and used.
    async fn applied(&self) -> Base {
        let base = Base::new().await;
        execute(&base, &self.text("seed")).await;
        base.jobs.run(Direction::Up, &self.migration()).await;
        execute(&base, &self.text("write")).await;
        base
    }
}

fn corpus() -> Vec<Pair> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mongodb");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut pairs: Vec<Pair> = folders
        .map(|folder| Pair { name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder })
        .collect();
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(pairs.len() >= 20);
    pairs
}

async fn execute(base: &Base, script: &str) {
    let Compiled::Predictable(operations) = compile(script, &Settings::new(base.target.database())).unwrap() else {
        panic!("what prepares a test asks the server nothing");
    };
    for operation in operations {
        let database = operation.database.as_deref();
        base.target.run(&operation.command, database, None, Duration::from_secs(10)).await.unwrap();
    }
}

/// All documents of the application, whatever the order of their fields, and the schema.
async fn everything(base: &Base) -> (BTreeMap<String, Vec<Value>>, String) {
    let mut all = BTreeMap::new();
    for name in base.target.collections().await.unwrap() {
        if name == "migrations" {
            continue;
        }
        let mut documents = base.documents(&name).await;
        documents.iter_mut().for_each(Value::sort_all_objects);
        all.insert(name, documents);
    }
    (all, base.jobs.engine.fingerprint().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_between_up_and_down_is_back_after_the_next_up() {
    let mut failed = Vec::new();
    for pair in corpus() {
        let base = pair.applied().await;
        let before = everything(&base).await;
        base.jobs.run(Direction::Down, &pair.migration()).await;
        let (_, up) = base.jobs.run(Direction::Up, &pair.migration()).await;
        let after = everything(&base).await;
        // What stands in the place of a collection that comes back is told of.
        let is_told = pair.text("down").contains("', true)") || pair.text("down").contains("$out");
        if after != before || (!up.warnings.is_empty() && !is_told) {
            failed.push(format!("{}: {:?} is not {:?}; {:?}", pair.name, after.0, before.0, up.warnings));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_that_is_taken_back_leaves_what_was_there() {
    let mut failed = Vec::new();
    for pair in corpus().into_iter().filter(|pair| pair.name != LIVE) {
        let base = pair.applied().await;
        let before = everything(&base).await;
        let (job, _) = base.jobs.run(Direction::Down, &pair.migration()).await;
        base.jobs.undo(job, Direction::Down, &pair.migration()).await;
        let after = everything(&base).await;
        if after != before {
            failed.push(format!("{}: {:?} is not {:?}", pair.name, after.0, before.0));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// How a worker ends in the middle of a down.
#[derive(Debug, Clone, Copy)]
enum End {
    /// It dies at a write of its journal.
    Dies(Death),
    /// It loses its job at the n-th question whether it has it, which is asked before each page.
    Loses(u32),
}

fn ends(number: usize) -> Vec<End> {
    let every = |at: u32| [End::Dies(Death::Before(at)), End::Dies(Death::After(at)), End::Loses(at + 1)];
    let all: Vec<End> = (0..60).flat_map(every).collect();
    if std::env::var_os("BACKOUT_TEST_CHAOS").is_some() {
        return all;
    }
    // Another one for each pair.
    all.into_iter().skip(3 + number % 9).take(1).collect()
}

/// Ends a down once. Whether it was ended at all.
async fn end_once(pair: &Pair, end: End, expected: &Settled) -> bool {
    let base = pair.applied().await;
    let migration = pair.migration();
    let job = match end {
        End::Dies(death) => match base.jobs.run_dying(death, Direction::Down, &migration).await {
            (job, None) => job,
            (_, Some(_)) => return false,
        },
        End::Loses(question) => {
            let job = Job::new();
            let cx = base.jobs.claim(job);
            base.jobs.journal.take_over_at_question(question);
            match base.jobs.engine.migrate(&cx, Direction::Down, &migration).await {
                Ok(_) => return false,
                Err(error) => assert_eq!(error.kind, ErrorKind::FenceLost, "{}: {end:?}: {error}", pair.name),
            }
            job
        }
    };
    base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
    assert_eq!(settled(&base).await, *expected, "{}: {end:?}", pair.name);
    true
}

type Settled = ((BTreeMap<String, Vec<Value>>, String), Vec<String>, Vec<(String, u64)>);

async fn settled(base: &Base) -> Settled {
    let (_, applied, kept) = base.state().await;
    (everything(base).await, applied, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn downs_of_the_corpus_end_the_same_wherever_their_worker_ends() {
    let (mut downs, mut ended) = (0, 0);
    for (number, pair) in corpus().into_iter().filter(|pair| pair.name != LIVE).enumerate() {
        let undisturbed = pair.applied().await;
        undisturbed.jobs.run(Direction::Down, &pair.migration()).await;
        let expected = settled(&undisturbed).await;
        downs += 1;
        // Each kind of end until it is not reached any more.
        let (mut dies, mut loses) = (true, true);
        for end in ends(number) {
            let goes_on = match end {
                End::Dies(_) => &mut dies,
                End::Loses(_) => &mut loses,
            };
            if *goes_on {
                *goes_on = end_once(&pair, end, &expected).await;
                ended += u32::from(*goes_on);
            }
        }
    }
    assert!(downs >= 15 && ended >= downs, "{downs} downs, ended {ended} times");
    println!("{downs} downs, ended {ended} times");
}
