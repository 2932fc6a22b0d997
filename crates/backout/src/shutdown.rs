//! The end of the process: the first signal asks for an orderly one, the second one does not wait.

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::embedded;

/// What shells report for a process that a signal ended.
const SIGNALLED: i32 = 128;

/// Listens for SIGTERM and SIGINT from now on. The token is cancelled at the first one. At the second one the
/// process exits at once; a private database server in the data directory is then asked to stop, and not waited for.
pub(crate) fn listen(data_directory: PathBuf) -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopping = CancellationToken::new();
    let told = stopping.clone();
    tokio::spawn(async move {
        let first = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = first, "stopping; a second signal ends the process at once");
        told.cancel();
        let second = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = second, "ending at once");
        embedded::terminate(&data_directory);
        std::process::exit(SIGNALLED + second);
    });
    Ok(stopping)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
