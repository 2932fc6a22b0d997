use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use driver_mariadb::{SessionOptions, Target};

use super::*;
use crate::data_directory::Sharing;

const READY: Duration = Duration::from_mins(1);

/// A data directory of one test.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("backout-").tempdir().unwrap() }
    }

    fn open(&self) -> DataDirectory {
        DataDirectory::open(self.folder.path(), Sharing::Alone).unwrap()
    }

    fn layout(&self) -> Layout {
        Layout::new(&fs::canonicalize(self.folder.path()).unwrap()).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that failed in the middle leaves no server behind.
        if let Some(pid) = process::running(&self.layout()) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

async fn execute(embedded: &Embedded, statement: &str) -> Vec<Vec<Option<String>>> {
    let target = Target::new(embedded.url().clone()).unwrap();
    let mut session = target.connect(&SessionOptions::default()).await.unwrap();
    let executed = session.execute(statement).await.unwrap();
    session.close().await;
    executed.result_sets.into_iter().flat_map(|set| set.rows).collect()
}

fn leftovers(layout: &Layout) -> Vec<PathBuf> {
    let entries = fs::read_dir(layout.root()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("installing-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_data_and_a_server_that_was_left_running_is_taken_over() {
    let home = Home::new();
    let layout = home.layout();
    layout.make().unwrap();
    // What a start that was killed in the middle of its installation left.
    fs::create_dir_all(layout.root().join("installing-x/data/mysql")).unwrap();

    let directory = home.open();
    let embedded = Embedded::start(&directory).await.unwrap();
    embedded.ready(READY).await.unwrap();
    assert_eq!(leftovers(&layout), Vec::<PathBuf>::new());
    execute(&embedded, "CREATE TABLE t (a INT)").await;
    execute(&embedded, "INSERT INTO t VALUES (42)").await;
    let listening = execute(&embedded, "SHOW VARIABLES WHERE Variable_name = 'skip_networking'").await;
    assert_eq!(listening[0][1].as_deref(), Some("ON"));
    embedded.stop().await;
    assert_eq!(process::running(&layout), None);

    let embedded = Embedded::start(&directory).await.unwrap();
    embedded.ready(READY).await.unwrap();
    assert_eq!(execute(&embedded, "SELECT a FROM t").await, [[Some("42".to_owned())]]);
    let pid = process::running(&layout).unwrap();

    // As after kill -9: nobody looks after the server, and it runs on.
    embedded.task.abort();
    drop(embedded);
    drop(directory);
    let directory = home.open();
    let embedded = Embedded::start(&directory).await.unwrap();
    embedded.ready(READY).await.unwrap();
    assert_eq!(process::running(&layout), Some(pid));
    assert_eq!(execute(&embedded, "SELECT a FROM t").await, [[Some("42".to_owned())]]);

    // A survivor that ends is started again like any other.
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    let mut status = embedded.status.clone();
    status.wait_for(|status| matches!(status, Status::Starting { .. })).await.unwrap();
    embedded.ready(READY).await.unwrap();
    assert_ne!(process::running(&layout), Some(pid));
    assert_eq!(execute(&embedded, "SELECT a FROM t").await, [[Some("42".to_owned())]]);

    // A lost password file mends itself with the next start of the server.
    embedded.stop().await;
    fs::remove_file(layout.root().join("password")).unwrap();
    let embedded = Embedded::start(&directory).await.unwrap();
    embedded.ready(READY).await.unwrap();
    assert_eq!(execute(&embedded, "SELECT a FROM t").await, [[Some("42".to_owned())]]);
    embedded.stop().await;
    assert_eq!(process::running(&layout), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_is_told_with_the_end_of_its_log() {
    let home = Home::new();
    let layout = home.layout();
    layout.make().unwrap();
    fs::create_dir(layout.data()).unwrap();
    fs::write(layout.data().join("ibdata1"), "no database").unwrap();
    let directory = home.open();
    let embedded = Embedded::start(&directory).await.unwrap();
    let told = embedded.ready(READY).await.unwrap_err().to_string();
    assert!(told.contains("does not start") && told.contains("error.log") && told.contains("[ERROR]"), "{told}");
    embedded.stop().await;
}
