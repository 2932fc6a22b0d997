//! The client of one engine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, redirect, retry};
use sentence::{Sentence, sentence};

use crate::error::{Error, Result};
use crate::info::Version;
use crate::request::Call;

/// How long connecting may take; longer than any healthy engine, shorter than a person's patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One Docker Engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    client: reqwest::Client,
    /// `http://host:port`, without a path.
    base: String,
    /// `/v1.41`, the engine's own highest version, so that no field is hidden from us.
    prefix: String,
    host: String,
    socket: Option<PathBuf>,
}

impl Engine {
    /// Connects to `unix:///path/to/docker.sock` or `tcp://host:port` (plain HTTP) and agrees on the
    /// API version.
    pub async fn connect(host: &str) -> Result<Self> {
        let (base, socket) = parse_host(host)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A reused connection that the engine has just closed cannot be told from a lost answer.
            .pool_max_idle_per_host(0)
            .retry(retry::never())
            .redirect(redirect::Policy::none())
            .no_proxy();
        if let Some(path) = &socket {
            builder = builder.unix_socket(path.as_path());
        }
        let client = builder.build().map_err(|error| address_error(host, Sentence::verbatim(error.to_string())))?;
        let mut engine = Self { client, base, prefix: String::new(), host: host.to_owned(), socket };
        engine.prefix = format!("/v{}", engine.version().await?.api);
        Ok(engine)
    }

    /// The address as given to [`Engine::connect`].
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The API version in use, such as `1.41`.
    pub fn api_version(&self) -> &str {
        self.prefix.trim_start_matches("/v")
    }

    /// What the engine says about itself.
    pub async fn version(&self) -> Result<Version> {
        Call::new(&self.client, Method::GET, &self.base, "/version".to_owned()).send().await?.json().await
    }

    /// Whether the engine answers at all.
    pub async fn ping(&self) -> Result<()> {
        Call::new(&self.client, Method::GET, &self.base, "/_ping".to_owned())
            .within(CONNECT_TIMEOUT)
            .send()
            .await
            .map(drop)
    }

    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.client, method, &self.base, format!("{}{path}", self.prefix))
    }
}

fn parse_host(host: &str) -> Result<(String, Option<PathBuf>)> {
    if let Some(path) = host.strip_prefix("unix://") {
        if !path.starts_with('/') {
            return Err(address_error(host, sentence!("a socket needs an absolute path")));
        }
        return Ok(("http://docker".to_owned(), Some(PathBuf::from(path))));
    }
    let authority = host
        .strip_prefix("tcp://")
        .or_else(|| host.strip_prefix("http://"))
        .ok_or_else(|| address_error(host, sentence!("expected unix:///path or tcp://host:port")))?
        .trim_end_matches('/');
    let is_plain =
        !authority.is_empty() && authority.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if !is_plain {
        return Err(address_error(host, sentence!("expected only a host and a port")));
    }
    Ok((format!("http://{authority}"), None))
}

fn address_error(host: &str, reason: Sentence) -> Error {
    Error::Address { host: host.to_owned(), reason }
}

/// Refuses whatever would change the meaning of a path; the engine judges the rest.
pub(crate) fn checked<'a>(what: Sentence, name: &'a str, extra: &str) -> Result<&'a str> {
    let is_valid = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("//")
        && !name.split('/').any(|part| part == "..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c) || extra.contains(c));
    if is_valid { Ok(name) } else { Err(Error::InvalidName { what, name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sockets_or_plain_addresses() {
        assert_eq!(parse_host("unix:///run/docker.sock").unwrap().1, Some(PathBuf::from("/run/docker.sock")));
        assert_eq!(parse_host("tcp://10.0.0.1:2375/").unwrap().0, "http://10.0.0.1:2375");
        for bad in ["unix://docker.sock", "ssh://host", "tcp://", "tcp://user@host", "tcp://h/p", ""] {
            assert!(parse_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_would_change_a_path_are_refused() {
        assert!(checked(sentence!("container name"), "cms_1.2-a", "").is_ok());
        for bad in ["", "a/b", "a?x", "../a", "a%2f", "-a", "a b"] {
            assert!(checked(sentence!("container name"), bad, "").is_err(), "{bad}");
        }
        assert!(checked(sentence!("image reference"), "r.io:5000/a/b@sha256:0", "/:@").is_ok());
        assert!(checked(sentence!("image reference"), "a/../b", "/:@").is_err());
    }
}
