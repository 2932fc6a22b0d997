//! Answers to connections that never become a request.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::header;
use axum::response::IntoResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Failure;
use crate::middleware::{RequestContext, render};

/// How long it may take to say it.
const WITHIN: Duration = Duration::from_secs(2);

/// Says why, in the envelope of every failure, and closes.
pub(super) async fn tell(mut stream: TcpStream, failure: Failure) {
    let told = written(failure).await;
    let telling = async {
        stream.write_all(&told).await?;
        stream.shutdown().await?;
        // Closing over bytes that nobody read resets the connection, and the client may never see the answer.
        let mut unwanted = [0; 4096];
        while stream.read(&mut unwanted).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // Whoever does not listen is not told.
    let _ = tokio::time::timeout(WITHIN, telling).await;
}

/// The whole answer as it goes over the wire.
async fn written(failure: Failure) -> Vec<u8> {
    let response = render(failure.into_response(), &RequestContext::unasked());
    let (parts, body) = response.into_parts();
    // It was made of bytes.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut told = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        told.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let length = format!("{}: {}\r\n{}: close\r\n\r\n", header::CONTENT_LENGTH, body.len(), header::CONNECTION);
    told.extend([length.as_bytes(), &body].concat());
    told
}
