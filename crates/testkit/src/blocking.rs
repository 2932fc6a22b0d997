//! Runs an asynchronous client from a synchronous function, also below a running runtime.

use std::future::Future;
use std::thread;

use anyhow::{Context, Result, anyhow};

/// Drives `future` to its end on a thread and a runtime of its own, because the caller may already
/// be inside a runtime, where blocking on another one panics.
pub(crate) fn run<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let drive = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot build a runtime for a testkit client")?
            .block_on(future)
    };
    thread::scope(|scope| scope.spawn(drive).join())
        .unwrap_or_else(|_| Err(anyhow!("the thread of a testkit client panicked")))
}
