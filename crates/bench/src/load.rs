//! A small load generator: kept connections, one request at a time on each, ready-made bytes. A whole HTTP client
//! would take more of the machine than the server that is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::sample::{Samples, rate};

const CONNECTIONS: u32 = 12;
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// What a run gave.
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) took: Samples,
}

/// Asks for `within` as fast as answers come. `request` makes the bytes of the request with that number.
pub(crate) async fn run(
    address: SocketAddr,
    within: Duration,
    request: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Outcome> {
    let (request, number) = (Arc::new(request), Arc::new(AtomicU32::new(0)));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (request, number) = (Arc::clone(&request), Arc::clone(&number));
        tasks.spawn(async move {
            let mut connection = TcpStream::connect(address).await?;
            connection.set_nodelay(true)?;
            let (mut times, mut buffer) = (Vec::new(), Vec::new());
            while begin.elapsed() < within {
                let bytes = request(number.fetch_add(1, Ordering::Relaxed));
                let asked = Instant::now();
                let status = exchange(&mut connection, &bytes, &mut buffer).await?;
                times.push(asked.elapsed());
                ensure!((200..300).contains(&status), "status {status}: {}", String::from_utf8_lossy(&buffer));
            }
            Ok(times)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    let per_second = rate(u32::try_from(all.len())?, begin.elapsed());
    let mut took = Samples::default();
    // In order, each goes to the end.
    all.sort_unstable();
    for one in all {
        took.push(one);
    }
    Ok(Outcome { per_second, took })
}

/// Whether the path answers 200 on a new connection.
pub(crate) async fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = async {
        let mut connection = TcpStream::connect(address).await?;
        exchange(&mut connection, &get(path, None), &mut Vec::new()).await
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(200)))
}

pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends a request and reads its answer to the end; the status.
async fn exchange(connection: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<u16> {
    connection.write_all(request).await?;
    buffer.clear();
    let head = loop {
        read_more(connection, buffer).await?;
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    let status = text.split(' ').nth(1).context("no status line")?.parse()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("the answer does not say how long it is")?;
    while buffer.len() < head + length {
        read_more(connection, buffer).await?;
    }
    Ok(status)
}

async fn read_more(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    ensure!(buffer.len() < MAX_ANSWER, "the answer is too long");
    if connection.read_buf(buffer).await? == 0 {
        bail!("the connection was closed in mid-answer");
    }
    Ok(())
}
