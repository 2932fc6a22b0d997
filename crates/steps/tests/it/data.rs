//! Backups and caches.

use std::time::Duration;

use domain::environment::Engine;
use domain::plan::StepSpec;
use saga::{ErrorKind, Probe};
use testkit::{eventually, shared_mariadb};

use crate::support::{SOON, World, fresh_cache};

#[tokio::test]
async fn a_backup_is_a_file_that_is_written_down() {
    let world = World::new().await;
    let database = shared_mariadb().create_database("backup").unwrap();
    shared_mariadb().execute(&format!("CREATE TABLE {database}.users (id INT PRIMARY KEY)")).unwrap();
    world.settings().database = database;
    let backup = world.bind(&StepSpec::Backup { store: "main".to_owned(), engine: Engine::MariaDb, anew: false }).await;

    let output = backup.run(&world.cx(1)).await.unwrap();
    let recorded = world.settings().backups.clone();
    assert_eq!(recorded.len(), 1);
    let (store, report) = &recorded[0];
    assert_eq!((store.as_str(), report.sha256.as_str()), ("main", output["sha256"].as_str().unwrap()));
    assert_eq!(std::fs::metadata(&report.path).unwrap().len(), report.bytes);
    assert_eq!(backup.probe(&world.cx(1)).await, Ok(Probe::NotDone), "a repeat writes another file");
    assert!(!backup.has_effect());
}

#[tokio::test]
async fn a_backup_is_not_made_again_because_it_could_not_be_written_down() {
    let world = World::new().await;
    let database = shared_mariadb().create_database("backup").unwrap();
    {
        let mut settings = world.settings();
        settings.database = database;
        settings.refusals = 3;
    }
    let backup = world.bind(&StepSpec::Backup { store: "main".to_owned(), engine: Engine::MariaDb, anew: false }).await;
    backup.run(&world.cx(1)).await.unwrap();
    let recorded = world.settings().backups.clone();
    assert_eq!((world.settings().refusals, recorded.len()), (0, 1));
    assert!(recorded[0].1.path.exists());
}

#[tokio::test]
async fn a_backup_tells_how_far_it_is_and_ends_in_the_middle_when_its_job_is_called_off() {
    let world = World::new().await;
    let database = shared_mariadb().create_database("backup").unwrap();
    let tables = "CREATE TABLE articles (body TEXT); INSERT INTO articles VALUES (REPEAT('x', 60000)); \
                  CREATE TABLE users (id INT PRIMARY KEY)";
    shared_mariadb().execute(&format!("USE {database}; {tables}")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    {
        let mut settings = world.settings();
        settings.database.clone_from(&database);
        settings.backup_directory = Some(directory.path().to_owned());
    }
    // The dump waits for a table that somebody has locked, for as long as it may take.
    let target = driver_mariadb::Target::new(shared_mariadb().url(&database).into()).unwrap();
    let mut locking = target.connect(&driver_mariadb::SessionOptions::default()).await.unwrap();
    locking.execute("LOCK TABLES users WRITE").await.unwrap();
    let backup = world.bind(&StepSpec::Backup { store: "main".to_owned(), engine: Engine::MariaDb, anew: false }).await;
    let cx = world.cx(1);
    let mut run = Box::pin(backup.run(&cx));
    let mut looking = target.connect(&driver_mariadb::SessionOptions::default()).await.unwrap();
    let dumps = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() \
                 AND STATE LIKE 'Waiting for table metadata lock%'";
    let mut dumps_are = async |count: &str| {
        let found = looking.execute(dumps).await.unwrap();
        found.result_sets[0].rows[0][0].as_deref() == Some(count)
    };
    tokio::select! {
        ended = &mut run => panic!("{ended:?}"),
        () = async { while !dumps_are("1").await {} } => {}
    }
    let told = world.journal.news(|news| news["read_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    tokio::select! {
        ended = &mut run => panic!("{ended:?}"),
        told = tokio::time::timeout(SOON, told) => drop(told.unwrap()),
    }
    world.stop.cancel();
    assert_eq!(tokio::time::timeout(SOON, run).await.unwrap().unwrap_err().kind, ErrorKind::Transient);
    locking.close().await;
    let is_empty = || async { std::fs::read_dir(directory.path()).unwrap().next().is_none() };
    eventually(Duration::from_secs(10), is_empty).await.unwrap();
    assert!(world.settings().backups.is_empty());
}

#[tokio::test]
async fn only_the_keys_of_the_patterns_are_flushed() {
    let world = World::new().await;
    let url = fresh_cache();
    world.settings().cache.clone_from(&url);
    let mut redis = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for key in ["cms:cache:1", "cms:cache:2", "session:1"] {
        let _: () = redis::cmd("SET").arg(key).arg("x").query_async(&mut redis).await.unwrap();
    }
    let flush = |patterns: &[&str]| StepSpec::FlushCache {
        store: "cache".to_owned(),
        patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
    };
    let step = world.bind(&flush(&["cms:cache:*"])).await;
    let output = step.run(&world.cx(4)).await.unwrap();
    assert_eq!(output["removed"], 2);
    assert_eq!(step.run(&world.cx(4)).await.unwrap()["removed"], 0);
    let left: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    assert_eq!(left, ["session:1"]);

    let all = world.bind(&flush(&["*"])).await;
    assert_eq!(all.run(&world.cx(4)).await.unwrap_err().kind, ErrorKind::Permanent);
}

#[tokio::test]
async fn a_backup_that_is_young_enough_is_read_again_and_counts_for_this_job_too() {
    let world = World::new().await;
    world.settings().database = shared_mariadb().create_database("backup").unwrap();
    let backup = world.bind(&StepSpec::Backup { store: "main".to_owned(), engine: Engine::MariaDb, anew: false }).await;
    backup.run(&world.cx(1)).await.unwrap();
    let first = world.settings().backups[0].1.clone();
    world.settings().fresh = Some(first.clone());
    backup.run(&world.cx(1)).await.unwrap();
    assert_eq!(world.settings().backups[1].1, first);

    // One that was damaged since does not count.
    std::fs::write(&first.path, "torn").unwrap();
    backup.run(&world.cx(1)).await.unwrap();
    assert_ne!(world.settings().backups[2].1.path, first.path);
}
