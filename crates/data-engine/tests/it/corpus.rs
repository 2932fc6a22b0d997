//! Scripts run statement by statement come to the same as through the server's own client.
//!
//! Two things are meant to differ and are not in the corpus. The client makes one line feed of a carriage return and a
//! line feed within a text; here the bytes run that were registered. And of `/* … */ DELIMITER //` the client runs
//! nothing and says nothing; here it is an error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driver_mariadb::{Session, SessionOptions, fingerprint};

use crate::support::mariadb::{Base, server};

/// What a script leaves behind.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Number of the error at which it ended, and the line of its statement.
    error: Option<(u16, u32)>,
    schema: String,
    rows: Vec<(String, Vec<String>)>,
}

async fn left_behind(base: &Base, error: Option<(u16, u32)>) -> Outcome {
    let mut session = base.session().await;
    let schema = fingerprint(&mut session, base.target.database()).await.unwrap().sha256;
    let mut rows = Vec::new();
    for table in base.rows("SHOW FULL TABLES").await {
        let name = table.split(',').next().unwrap().to_owned();
        let mut all = base.rows(&format!("SELECT * FROM `{}`", name.replace('`', "``"))).await;
        all.sort();
        rows.push((name, all));
    }
    Outcome { error, schema, rows }
}

async fn by_the_client(script: &Path) -> Outcome {
    let base = Base::new();
    let client = Command::new("mariadb")
        .args(["--no-defaults", "--batch", "--default-character-set=utf8mb4", "--user=root"])
        .arg(format!("--socket={}", server().socket().display()))
        .arg(base.target.database())
        .stdin(std::fs::File::open(script).unwrap())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(client.stderr).unwrap();
    // ERROR 1064 (42000) at line 3: …
    let error = said.split_once("ERROR ").map(|(_, rest)| {
        let code = rest.split(' ').next().unwrap().parse().unwrap();
        let line = rest.split_once("at line ").unwrap().1.split(':').next().unwrap().parse().unwrap();
        (code, line)
    });
    assert_eq!(client.status.success(), error.is_none(), "{}: {said}", script.display());
    left_behind(&base, error).await
}

async fn by_statements(script: &Path) -> Outcome {
    let base = Base::new();
    let text = std::fs::read_to_string(script).unwrap();
    let mut session: Session = base.target.connect(&SessionOptions::default()).await.unwrap();
    let mut error = None;
    for statement in sql_script::split(&text).unwrap() {
        if let Err(refused) = session.execute(&statement.text).await {
            error = Some((refused.code().unwrap_or_else(|| panic!("{refused}")), statement.line));
            break;
        }
    }
    session.close().await;
    left_behind(&base, error).await
}

#[tokio::test]
async fn a_script_that_is_split_does_what_the_client_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql-script/tests/corpus");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    scripts.sort();
    assert!(scripts.len() >= 40, "{}", scripts.len());
    let mut differing = Vec::new();
    for script in &scripts {
        let (client, ours) = (by_the_client(script).await, by_statements(script).await);
        if client != ours {
            differing.push(format!("{}\n  client {client:?}\n  ours   {ours:?}", script.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
