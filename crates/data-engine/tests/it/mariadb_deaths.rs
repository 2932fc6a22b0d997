//! Downs of the corpus whose workers die: at each write of their journal, and while the server runs a statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::ledger::Direction;
use driver_mariadb::{Session, quote_identifier};

use crate::support::mariadb::Base;
use crate::support::pairs::{Everything, Pair, assert_each, pairs};
use crate::support::{Death, Job};

/// Its down stops for a person, since nothing tells whether a statement that is not understood has run.
const STOPS: [&str; 1] = ["sequence"];
/// More writes than any journal of the corpus has.
const WRITES: u32 = 200;

/// All that a down leaves behind, and what the next up makes of it.
#[derive(Debug, PartialEq, Eq)]
struct Settled {
    down: Everything,
    applied: Vec<String>,
    /// Object, checksum and number of rows of all that is put aside.
    kept: Vec<(String, String, u64)>,
    up: Everything,
}

async fn settled(base: &Base, pair: &Pair) -> Settled {
    let (down, (_, applied, kept)) = (base.everything().await, base.state().await);
    base.script(pair.section("meanwhile")).await;
    let up = base.jobs.engine.migrate(&base.jobs.claim(Job::new()), Direction::Up, &pair.migration()).await;
    assert!(up.is_ok() || pair.refusal().is_some(), "{up:?}");
    Settled { down, applied, kept, up: base.everything().await }
}

async fn undisturbed(pair: &Pair) -> Settled {
    let base = pair.applied().await;
    base.jobs.run(Direction::Down, &pair.migration()).await;
    settled(&base, pair).await
}

fn compare(moment: &str, found: &Settled, expected: &Settled) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let (down, up) = (found.down.differs_from(&expected.down), found.up.differs_from(&expected.up));
    let rest = format!("{:?} is not {:?}", (&found.applied, &found.kept), (&expected.applied, &expected.kept));
    Err(format!("{moment}: {down}; then {up}; {rest}"))
}

fn is_long() -> bool {
    std::env::var_os("BACKOUT_TEST_CHAOS").is_some()
}

/// The pairs whose downs run; in the short form every third of them.
fn some_pairs(first: usize) -> Vec<Pair> {
    let goes = |pair: &Pair| pair.goes_down() && !STOPS.contains(&pair.name.as_str());
    pairs().into_iter().filter(|pair| goes(pair) && (is_long() || pair.number % 3 == first)).collect()
}

