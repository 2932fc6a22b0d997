use std::sync::Arc;
use std::time::Duration;

use driver_mariadb::{DumpLimits, Error, SessionOptions, Target, dump};
use testkit::{ReservedPort, shared_mariadb};

use crate::{connect, database, run};

/// Holds every character that a connection string or an option file could stumble over.
const PASSWORD: &str = r#"s3cr"et#\pa ss%41;'$é"#;

fn encoded(text: &str) -> String {
    hex::encode(text).as_bytes().chunks(2).flat_map(|digits| [b'%', digits[0], digits[1]]).map(char::from).collect()
}

fn with_password(target: &Target, user: &str, password: &str) -> Target {
    let port = shared_mariadb().port();
    let url = format!("mysql://{user}:{}@127.0.0.1:{port}/{}", encoded(password), target.database());
    Target::new(url.into()).unwrap()
}

fn limits() -> DumpLimits {
    DumpLimits { max_bytes: 1 << 20, timeout: Duration::from_mins(1) }
}

#[tokio::test]
async fn a_password_never_shows_in_an_error() {
    let target = database("secret");
    let user = target.database().to_owned();
    let quoted = PASSWORD.replace('\\', r"\\").replace('\'', "''");
    let server = shared_mariadb();
    server.execute(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{quoted}'")).unwrap();
    server.execute(&format!("GRANT SELECT ON `{user}`.* TO '{user}'@'%'")).unwrap();

    let known = with_password(&target, &user, PASSWORD);
    let mut session = connect(&known).await;
    let mut shown = vec![format!("{known:?} {session:?}")];
    let mut show = |error: Error| shown.push(format!("{error} {error:?}"));
    show(session.execute(&format!("SELEC '{quoted}'")).await.unwrap_err());
    show(session.execute("CREATE TABLE t (a INT)").await.unwrap_err());

    let wrong = with_password(&target, &user, &format!("{PASSWORD}x"));
    show(wrong.connect(&SessionOptions::default()).await.unwrap_err());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let failed = dump(&wrong, &file, limits(), &Arc::default()).await.unwrap_err();
    assert!(matches!(&failed, Error::Tool { stderr, .. } if stderr.contains("Access denied")), "{failed}");
    show(failed);

    let port = ReservedPort::new().unwrap();
    let nobody = format!("mysql://u:{}@127.0.0.1:{}/d", encoded(PASSWORD), port.number());
    let nobody = Target::new(nobody.into()).unwrap();
    let refused = nobody.connect(&SessionOptions::default()).await.unwrap_err();
    assert!(refused.is_transient() && !refused.is_connection_lost(), "{refused}");
    show(refused);
    for url in [
        format!("mysql://u:{}@host:99999/d", encoded(PASSWORD)),
        format!("mysql://u:{}@host/", encoded(PASSWORD)),
        format!("http://u:{}@host/d", encoded(PASSWORD)),
        format!("mysql://u:{}@host/d?ssl-mode={}", encoded(PASSWORD), encoded(PASSWORD)),
    ] {
        show(Target::new(url.into()).unwrap_err());
    }
    for text in shown {
        assert!(!text.contains(PASSWORD) && !text.contains("s3cr"), "{text}");
    }

    server.execute(&format!("GRANT ALL ON `{user}`.* TO '{user}'@'%'")).unwrap();
    // The same password opens the tools' door: it is passed on as it is.
    dump(&known, &file, limits(), &Arc::default()).await.unwrap();
}

#[tokio::test]
async fn errors_carry_the_servers_number() {
    let target = database("codes");
    let mut session = connect(&target).await;
    run(&mut session, "CREATE TABLE t (a INT PRIMARY KEY)").await;
    for (statement, code) in [
        ("CREATE TABLE t (a INT)", 1050),
        ("ALTER TABLE t ADD COLUMN a INT", 1060),
        ("ALTER TABLE t DROP COLUMN b", 1091),
        ("DROP TABLE missing", 1051),
        ("SELECT * FROM missing", 1146),
        ("DELIMITER //", 1064),
    ] {
        let error = session.execute(statement).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_ends_the_session() {
    let target = database("limit");
    let options = SessionOptions { statement_limit: Duration::from_millis(50), ..SessionOptions::default() };
    let mut session = target.connect(&options).await.unwrap();
    let error = session.execute("SELECT SLEEP(20)").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }) && error.is_connection_lost());
    assert!(session.execute("SELECT 1").await.unwrap_err().is_connection_lost());
    target.kill(session.connection_id()).await.unwrap();
}
