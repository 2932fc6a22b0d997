//! The database is killed, read-only, or cut off.

use std::time::Duration;

use backout_store::{Database, Error, JobQuery};
use domain::ids::WorkerId;
use domain::step::{StepEvent, StepState};
use saga::{Journal, JournalError, StepNote};
use sqlx::AssertSqlSafe;
use testkit::{MariaDb, eventually};

use crate::support::{Shop, cursor, fresh_url, settings, through_a_proxy};

#[tokio::test]
async fn a_killed_database_is_unavailable_and_serves_again_by_itself_once_it_is_back() {
    let server = MariaDb::start().unwrap();
    let url = server.url(&server.create_database("store").unwrap());
    let shop = Shop::open_at(&url).await;
    let held = shop.claimed().await;
    let mut heart = shop.database.heart().await.unwrap();
    server.server().kill9().unwrap();
    let query = JobQuery::default();
    let page = cursor(None, 10);
    let (ping, jobs, claim, step, assert_held, beat, open) = tokio::join!(
        shop.database.ping(),
        shop.database.jobs(&query, &page),
        shop.database.claim(WorkerId::generate(), 1),
        shop.database.step(&held, 0, StepEvent::Start, StepNote::default()),
        shop.database.assert_held(&held),
        heart.beat(held.worker),
        async { Database::open(&settings(url.clone())).await },
    );
    for error in [ping.err(), jobs.err(), claim.err(), beat.err(), open.err()] {
        assert!(error.as_ref().is_some_and(Error::is_unavailable), "{error:?}");
    }
    for error in [step.err(), assert_held.err()] {
        assert!(matches!(error, Some(JournalError::Unavailable(_))), "{error:?}");
    }
    server.restart().unwrap();
    shop.database.ping().await.unwrap();
    assert_eq!(shop.step(&held, 0, StepEvent::Start).await, StepState::Started);
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_read_only_database_is_unavailable_for_writes_and_still_reads() {
    let server = MariaDb::start().unwrap();
    let name = server.create_database("store").unwrap();
    // A user without the privilege to write to a read-only server.
    server.execute("CREATE USER plain@`127.0.0.1` IDENTIFIED BY 'plain'").unwrap();
    server.execute(&format!("GRANT ALL ON `{name}`.* TO plain@`127.0.0.1`")).unwrap();
    let shop = Shop::open_at(&format!("mariadb://plain:plain@127.0.0.1:{}/{name}", server.port())).await;
    let held = shop.claimed().await;
    server.execute("SET GLOBAL read_only = 1").unwrap();
    let step = shop.database.step(&held, 0, StepEvent::Start, StepNote::default()).await;
    assert!(matches!(step, Err(JournalError::Unavailable(_))), "{step:?}");
    let claim = shop.database.claim(WorkerId::generate(), 1).await;
    assert!(claim.as_ref().is_err_and(Error::is_unavailable), "{claim:?}");
    let expire = shop.database.expire_keys().await;
    assert!(expire.as_ref().is_err_and(Error::is_unavailable), "{expire:?}");
    shop.database.job_view(held.job).await.unwrap();
    server.execute("SET GLOBAL read_only = 0").unwrap();
    shop.step(&held, 0, StepEvent::Start).await;
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_transaction_whose_process_stands_still_lets_its_rows_go() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let held = shop.claimed().await;
    let (frozen, proxy) = through_a_proxy(&url).await;
    // The job's row is locked by then.
    proxy.hold_reply_to(b"UPDATE job_steps");
    let zombie = tokio::spawn(async move { frozen.step(&held, 0, StepEvent::Start, StepNote::default()).await });
    proxy.held().await;
    let is_free = || async { shop.database.step(&held, 0, StepEvent::Start, StepNote::default()).await.is_ok() };
    eventually(Duration::from_secs(30), is_free).await.unwrap();
    proxy.refuse();
    assert!(zombie.await.unwrap().is_err());
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_claim_that_hangs_ends_and_holds_up_nobody_behind_it() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let (database, proxy) = through_a_proxy(&url).await;
    let worker = WorkerId::generate();
    assert!(database.claim(worker, 1).await.unwrap().is_empty());
    proxy.hold_reply_to(b"SKIP LOCKED");
    let hung = tokio::time::timeout(Duration::from_secs(30), database.claim(worker, 1)).await.unwrap();
    assert!(hung.as_ref().is_err_and(Error::is_unavailable), "{hung:?}");
    proxy.pass();
    assert!(database.claim(worker, 1).await.unwrap().is_empty());
    shop.database.ping().await.unwrap();
}

#[tokio::test]
async fn a_claim_whose_kept_connection_was_cut_meanwhile_finds_a_new_one_at_once() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let database = Database::connect(&settings(url)).unwrap();
    let worker = WorkerId::generate();
    assert!(database.claim(worker, 1).await.unwrap().is_empty());
    let job = shop.queued().await;
    let others = "SELECT id FROM information_schema.PROCESSLIST WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let mut watching = shop.raw.acquire().await.unwrap();
    let open: Vec<i64> = sqlx::query_scalar(others).fetch_all(&mut *watching).await.unwrap();
    assert!(!open.is_empty(), "the claim kept none");
    for id in &open {
        sqlx::query(AssertSqlSafe(format!("KILL CONNECTION {id}"))).execute(&mut *watching).await.unwrap();
    }
    let ids = open.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let left = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE id IN ({ids})");
    let gone = || async {
        sqlx::query_scalar::<_, i64>(AssertSqlSafe(left.clone())).fetch_one(&shop.raw).await.is_ok_and(|n| n == 0)
    };
    eventually(Duration::from_secs(10), gone).await.unwrap();
    drop(watching);
    let held = database.claim(worker, 1).await.unwrap();
    assert_eq!(held.iter().map(|held| held.job).collect::<Vec<_>>(), [job]);
    database.close().await;
    let closed = database.claim(worker, 1).await;
    assert!(closed.as_ref().is_err_and(Error::is_unavailable), "{closed:?}");
}

#[tokio::test]
async fn a_database_that_is_cut_off_is_unavailable_and_works_again_once_it_is_reached() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let (database, proxy) = through_a_proxy(&url).await;
    database.ping().await.unwrap();
    proxy.refuse();
    let cut = database.ping().await;
    assert!(cut.as_ref().is_err_and(Error::is_unavailable), "{cut:?}");
    proxy.pass();
    eventually(Duration::from_secs(10), || async { database.ping().await.is_ok() }).await.unwrap();
    shop.database.close().await;
    let closed = shop.database.ping().await;
    assert!(closed.as_ref().is_err_and(Error::is_unavailable), "{closed:?}");
}
