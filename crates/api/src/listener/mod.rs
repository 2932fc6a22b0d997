//! Connections: how many there may be, and how long a client may take to say what it wants.

mod refusal;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use domain::problem::ProblemType;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sentence::sentence;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::error::Failure;

/// A request's line and headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// A peer that acknowledges nothing for so long is gone, milliseconds.
const PEER_GONE: u32 = 60_000;
/// How many connections beyond the limit are told so at a time; further ones are just closed.
const REFUSALS: usize = 64;
/// The pause after the system had no room for a connection.
const NO_ROOM: Duration = Duration::from_millis(500);

/// What connections may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many there may be at a time.
    pub connections: usize,
    /// How long a client may take for the head of a request; a connection without one is closed after the same time.
    pub head_within: Duration,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Answers connections until it is told to stop, then those that are being answered to their end.
pub async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, stopping: CancellationToken) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let tasks = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, Peer(peer.ip())),
                Err(error) => {
                    // Either the one connection broke, or there is no room for any: then looking at once is of no use.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(NO_ROOM).await;
                    continue;
                }
            },
            () = stopping.cancelled() => break,
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            let (router, stopping) = (router.clone(), stopping.clone());
            tasks.spawn(async move {
                answer(stream, peer, router, limits.head_within, stopping).await;
                drop(slot);
            });
        } else if let Ok(refusal) = refusals.clone().try_acquire_owned() {
            tasks.spawn(async move {
                refusal::tell(stream, too_many(limits.connections)).await;
                drop(refusal);
            });
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn answer(stream: TcpStream, peer: Peer, router: Router, head_within: Duration, stopping: CancellationToken) {
    // Without them a connection works too.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, PEER_GONE);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let ended = if let Some(ended) = stopping.run_until_cancelled(&mut connection).await {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let Err(error) = ended else { return };
    tracing::debug!(%error, peer = %peer.0, "a connection broke");
    let parts = connection.into_parts();
    // A client that had not begun has nothing to be told.
    if error.is_timeout() && !parts.read_buf.is_empty() {
        refusal::tell(parts.io.into_inner(), too_slow(head_within)).await;
    }
}

fn too_slow(within: Duration) -> Failure {
    let detail =
        sentence!("the head of the request did not arrive within {limit} s", limit = within.as_secs_f32().to_string());
    Failure::new(ProblemType::RequestTimeout, detail)
}

fn too_many(connections: usize) -> Failure {
    let detail = sentence!("{connections} connections are open, as many as are allowed (max_connections)", connections);
    Failure::hinted(ProblemType::Unavailable, detail, sentence!("close connections that are not needed, and try again"))
}

#[cfg(test)]
mod tests;
