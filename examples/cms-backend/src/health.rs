//! `GET /health`, and the subcommand that a container's HEALTHCHECK runs against it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use axum::{extract::State, http::StatusCode};
use serde_json::json;
use tokio::time::timeout;

use crate::{app::App, databases::Databases, envelope::Answer, faults::Fault};

/// Each database has this long to answer; both are asked at the same time.
const DATABASE_TIME: Duration = Duration::from_secs(2);
/// The subcommand's limit for each read and write, above [`DATABASE_TIME`].
const CHECK_TIME: Duration = Duration::from_secs(3);

pub(crate) async fn show(State(app): State<Arc<App>>) -> Answer {
    let (mariadb, mongodb) = tokio::join!(within(app.databases.mariadb_head()), within(app.databases.mongodb_head()),);
    let mut problems = Vec::new();
    let mut head = |name: &str, answer: Result<Option<String>, String>| {
        answer.map_err(|why| problems.push(format!("{name}: {why}"))).ok().flatten()
    };
    let (mariadb, mongodb) = (head("MariaDB", mariadb), head("MongoDB", mongodb));
    if app.faults.is(Fault::Unhealthy) {
        problems.push("unhealthy on purpose".into());
    }

    let status = if problems.is_empty() { "healthy" } else { "unhealthy" };
    let data = json!({
        "version": app.release.name(),
        "status": status,
        "schema": { "mariadb": mariadb, "mongodb": mongodb },
    });
    if problems.is_empty() {
        Answer::ok(data)
    } else {
        let problems = problems.join("; ");
        app.log.warn(format_args!("unhealthy: {problems}"));
        Answer::failed(StatusCode::SERVICE_UNAVAILABLE, data, problems)
    }
}

/// Error texts of the drivers name hosts and causes, not passwords.
async fn within<T, E: std::fmt::Display>(question: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(DATABASE_TIME, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", DATABASE_TIME.as_secs())),
    }
}

/// Asks the server at its own address whether it is healthy.
pub(crate) fn check(listen: SocketAddr) -> Result<(), String> {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let head = ask(address).map_err(|error| format!("{address}: {error}"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(format!("{address}: GET /health answered {status:?}")) }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, CHECK_TIME)?;
    stream.set_read_timeout(Some(CHECK_TIME))?;
    stream.set_write_timeout(Some(CHECK_TIME))?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    // The status line is enough, and this is more than it.
    let mut head = Vec::new();
    stream.take(1024).read_to_end(&mut head)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Used at start too: whether both databases answer.
pub(crate) async fn both_answer(databases: &Databases) -> Result<(), String> {
    let (mariadb, mongodb) = tokio::join!(within(databases.ping_mariadb()), within(databases.ping_mongodb()));
    mariadb.map_err(|why| format!("MariaDB: {why}"))?;
    mongodb.map_err(|why| format!("MongoDB: {why}"))
}
