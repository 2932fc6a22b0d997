//! Settings from the environment. All mistakes are reported together; connection strings are never repeated.

use std::{net::SocketAddr, str::FromStr};

use mongodb::options::ConnectionString;
use sqlx::mysql::MySqlConnectOptions;

use crate::{faults::Fault, log::Level, version::Release};

pub(crate) struct Config {
    pub release: Release,
    pub listen: SocketAddr,
    pub mariadb: MySqlConnectOptions,
    pub mongodb: ConnectionString,
    pub mongodb_database: String,
    pub redis: Option<redis::Client>,
    /// Overrides the lifetime in table `cache_settings`, in seconds.
    pub cache_ttl_seconds: Option<u64>,
    pub two_factor: bool,
    pub fault: Fault,
    pub log_level: Level,
}

/// Reads settings through `lookup`, collecting what is wrong.
struct Reader<L> {
    lookup: L,
    mistakes: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.text(name)?;
        parse(&value).map_err(|why| self.mistakes.push(format!("{name}: {why}"))).ok()
    }

    fn required<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.text(name).is_none() {
            self.mistakes.push(format!("{name} is not set"));
        }
        self.parsed(name, parse)
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        if self.text("LISTEN").is_some() {
            return self
                .parsed("LISTEN", |text| text.parse().map_err(|_| format!("{text:?} is not an address with a port")));
        }
        if self.text("PORT").is_some() {
            return self.parsed("PORT", number).map(|port: u16| SocketAddr::from(([0, 0, 0, 0], port)));
        }
        Some(SocketAddr::from(([0, 0, 0, 0], 8000)))
    }
}

impl Config {
    /// The settings, or everything that is wrong with them.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut reader = Reader { lookup, mistakes: Vec::new() };
        let release = reader.required("CMS_VERSION", str::parse);
        let listen = reader.listen();
        let mariadb = reader.required("DATABASE_URL", |url| {
            if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
                return Err("not a mysql:// address".into());
            }
            MySqlConnectOptions::from_str(url).map_err(|_| "not a usable mysql:// address".into())
        });
        let mongodb = reader.required("MONGODB_URL", |url| {
            ConnectionString::parse(url).map_err(|_| "not a usable mongodb:// address".into())
        });
        let redis = reader
            .parsed("REDIS_URL", |url| redis::Client::open(url).map_err(|_| "not a usable redis:// address".into()));
        let cache_ttl_seconds = reader.parsed("CACHE_TTL_SECONDS", |text| match number(text)? {
            0 => Err("at least 1 second".into()),
            seconds => Ok(seconds),
        });
        let two_factor = reader.parsed("FEATURE_2FA", |text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        });
        let fault = reader.parsed("CMS_FAULT", str::parse);
        let log_level = reader.parsed("LOG_LEVEL", str::parse);
        let mongodb_database = reader.text("MONGODB_DATABASE").unwrap_or_else(|| "cms_content".into());

        let mistakes = reader.mistakes;
        match (release, listen, mariadb, mongodb) {
            (Some(release), Some(listen), Some(mariadb), Some(mongodb)) if mistakes.is_empty() => Ok(Self {
                release,
                listen,
                mariadb,
                mongodb,
                mongodb_database,
                redis,
                cache_ttl_seconds,
                two_factor: release.has_two_factor() && two_factor.unwrap_or(true),
                fault: fault.unwrap_or(Fault::None),
                log_level: log_level.unwrap_or(Level::Info),
            }),
            _ => Err(mistakes),
        }
    }

    /// The address alone: all that the health check of the container needs.
    pub(crate) fn read_listen(lookup: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, Vec<String>> {
        let mut reader = Reader { lookup, mistakes: Vec::new() };
        reader.listen().ok_or(reader.mistakes)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number in range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        Config::read(|name| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    const COMPLETE: [(&str, &str); 3] = [
        ("CMS_VERSION", "v0.8.1"),
        ("DATABASE_URL", "mysql://cms:secret@127.0.0.1:3306/cms"),
        ("MONGODB_URL", "mongodb://127.0.0.1:27017"),
    ];

    #[test]
    fn three_settings_are_enough() {
        let config = read(&COMPLETE).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        assert_eq!(config.listen.to_string(), "0.0.0.0:8000");
        assert_eq!(config.mongodb_database, "cms_content");
        assert!(!config.two_factor, "v0.8.1 has no two-factor authentication whatever the flag says");
    }

    #[test]
    fn all_mistakes_are_reported_together_and_without_secrets() {
        let mistakes = read(&[
            ("DATABASE_URL", "postgres://cms:secret@127.0.0.1/cms"),
            ("PORT", "70000"),
            ("CMS_FAULT", "sometimes"),
        ])
        .err()
        .unwrap_or_default();
        for name in ["CMS_VERSION", "DATABASE_URL", "MONGODB_URL", "PORT", "CMS_FAULT"] {
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(name)), "{name} is missing from {mistakes:?}");
        }
        assert!(!mistakes.concat().contains("secret"));
    }

    #[test]
    fn listen_wins_over_port() {
        let settings = [("LISTEN", "127.0.0.1:8001"), ("PORT", "8002")];
        let lookup = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(Config::read_listen(lookup), Ok(SocketAddr::from(([127, 0, 0, 1], 8001))));
    }
}
