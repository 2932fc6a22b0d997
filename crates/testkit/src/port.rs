//! Free TCP ports that stay free until their holder uses them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

use crate::scratch;

// Below the range from which Linux takes the local ports of outgoing connections (32768 and up), so
// that no connection takes the port of a server while that server restarts.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of `127.0.0.1` that no other test process takes while this value lives.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _lock: File,
}

impl ReservedPort {
    /// Reserves a port on which nothing listens now.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let directory = scratch::root()?.join("ports");
        scratch::create_directory(&directory)?;
        // Each process begins elsewhere, so that parallel processes rarely meet.
        let seed = u16::try_from(std::process::id() % u32::from(COUNT))?.wrapping_mul(7);
        for _ in 0..COUNT {
            let offset = seed.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let number = FIRST + offset;
            let Some(lock) = scratch::try_lock(&directory.join(number.to_string()))? else {
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no port of 127.0.0.1 between {FIRST} and {} is free", FIRST + COUNT)
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port at `127.0.0.1`.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
