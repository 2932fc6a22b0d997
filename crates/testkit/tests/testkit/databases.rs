use anyhow::Result;
use mongodb::bson::{Document, doc};
use sqlx::{Connection, Executor, MySqlConnection, Row};
use testkit::{MariaDb, Mongo, Redis, process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn redis_says(redis: &Redis, command: &str, answer: &str) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).await?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    let mut reply = vec![0; answer.len()];
    stream.read_exact(&mut reply).await?;
    assert_eq!(String::from_utf8_lossy(&reply), answer);
    Ok(())
}

async fn value_in(url: &str) -> Result<i32> {
    let mut connection = MySqlConnection::connect(url).await?;
    Ok(connection.fetch_one("SELECT value FROM t").await?.try_get(0)?)
}

#[tokio::test]
async fn two_mariadb_servers_run_side_by_side_and_end_with_their_handles() -> Result<()> {
    let (first, second) = (MariaDb::start()?, MariaDb::start()?);
    for (value, server) in [(1, &first), (2, &second)] {
        server.execute("CREATE DATABASE same")?;
        server.execute(&format!("CREATE TABLE same.t AS SELECT {value} AS value"))?;
    }
    assert_eq!(value_in(&first.url("same")).await?, 1);
    assert_eq!(value_in(&second.url("same")).await?, 2);

    let pids = [first.server().pid(), second.server().pid()];
    let socket = first.socket();
    assert!(socket.exists());
    assert!(pids.into_iter().all(process::is_alive));
    drop((first, second));
    assert!(!pids.into_iter().any(process::is_alive));
    assert!(!socket.exists(), "the scratch directory is gone");
    Ok(())
}

#[tokio::test]
async fn a_killed_mariadb_keeps_committed_rows_and_its_port_over_a_restart() -> Result<()> {
    let server = MariaDb::start()?;
    let database = server.create_database("kept")?;
    server.execute(&format!("CREATE TABLE {database}.t (value INT)"))?;
    server.execute(&format!("INSERT INTO {database}.t VALUES (7)"))?;
    let url = server.url(&database);
    let pid = server.server().pid();

    server.server().kill9()?;
    assert!(!process::is_alive(pid));
    assert!(MySqlConnection::connect(&url).await.is_err());
    server.restart()?;

    assert_eq!(value_in(&url).await?, 7);
    Ok(())
}

#[tokio::test]
async fn the_mariadb_user_may_lock_kill_and_grant() -> Result<()> {
    let server = testkit::shared_mariadb();
    let database = server.create_database("privileges")?;
    let mut victim = MySqlConnection::connect(&server.url(&database)).await?;
    let id: u64 = victim.fetch_one("SELECT CAST(CONNECTION_ID() AS UNSIGNED)").await?.try_get(0)?;
    let locked: i64 = victim.fetch_one("SELECT CAST(GET_LOCK('x', 0) AS SIGNED)").await?.try_get(0)?;
    assert_eq!(locked, 1);

    server.execute(&format!("KILL {id}"))?;
    assert!(victim.fetch_one("SELECT 1").await.is_err());
    server.execute("CREATE USER reader IDENTIFIED BY 'r'")?;
    server.execute(&format!("GRANT SELECT ON {database}.* TO reader"))?;
    Ok(())
}

#[tokio::test]
async fn redis_answers_restarts_empty_and_ends_with_its_handle() -> Result<()> {
    let redis = Redis::start()?;
    assert_ne!(redis.fresh_database_url()?, redis.fresh_database_url()?);
    redis_says(&redis, "SET key value", "+OK").await?;
    redis.server().kill9()?;
    redis.restart()?;
    redis_says(&redis, "EXISTS key", ":0").await?;

    let pid = redis.server().pid();
    drop(redis);
    assert!(!process::is_alive(pid));
    Ok(())
}

#[tokio::test]
async fn mongodb_stores_documents_over_a_restart_and_ends_with_its_handle() -> Result<()> {
    let mongo = Mongo::start()?;
    let Ok(server) = mongo.server() else {
        return Ok(()); // the server was given from outside and is not ours to restart
    };
    let name = testkit::unique_name("kept");
    let client = mongodb::Client::with_uri_str(mongo.url()).await?;
    client.database(&name).collection("c").insert_one(doc! { "value": 7 }).await?;

    let pid = server.pid();
    server.kill9()?;
    assert!(!process::is_alive(pid));
    mongo.restart()?;

    let client = mongodb::Client::with_uri_str(mongo.url()).await?;
    let found = client.database(&name).collection::<Document>("c").find_one(doc! {}).await?;
    assert_eq!(found.map(|document| document.get_i32("value")), Some(Ok(7)));
    let pid = mongo.server()?.pid();
    drop(mongo);
    assert!(!process::is_alive(pid));
    Ok(())
}
