//! How a proxy accepts and carries connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix};
use tokio::task::JoinSet;

use super::{Fate, Mode, Shared, Upstream};

const CHUNK: usize = 16 * 1024;

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;

enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Writer {
    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(half) => half.write_all(bytes).await,
            Self::Unix(half) => half.write_all(bytes).await,
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(half) => half.shutdown().await,
            Self::Unix(half) => half.shutdown().await,
        }
    }

    /// Makes the close, which comes with the end of the connection's task, a reset. A unix socket
    /// knows none: its peer sees the end of the stream.
    fn reset(self) -> io::Result<()> {
        if let Self::Tcp(half) = self {
            half.as_ref().set_zero_linger()?;
            // Dropping the half would first end the stream in good order.
            half.forget();
        }
        Ok(())
    }
}

fn split_tcp(stream: TcpStream) -> io::Result<(Reader, Writer)> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Writer::Tcp(writer)))
}

fn split_unix(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Writer::Unix(writer))
}

/// Accepts connections and carries each until the proxy is dropped.
pub(super) async fn accept(listener: Listener, shared: Arc<Shared>) -> io::Result<()> {
    // Dropped with this task, which cuts the connections.
    let mut connections = JoinSet::new();
    loop {
        let (reader, writer) = match &listener {
            Listener::Tcp(listener) => split_tcp(listener.accept().await?.0)?,
            Listener::Unix(listener) => split_unix(listener.accept().await?.0),
        };
        while connections.try_join_next().is_some() {}
        if !matches!(shared.setting.borrow().mode, Mode::Refuse) {
            connections.spawn(serve(reader, writer, Arc::clone(&shared)));
        }
    }
}

/// Carries one connection until both directions have ended, one has failed, or it is cut.
async fn serve(client_reader: Reader, client_writer: Writer, shared: Arc<Shared>) {
    let upstream = match &shared.upstream {
        Upstream::Tcp(address) => TcpStream::connect(address).await.and_then(split_tcp),
        Upstream::Unix(path) => UnixStream::connect(path).await.map(split_unix),
    };
    // The client sees a server that is down: its connection closes.
    let Ok((server_reader, server_writer)) = upstream else { return };
    let caught = AtomicU64::new(0);
    let mut setting = shared.setting.subscribe();
    tokio::select! {
        _ = async { tokio::try_join!(
            requests(client_reader, server_writer, &shared, &caught),
            replies(server_reader, client_writer, &shared, &caught),
        ) } => {}
        _ = setting.wait_for(|setting| matches!(setting.mode, Mode::Refuse)) => {}
    }
}

/// Carries requests, and notes in `caught` the number of the setting under which a request was
/// found that is to be intercepted, before that request reaches the server.
async fn requests(mut client: Reader, mut server: Writer, shared: &Shared, caught: &AtomicU64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    // The end of what came before, because a request may be cut anywhere between two reads.
    let mut tail: Vec<u8> = Vec::new();
    let mut setting = shared.setting.subscribe();
    loop {
        let length = client.read(&mut chunk).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        if setting.has_changed().unwrap_or(false) {
            tail.clear();
        }
        let (number, mode) = {
            let setting = setting.borrow_and_update();
            (setting.number, setting.mode.clone())
        };
        let intercepted = match &mode {
            Mode::Intercept { request: Some(request), .. } => {
                tail.extend_from_slice(&chunk[..length]);
                let found = contains(&tail, request);
                tail.drain(..tail.len().saturating_sub(request.len().saturating_sub(1)));
                found
            }
            Mode::Intercept { request: None, .. } => true,
            Mode::Pass | Mode::Refuse => false,
        };
        if intercepted && matches!(mode, Mode::Intercept { fate: Fate::KeepRequest, .. }) {
            shared.seen.send_modify(|seen| seen.request = true);
            // The sender lives as long as `shared`, so the wait cannot fail.
            let _ = setting.wait_for(|setting| setting.number != number).await;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if intercepted {
            caught.store(number, Ordering::Release);
        }
        server.write_all(&chunk[..length]).await?;
        if intercepted {
            shared.seen.send_modify(|seen| seen.request = true);
        }
    }
}

/// Carries replies, or withholds them as the mode says.
async fn replies(mut server: Reader, mut client: Writer, shared: &Shared, caught: &AtomicU64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut setting = shared.setting.subscribe();
    loop {
        let length = server.read(&mut chunk).await?;
        let fate = shared.setting.borrow().fate(caught.load(Ordering::Acquire));
        if matches!(fate, Some(Fate::HoldReply | Fate::ResetReply)) {
            shared.seen.send_modify(|seen| seen.reply = true);
        }
        match fate {
            Some(Fate::ResetReply) => {
                client.reset()?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(Fate::HoldReply) => {
                // The sender lives as long as `shared`, so the wait cannot fail.
                let _ = setting.wait_for(|setting| matches!(setting.mode, Mode::Pass)).await;
            }
            Some(Fate::KeepRequest) | None => {}
        }
        if length == 0 {
            return client.shutdown().await;
        }
        client.write_all(&chunk[..length]).await?;
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
