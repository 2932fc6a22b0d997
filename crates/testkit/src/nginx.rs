//! A private nginx.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::port::ReservedPort;
use crate::process::{Launch, Server};
use crate::scratch::Scratch;

const START_WAIT: Duration = Duration::from_secs(30);
const CLIENT_WAIT: Duration = Duration::from_secs(2);

/// An nginx on a free port of `127.0.0.1` in front of another port. Ends on drop.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    port: ReservedPort,
    directory: PathBuf,
    _scratch: Scratch,
}

impl Nginx {
    /// Starts nginx in front of the port `upstream`. `snippet` gets the directory whose `*.conf` the server block
    /// includes first, and answers name and text of one such file, or nothing.
    pub fn start(upstream: u16, snippet: impl FnOnce(&Path) -> Option<(String, String)>) -> Result<Self> {
        let scratch = Scratch::new("nginx")?;
        let directory = scratch.path().join("included");
        fs::create_dir(&directory)?;
        if let Some((name, text)) = snippet(&directory) {
            fs::write(directory.join(name), text)?;
        }
        let port = ReservedPort::new()?;
        let configuration = scratch.path().join("nginx.conf");
        fs::write(&configuration, text(scratch.path(), &directory, port.number(), upstream))?;
        let launch = Launch::new("nginx", scratch.path().join("nginx.log")).arg("-c").arg(&configuration);
        let nginx = Self { server: Server::spawn(launch)?, port, directory, _scratch: scratch };
        nginx.wait_ready()?;
        Ok(nginx)
    }

    /// Starts nginx again on the same port after [`Server::kill9`].
    pub fn restart(&self) -> Result<()> {
        self.server.respawn()?;
        self.wait_ready()
    }

    /// The master process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The TCP address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The address as visitors write it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The directory whose `*.conf` the server block includes.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn wait_ready(&self) -> Result<()> {
        self.server.wait_ready(START_WAIT, || {
            TcpStream::connect_timeout(&self.port.address(), CLIENT_WAIT)?;
            Ok(())
        })
    }
}

/// One process, so that killing it leaves none behind.
fn text(scratch: &Path, included: &Path, port: u16, upstream: u16) -> String {
    let (scratch, included) = (scratch.display(), included.display());
    format!(
        "daemon off; master_process off; pid {scratch}/nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off; client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy;\n  \
         fastcgi_temp_path {scratch}/fastcgi; uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;\n  \
         server {{\n    include {included}/*.conf;\n    listen 127.0.0.1:{port};\n    \
         location / {{ proxy_pass http://127.0.0.1:{upstream}; }}\n  }}\n}}\n"
    )
}
