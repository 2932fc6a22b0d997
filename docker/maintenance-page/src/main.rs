//! A maintenance page in one static binary, for an image `FROM scratch`.
//!
//! Settings, all from the environment: `LISTEN` (address and port) or `PORT` (default 8000),
//! `RETRY_AFTER_SECONDS` (default 30), `MAINTENANCE_REASON`, `MAINTENANCE_UNTIL`.

mod page;

use std::{
    env,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{self, ExitCode},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use page::Notice;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Connections answered at the same time; more wait in the kernel's queue.
const WORKERS: usize = 32;
/// A request head is read up to here, then answered whatever it is.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// A client has this long for its request head.
const READ_TIME: Duration = Duration::from_secs(5);
/// What a client still sends after its answer is read for this long and up to this much: closing with unread
/// bytes resets the connection, and the answer would be lost with it.
const DRAIN_TIME: Duration = Duration::from_millis(500);
const DRAIN_BYTES: usize = 256 * 1024;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("maintenance-page: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let listen = text("LISTEN").unwrap_or_else(|| format!("0.0.0.0:{}", text("PORT").unwrap_or_else(|| "8000".into())));
    let retry_after = text("RETRY_AFTER_SECONDS").unwrap_or_else(|| "30".into());
    let notice = Arc::new(Notice {
        reason: text("MAINTENANCE_REASON"),
        until: text("MAINTENANCE_UNTIL"),
        retry_after_seconds: retry_after
            .parse()
            .map_err(|_| format!("RETRY_AFTER_SECONDS is a number of seconds, not {retry_after:?}"))?,
    });

    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("cannot handle signals: {error}"))?;
    let listener = TcpListener::bind(&listen).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let listener = Arc::new(listener);
    eprintln!("maintenance-page: answering 503 on {listen}");

    for _ in 0..WORKERS {
        let (listener, notice) = (Arc::clone(&listener), Arc::clone(&notice));
        thread::Builder::new()
            .spawn(move || work(&listener, &notice))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    // Nothing is lost by ending at once: every client is told to come back later anyway.
    if signals.forever().next().is_some() {
        process::exit(0);
    }
    Ok(())
}

fn work(listener: &TcpListener, notice: &Notice) {
    loop {
        match listener.accept() {
            // A client that went away or was too slow is its own affair.
            Ok((stream, _)) => drop(answer(stream, notice)),
            // Typically out of file descriptors: waiting is the cure, spinning is not.
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn answer(mut stream: TcpStream, notice: &Notice) -> std::io::Result<()> {
    stream.set_write_timeout(Some(READ_TIME))?;
    let mut head = Vec::with_capacity(1024);
    read_until(&mut stream, READ_TIME, |bytes| {
        head.extend_from_slice(bytes);
        head.len() >= MAX_HEAD_BYTES || head.windows(4).any(|window| window == b"\r\n\r\n")
    })?;
    if head.is_empty() {
        return Ok(());
    }
    stream.write_all(notice.answer(&String::from_utf8_lossy(&head)).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut drained = 0;
    read_until(&mut stream, DRAIN_TIME, |bytes| {
        drained += bytes.len();
        drained >= DRAIN_BYTES
    })
}

/// Reads until `enough` says so, the client ends its side, or the time is over.
fn read_until(stream: &mut TcpStream, time: Duration, mut enough: impl FnMut(&[u8]) -> bool) -> std::io::Result<()> {
    let deadline = Instant::now() + time;
    let mut buffer = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) if enough(&buffer[..read]) => return Ok(()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
