use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Result;
use testkit::{ChaosProxy, Redis, Scratch};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(5);

struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(proxy: &ChaosProxy) -> Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(proxy.address()?).await?)))
    }

    async fn send(&mut self, command: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).await
    }

    async fn reply(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        timeout(LIMIT, self.0.read_line(&mut line)).await??;
        Ok(line.trim_end().to_owned())
    }
}

#[tokio::test]
async fn a_held_reply_arrives_only_after_release_though_the_server_did_its_work() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    let (mut first, mut second) = (Connection::open(&proxy).await?, Connection::open(&proxy).await?);
    proxy.hold_reply_to(b"INCR counter");

    // The request is cut in two, as a network may do.
    first.0.get_mut().write_all(b"INCR cou").await?;
    second.send("PING").await?;
    assert_eq!(second.reply().await?, "+PONG", "other requests pass");
    first.send("nter").await?;
    timeout(LIMIT, proxy.requested()).await?;
    timeout(LIMIT, proxy.held()).await?;

    second.send("GET counter").await?;
    assert_eq!((second.reply().await?, second.reply().await?), ("$1".into(), "1".into()));
    let early = timeout(Duration::from_millis(50), first.0.fill_buf()).await;
    assert!(early.is_err(), "the reply is withheld");
    proxy.pass();
    assert_eq!(first.reply().await?, ":1");
    first.send("INCR counter").await?;
    assert_eq!(first.reply().await?, ":2", "the connection works on");
    Ok(())
}

#[tokio::test]
async fn a_kept_request_never_arrives_and_others_pass() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    let (mut first, mut second) = (Connection::open(&proxy).await?, Connection::open(&proxy).await?);
    proxy.keep_request(b"SET key");
    first.send("SET key 1").await?;
    timeout(LIMIT, proxy.requested()).await?;
    second.send("EXISTS key").await?;
    assert_eq!(second.reply().await?, ":0");
    proxy.pass();
    assert_eq!(first.reply().await.unwrap_or_default(), "", "its connection ends");
    second.send("EXISTS key").await?;
    assert_eq!(second.reply().await?, ":0");
    Ok(())
}

#[tokio::test]
async fn a_connection_caught_under_one_rule_is_free_under_the_next() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    let mut connection = Connection::open(&proxy).await?;
    proxy.hold_reply_to(b"PING");
    connection.send("PING").await?;
    timeout(LIMIT, proxy.held()).await?;
    proxy.pass();
    assert_eq!(connection.reply().await?, "+PONG");
    proxy.hold_reply_to(b"INCR");
    connection.send("PING").await?;
    assert_eq!(connection.reply().await?, "+PONG");
    Ok(())
}

#[tokio::test]
async fn all_replies_are_held_until_release() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    proxy.hold_responses();
    let mut connection = Connection::open(&proxy).await?;
    connection.send("PING").await?;
    timeout(LIMIT, proxy.held()).await?;
    proxy.pass();
    assert_eq!(connection.reply().await?, "+PONG");
    Ok(())
}

#[tokio::test]
async fn a_reset_hides_the_reply_of_a_request_that_was_carried_out() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    let mut connection = Connection::open(&proxy).await?;
    proxy.reset_after_request();
    connection.send("SET key 1").await?;
    let error = connection.reply().await.expect_err("the connection is reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    proxy.pass();
    let mut connection = Connection::open(&proxy).await?;
    connection.send("EXISTS key").await?;
    assert_eq!(connection.reply().await?, ":1");
    Ok(())
}

#[tokio::test]
async fn refusing_cuts_open_connections_and_new_ones_until_release() -> Result<()> {
    let redis = Redis::start()?;
    let proxy = ChaosProxy::start(redis.address()).await?;
    let mut open = Connection::open(&proxy).await?;
    open.send("PING").await?;
    assert_eq!(open.reply().await?, "+PONG");

    proxy.refuse();
    assert_eq!(open.reply().await.unwrap_or_default(), "");
    let mut fresh = Connection::open(&proxy).await?;
    assert_eq!(fresh.reply().await.unwrap_or_default(), "");

    proxy.pass();
    let mut again = Connection::open(&proxy).await?;
    again.send("PING").await?;
    assert_eq!(again.reply().await?, "+PONG");
    Ok(())
}

#[tokio::test]
async fn a_unix_server_gets_a_unix_proxy() -> Result<()> {
    let scratch = Scratch::new("unix")?;
    let path = scratch.path().join("server.sock");
    let listener = UnixListener::bind(&path)?;
    let proxy = ChaosProxy::start(path.as_path()).await?;
    assert!(proxy.address().is_err());
    let mut client = UnixStream::connect(proxy.socket()?).await?;
    let (mut server, _) = timeout(LIMIT, listener.accept()).await??;
    client.write_all(b"question").await?;
    client.shutdown().await?;
    let mut question = String::new();
    timeout(LIMIT, server.read_to_string(&mut question)).await??;
    assert_eq!(question, "question");
    server.write_all(b"answer").await?;
    drop(server);
    let mut answer = String::new();
    timeout(LIMIT, client.read_to_string(&mut answer)).await??;
    assert_eq!(answer, "answer");
    Ok(())
}
