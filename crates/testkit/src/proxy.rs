//! A proxy that disturbs connections.

mod connection;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::connection::{Listener, accept};

use crate::scratch::Scratch;

/// The server behind a proxy.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<PathBuf> for Upstream {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Path> for Upstream {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

/// What happens to a request, or to its reply, that is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The request does not reach the server.
    KeepRequest,
    HoldReply,
    ResetReply,
}

#[derive(Clone, Debug)]
enum Mode {
    Pass,
    Refuse,
    /// Connections that sent `request` (all if `None`) after this mode was set.
    Intercept {
        request: Option<Arc<[u8]>>,
        fate: Fate,
    },
}

/// The mode with its number: what a connection has sent under an earlier mode does not count.
#[derive(Debug)]
struct Setting {
    number: u64,
    mode: Mode,
}

impl Setting {
    /// What to do with a reply on a connection whose last intercepted request was sent under the
    /// setting `caught`.
    fn fate(&self, caught: u64) -> Option<Fate> {
        match &self.mode {
            Mode::Intercept { request: None, fate } => Some(*fate),
            Mode::Intercept { request: Some(_), fate } => (caught == self.number).then_some(*fate),
            Mode::Pass | Mode::Refuse => None,
        }
    }
}

/// What the proxy has seen since its mode was set.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    request: bool,
    reply: bool,
}

/// A proxy in front of one server, on TCP for a TCP server and on a unix socket for a unix one. It
/// begins by letting everything through; its mode may change at any time, also for connections that
/// are open already. Dropping it cuts all connections.
#[derive(Debug)]
pub struct ChaosProxy {
    address: Address,
    shared: Arc<Shared>,
    accept: AbortHandle,
}

#[derive(Debug)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf, #[expect(dead_code, reason = "keeps the directory of the socket")] Scratch),
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    setting: watch::Sender<Setting>,
    seen: watch::Sender<Seen>,
}

impl ChaosProxy {
    /// Starts a proxy on the running tokio runtime.
    pub async fn start(upstream: impl Into<Upstream>) -> Result<Self> {
        let upstream = upstream.into();
        let (listener, address) = match upstream {
            Upstream::Tcp(_) => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let address = Address::Tcp(listener.local_addr()?);
                (Listener::Tcp(listener), address)
            }
            Upstream::Unix(_) => {
                let scratch = Scratch::new("proxy")?;
                let path = scratch.path().join("proxy.sock");
                (Listener::Unix(UnixListener::bind(&path)?), Address::Unix(path, scratch))
            }
        };
        let (setting, _) = watch::channel(Setting { number: 0, mode: Mode::Pass });
        let (seen, _) = watch::channel(Seen::default());
        let shared = Arc::new(Shared { upstream, setting, seen });
        let accept = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accept })
    }

    /// The TCP address to connect to; an error if the server is on a unix socket.
    pub fn address(&self) -> Result<SocketAddr> {
        match &self.address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(..) => None,
        }
        .context("this proxy listens on a unix socket")
    }

    /// The unix socket to connect to; an error if the server is on TCP.
    pub fn socket(&self) -> Result<&Path> {
        match &self.address {
            Address::Unix(path, _) => Some(path.as_path()),
            Address::Tcp(_) => None,
        }
        .context("this proxy listens on TCP")
    }

    /// Lets everything through, also what was withheld until now.
    pub fn pass(&self) {
        self.set(Mode::Pass);
    }

    /// Cuts the open connections and closes each new one at once, like a server that is down.
    pub fn refuse(&self) {
        self.set(Mode::Refuse);
    }

    /// Lets requests through and withholds all replies until [`ChaosProxy::pass`].
    pub fn hold_responses(&self) {
        self.set(Mode::Intercept { request: None, fate: Fate::HoldReply });
    }

    /// Withholds, until [`ChaosProxy::pass`], the replies on each connection from the first request
    /// on that holds the bytes `request`. Other connections pass.
    pub fn hold_reply_to(&self, request: &[u8]) {
        self.set(Mode::Intercept { request: Some(request.into()), fate: Fate::HoldReply });
    }

    /// Keeps the first request on each connection that holds the bytes `request` from the server, with what came
    /// together with it and all that follows there. Those connections end when the mode changes, so that it never
    /// arrives: what the client dies before sending. Other connections pass.
    pub fn keep_request(&self, request: &[u8]) {
        self.set(Mode::Intercept { request: Some(request.into()), fate: Fate::KeepRequest });
    }

    /// Lets each request through to the server and resets the connection in place of the reply.
    pub fn reset_after_request(&self) {
        self.reset_reply_to(b"");
    }

    /// The same for requests that hold the bytes `request`. Other connections pass.
    pub fn reset_reply_to(&self, request: &[u8]) {
        self.set(Mode::Intercept { request: Some(request.into()), fate: Fate::ResetReply });
    }

    /// Resolves once a request that is to be intercepted has been passed to the server, whether or
    /// not the server has replied, or is kept from it.
    pub async fn requested(&self) {
        self.until(|seen| seen.request).await;
    }

    /// Resolves once the server's reply to an intercepted request is withheld, or its connection
    /// reset: the server has done its work, and the client does not know.
    pub async fn held(&self) {
        self.until(|seen| seen.reply).await;
    }

    async fn until(&self, condition: impl FnMut(&Seen) -> bool) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.shared.seen.subscribe().wait_for(condition).await;
    }

    fn set(&self, mode: Mode) {
        self.shared.seen.send_replace(Seen::default());
        self.shared.setting.send_modify(|setting| {
            *setting = Setting { number: setting.number + 1, mode };
        });
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}
