//! What each setting may be, and what it is where nobody says anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use sentence::{ToValue, Value};
use tracing_subscriber::EnvFilter;

use super::layers::{Given, Layers, Surroundings};
use super::{LogFormat, Settings};
use crate::keyed::Keyed;
use crate::keys;

/// Their names in the file; in the environment in capitals behind `BACKOUT_`.
pub(crate) const FIELDS: [&str; 14] = [
    "authentications_per_minute",
    "data_directory",
    "database_max_connections",
    "database_url",
    "key_file",
    "lease_seconds",
    "listen",
    "log_filter",
    "log_format",
    "max_connections",
    "requests_per_minute",
    "shutdown_seconds",
    "wake_url",
    "worker_slots",
];

const DEFAULT_PORT: u16 = 7420;
const DEFAULT_CONNECTIONS: u64 = 20;
const DEFAULT_SLOTS: u64 = 4;
const DEFAULT_LEASE: u64 = 10;
const DEFAULT_SHUTDOWN: u64 = 30;
const DEFAULT_FILTER: &str = "info";
const DEFAULT_REQUESTS: u64 = 6_000;
const DEFAULT_AUTHENTICATIONS: u64 = 60;
/// Leaves room below the usual limit of 1024 open files.
const DEFAULT_API_CONNECTIONS: u64 = 512;
/// The worker and the API share the pool: with fewer connections they would wait for each other.
const CONNECTIONS: RangeInclusive<u64> = 5..=1_000;
const SLOTS: RangeInclusive<u64> = 1..=256;
const LEASE: RangeInclusive<u64> = 2..=LONGEST_LEASE_SECONDS;
/// The longest that a worker can be given.
pub(crate) const LONGEST_LEASE_SECONDS: u64 = 600;
const SHUTDOWN: RangeInclusive<u64> = 1..=3_600;
/// 0 is no limit.
const A_MINUTE: RangeInclusive<u64> = 0..=10_000_000;
const API_CONNECTIONS: RangeInclusive<u64> = 4..=100_000;

/// Decides every field; what is wrong is added to the mistakes. None only where a field without default is missing.
pub(crate) fn decide(given: &Layers, surroundings: &Surroundings, mistakes: &mut Vec<Keyed>) -> Option<Settings> {
    let mut reader = Reader { given, mistakes };
    let listen = reader.read("listen", address);
    let data_directory = reader.read("data_directory", path);
    let database_url = reader.read_secret("database_url", database_url);
    let database_max_connections = reader.number("database_max_connections", CONNECTIONS, DEFAULT_CONNECTIONS);
    let key_file = reader.read("key_file", key_file);
    let wake_url = reader.read_secret("wake_url", wake_url);
    let worker_slots = reader.number("worker_slots", SLOTS, DEFAULT_SLOTS);
    let lease = reader.number("lease_seconds", LEASE, DEFAULT_LEASE);
    let shutdown = reader.number("shutdown_seconds", SHUTDOWN, DEFAULT_SHUTDOWN);
    let requests = reader.number("requests_per_minute", A_MINUTE, DEFAULT_REQUESTS);
    let authentications = reader.number("authentications_per_minute", A_MINUTE, DEFAULT_AUTHENTICATIONS);
    let max_connections = reader.number("max_connections", API_CONNECTIONS, DEFAULT_API_CONNECTIONS);
    let log_format = reader.read("log_format", log_format);
    let log_filter = reader.read("log_filter", log_filter);
    let Some(data_directory) = data_directory.or_else(|| surroundings.default_data_directory()) else {
        mistakes.push(Keyed::new("serve.no-data-directory"));
        return None;
    };
    Some(Settings {
        listen: listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT))),
        data_directory,
        database_url,
        // The ranges are narrower than the types.
        database_max_connections: u32::try_from(database_max_connections).unwrap_or(u32::MAX),
        key_file,
        wake_url,
        worker_slots: u16::try_from(worker_slots).unwrap_or(u16::MAX),
        lease: Duration::from_secs(lease),
        shutdown: Duration::from_secs(shutdown),
        rates: api::RateLimits {
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            authentications: u32::try_from(authentications).unwrap_or(u32::MAX),
        },
        max_connections: usize::try_from(max_connections).unwrap_or(usize::MAX),
        log_format,
        log_filter: log_filter.unwrap_or_else(|| DEFAULT_FILTER.to_owned()),
        ignored: given.ignored.clone(),
    })
}

struct Reader<'a> {
    given: &'a Layers,
    mistakes: &'a mut Vec<Keyed>,
}

impl Reader<'_> {
    fn read<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Keyed>) -> Option<T> {
        self.parsed(field, parse, |sentence, given| sentence.with("value", format!("'{}'", given.text)))
    }

    /// The same, without the value in the message.
    fn read_secret<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Keyed>) -> Option<T> {
        self.parsed(field, parse, |sentence, _| sentence.with("value", domain::secret::MASK))
    }

    fn parsed<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Keyed>,
        show: impl FnOnce(Keyed, &Given) -> Keyed,
    ) -> Option<T> {
        let given = self.given.get(field)?;
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.mistakes.push(show(expected.with("key", field).with("place", &given.place), given));
                None
            }
        }
    }

    fn number(&mut self, field: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let parse = |text: &str| {
            let number = text.trim().parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                Keyed::new("serve.expects-number").with("least", range.start()).with("most", range.end())
            })
        };
        self.read(field, parse).unwrap_or(default)
    }
}

fn address(text: &str) -> Result<SocketAddr, Keyed> {
    text.trim().parse().map_err(|_| Keyed::new("serve.expects-address"))
}

fn path(text: &str) -> Result<PathBuf, Keyed> {
    let path = Path::new(text);
    // Paths of a file or of a unit must not depend on where the process was started.
    std::path::absolute(path).map_err(|error| Keyed::new("serve.expects-path").with("reason", error))
}

fn key_file(text: &str) -> Result<PathBuf, Keyed> {
    let path = path(text)?;
    let unusable = |reason: Value| Keyed::new("serve.expects-keys").with("reason", reason);
    match keys::read(&path) {
        Ok(Some(_)) => Ok(path),
        Ok(None) => Err(unusable(std::io::Error::from(std::io::ErrorKind::NotFound).to_value())),
        Err(error) => Err(unusable(error.sentence().to_value())),
    }
}

fn database_url(text: &str) -> Result<SecretString, Keyed> {
    let secret = SecretString::from(text);
    match driver_mariadb::Target::new(secret.clone()) {
        Ok(_) => Ok(secret),
        // Its errors do not repeat the URL.
        Err(error) => Err(Keyed::new("serve.expects-database-url").with("reason", error.sentence())),
    }
}

fn wake_url(text: &str) -> Result<SecretString, Keyed> {
    let expected = || Keyed::new("serve.expects-wake-url");
    let url = url::Url::parse(text).map_err(|_| expected())?;
    let usable = match url.scheme() {
        "redis" => url.has_host(),
        "redis+unix" | "unix" => url.path().len() > 1,
        _ => false,
    };
    if usable { Ok(SecretString::from(text)) } else { Err(expected()) }
}

fn log_format(text: &str) -> Result<LogFormat, Keyed> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Keyed::new("serve.expects-log-format")),
    }
}

fn log_filter(text: &str) -> Result<String, Keyed> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Keyed::new("serve.expects-log-filter").with("reason", error.to_string())),
    }
}
