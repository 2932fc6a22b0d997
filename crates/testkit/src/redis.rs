//! A private Redis server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::port::ReservedPort;
use crate::process::{Launch, Server};
use crate::scratch::Scratch;

const START_WAIT: Duration = Duration::from_secs(30);
const CLIENT_WAIT: Duration = Duration::from_secs(2);
const DATABASES: usize = 4096;

/// A Redis server on a free port of `127.0.0.1` that keeps nothing on disk. Ends on drop.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    port: ReservedPort,
    next_database: AtomicUsize,
    _scratch: Scratch,
}

/// The one Redis server of this test process, started at the first call.
///
/// # Panics
/// If the server cannot be started.
pub fn shared_redis() -> &'static Redis {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    SHARED.get_or_init(|| Redis::start().unwrap_or_else(|error| panic!("{error:#}")))
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new("redis")?;
        let port = ReservedPort::new()?;
        let launch = Launch::new("redis-server", scratch.path().join("redis.log"))
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.number().to_string()])
            .args(["--databases", &DATABASES.to_string()])
            .arg("--dir")
            .arg(scratch.path());
        let server = Server::spawn(launch)?;
        let redis = Self { server, port, next_database: AtomicUsize::new(1), _scratch: scratch };
        redis.wait_ready()?;
        Ok(redis)
    }

    /// Starts the server again, empty, on the same port after [`Server::kill9`].
    pub fn restart(&self) -> Result<()> {
        self.server.respawn()?;
        self.wait_ready()
    }

    /// The server's process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The TCP address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The TCP port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// The URL of a numbered database that no other call of this server has returned.
    pub fn fresh_database_url(&self) -> Result<String> {
        let number = self.next_database.fetch_add(1, Ordering::Relaxed);
        ensure!(number < DATABASES, "all {DATABASES} databases of this Redis are taken");
        Ok(format!("{}/{number}", self.url()))
    }

    fn wait_ready(&self) -> Result<()> {
        self.server.wait_ready(START_WAIT, || {
            let mut stream = TcpStream::connect_timeout(&self.port.address(), CLIENT_WAIT)?;
            stream.set_read_timeout(Some(CLIENT_WAIT))?;
            stream.write_all(b"PING\r\n")?;
            let mut reply = [0; 7];
            stream.read_exact(&mut reply)?;
            ensure!(&reply == b"+PONG\r\n", "Redis answered {:?}", String::from_utf8_lossy(&reply));
            Ok(())
        })
    }
}