/// Whether the worker died at all.
async fn dies(pair: &Pair, death: Death, expected: &Settled) -> Result<bool, String> {
    let base = pair.applied().await;
    let (job, ended) = base.jobs.run_dying(death, Direction::Down, &pair.migration()).await;
    if ended.is_some() {
        return Ok(false);
    }
    let moment = format!("{death:?}");
    base.jobs.resume(job, Direction::Down, &pair.migration()).await.map_err(|error| format!("{moment}: {error}"))?;
    compare(&moment, &settled(&base, pair).await, expected)?;
    Ok(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn downs_of_the_corpus_end_the_same_wherever_their_worker_dies() {
    let chosen = some_pairs(0);
    let (downs, deaths) = (chosen.len(), Arc::new(AtomicU32::new(0)));
    assert_each(chosen, |pair| {
        let deaths = Arc::clone(&deaths);
        async move {
            let expected = undisturbed(&pair).await;
            let all = (0..WRITES).flat_map(|at| [Death::Before(at), Death::After(at)]);
            let chosen: Vec<Death> =
                if is_long() { all.collect() } else { all.skip(pair.number % 10).take(1).collect() };
            for death in chosen {
                if !dies(&pair, death, &expected).await? {
                    break;
                }
                deaths.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }
    })
    .await;
    let deaths = deaths.load(Ordering::SeqCst);
    println!("{downs} downs, {deaths} deaths at a write of the journal");
    assert!(downs >= 20 && deaths as usize >= downs / 2, "{downs} downs, {deaths} deaths");
}

/// What becomes of the statement whose worker has died.
#[derive(Debug, Clone, Copy)]
enum Orphan {
    /// It still waits when another worker comes.
    Waits,
    /// It is through when another worker comes.
    GetsThrough,
}

/// How far a worker came that was to die while the server runs a statement.
enum Cut {
    InStatement,
    /// Nothing between the two writes met the locks.
    Nowhere,
    /// It ended before that write.
    BehindTheEnd,
}

/// Locks on all rows of the application, as a transaction of its own holds them; none where the worker has locked the
/// tables itself.
async fn lock_everything(base: &Base) -> Option<Session> {
    let tables = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                  AND TABLE_TYPE LIKE 'BASE%' AND TABLE_NAME NOT LIKE 'backout%' AND TABLE_NAME <> 'schema_migrations'";
    let mut session = base.session().await;
    session.begin().await.unwrap();
    for table in base.rows(tables).await {
        let at_once = "SET STATEMENT lock_wait_timeout = 0, innodb_lock_wait_timeout = 0 FOR";
        let lock = format!("{at_once} SELECT 1 FROM {} FOR UPDATE", quote_identifier(&table));
        if session.execute(&lock).await.is_err() {
            session.close().await;
            return None;
        }
    }
    Some(session)
}

async fn is_gone(base: &Base, connection: u64) -> bool {
    let is_there = format!("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {connection}");
    base.rows(&is_there).await.is_empty()
}

/// Whether the connection waits for a table or a row. What InnoDB shows as tables is as old as the first look of many in a
/// row, so that its status is read.
async fn waits_for_locks(base: &Base, connection: u64) -> bool {
    let waits = format!(
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {connection} AND STATE LIKE 'Waiting for table%'"
    );
    if !base.rows(&waits).await.is_empty() {
        return true;
    }
    let status = base.rows("SHOW ENGINE INNODB STATUS").await.concat();
    let mut transactions = status.split("---TRANSACTION");
    transactions.any(|one| one.contains(&format!("thread id {connection},")) && one.contains("LOCK WAIT"))
}

/// Less than it takes a worker to give up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets a worker die while a statement behind its n-th write waits for the application's locks.
async fn dies_in_statement(pair: &Pair, at: u32, orphan: Orphan, expected: &Settled) -> Result<Cut, String> {
    let base = pair.applied().await;
    let (job, migration) = (Job::new(), pair.migration());
    let (cx, journal) = (base.jobs.claim(job), &base.jobs.journal);
    journal.stand_behind(at);
    let migrate = base.jobs.engine.migrate(&cx, Direction::Down, &migration);
    let mut worker = Box::pin(journal.until_dead(migrate));
    tokio::select! {
        _ = &mut worker => return Ok(Cut::BehindTheEnd),
        () = journal.stood() => {}
    }
    let Some(mut application) = lock_everything(&base).await else { return Ok(Cut::Nowhere) };
    let connection = journal.connection(job.0).unwrap();
    journal.go_on();
    tokio::select! {
        _ = &mut worker => return Ok(Cut::Nowhere),
        seen = testkit::eventually(PATIENCE, || waits_for_locks(&base, connection)) => {
            seen.map_err(|error| format!("no wait is seen behind write {at}: {error}"))?;
        }
    }
    // Its socket closes here, and the server does not look at that while it runs the statement.
    drop(worker);
    journal.let_live();
    let gone = || is_gone(&base, connection);
    let taking = base.jobs.resume(job, Direction::Down, &migration);
    let taken = match orphan {
        Orphan::GetsThrough => {
            application.rollback().await.unwrap();
            testkit::eventually(PATIENCE, gone).await.unwrap();
            taking.await
        }
        Orphan::Waits => {
            let mut taking = Box::pin(taking);
            tokio::select! {
                taken = &mut taking => panic!("the tables are locked: {taken:?}"),
                seen = testkit::eventually(PATIENCE, gone) => seen.unwrap(),
            }
            application.rollback().await.unwrap();
            taking.await
        }
    };
    let moment = format!("in a statement behind write {at}, which then {orphan:?}");
    taken.map_err(|error| format!("{moment}: {error}"))?;
    compare(&moment, &settled(&base, pair).await, expected)?;
    Ok(Cut::InStatement)
}

#[tokio::test(flavor = "multi_thread")]
async fn downs_of_the_corpus_end_the_same_when_their_worker_dies_in_the_middle_of_a_statement() {
    let chosen = some_pairs(1);
    let (downs, deaths) = (chosen.len(), Arc::new(AtomicU32::new(0)));
    assert_each(chosen, |pair| {
        let deaths = Arc::clone(&deaths);
        async move {
            let expected = undisturbed(&pair).await;
            'writes: for at in 0..WRITES {
                let both = [Orphan::Waits, Orphan::GetsThrough];
                for orphan in if is_long() { &both[..] } else { &both[pair.number % 2..][..1] } {
                    match dies_in_statement(&pair, at, *orphan, &expected).await? {
                        Cut::InStatement => deaths.fetch_add(1, Ordering::SeqCst),
                        Cut::Nowhere => break,
                        Cut::BehindTheEnd => break 'writes,
                    };
                    if !is_long() {
                        break 'writes;
                    }
                }
            }
            Ok(())
        }
    })
    .await;
    let deaths = deaths.load(Ordering::SeqCst);
    println!("{downs} downs, {deaths} deaths in the middle of a statement");
    assert!(downs >= 20 && deaths as usize >= downs / 2, "{downs} downs, {deaths} deaths");
}
