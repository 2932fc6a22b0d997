//! The server of the control database, be it ours or somebody else's, and what is stored in it.

use std::time::{Duration, Instant};

use driver_mariadb::Target;
use secrecy::SecretString;
use store::{Database, Keyring};

use crate::data_directory::{DataDirectory, Sharing};
use crate::embedded::{self, Embedded};
use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::keys;
use crate::settings::Settings;

/// How long a start waits for the server; recovering after a crash takes time.
const READY_WITHIN: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

const PRIVATE: &str = "private";

/// The server of the control database.
#[derive(Debug)]
pub(crate) struct Server {
    url: SecretString,
    private: Option<Embedded>,
}

/// How a process with these settings holds its data directory: a private server has one master.
pub(crate) fn sharing(settings: &Settings) -> Sharing {
    if settings.database_url.is_some() { Sharing::Shared } else { Sharing::Alone }
}

/// Why the database is not opened with these keys, with the file that they came from.
pub(crate) fn wrong_keys(settings: &Settings, error: store::Error) -> Failure {
    if !matches!(error, store::Error::OtherKeys { .. }) {
        return error.into();
    }
    let path = keys::path(settings);
    Failure::new(Exit::Settings, Keyed::new("serve.keys-wrong").with("path", path).with("reason", error.sentence()))
}

impl Server {
    /// The server that the settings name, or the private one, started. Does not wait until it answers.
    pub(crate) async fn start(settings: &Settings, directory: &DataDirectory) -> Result<Self> {
        if let Some(url) = &settings.database_url {
            return Ok(Self { url: url.clone(), private: None });
        }
        let private = Embedded::start(directory).await?;
        Ok(Self { url: private.url().clone(), private: Some(private) })
    }

    /// The server that the settings name, or the private one that another process looks after.
    pub(crate) fn of_another_process(settings: &Settings) -> Result<Self> {
        if let Some(url) = &settings.database_url {
            return Ok(Self { url: url.clone(), private: None });
        }
        let path = std::fs::canonicalize(&settings.data_directory).map_err(Failure::unavailable)?;
        Ok(Self { url: embedded::url_of_running(&path)?, private: None })
    }

    /// The server for dumps and what else is no business of the store.
    pub(crate) fn target(&self) -> Result<Target> {
        Target::new(self.url.clone()).map_err(|error| Failure::internal(error.sentence()))
    }

    /// Waits until it answers, and refuses a server that is too old.
    pub(crate) async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        if let Some(private) = &self.private {
            private.ready(READY_WITHIN).await?;
        }
        let target = self.target()?;
        let mut pause = FIRST_PAUSE;
        let version = loop {
            match target.server_version().await {
                Ok(version) => break version,
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    tracing::warn!(%error, "waiting for the control database");
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        embedded::check_version(&version)?;
        Ok(())
    }

    /// Opens what is stored with the keys that belong to it, and refuses others.
    pub(crate) async fn open(&self, settings: &Settings, keys: &Keyring) -> Result<Database> {
        let database = self.open_with_any(settings, keys).await?;
        match database.check_keys().await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(wrong_keys(settings, error))
            }
        }
    }

    /// Refuses keys that do not open what is stored. Changes nothing there.
    pub(crate) async fn require_keys(&self, settings: &Settings, keys: &Keyring) -> Result<()> {
        let database = Database::connect(&self.store_settings(settings, keys))?;
        let recognized = database.recognize_keys().await;
        database.close().await;
        match recognized {
            Err(error @ store::Error::OtherKeys { .. }) => Err(wrong_keys(settings, error)),
            Err(error) if error.is_unavailable() => Err(error.into()),
            Err(error) => {
                // An earlier version wrote it, which did not note its keys.
                tracing::warn!(%error, "the keys could not be held against the database");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn store_settings(&self, settings: &Settings, keys: &Keyring) -> store::Settings {
        store::Settings {
            url: self.url.clone(),
            max_connections: settings.database_max_connections,
            keys: keys.clone(),
        }
    }

    /// What tells this database from others that the same data directory may be used with.
    pub(crate) fn identity(&self) -> Result<String> {
        if self.private.is_some() {
            return Ok(PRIVATE.to_owned());
        }
        let target = self.target()?;
        Ok(format!("{}/{}", target.address(), target.database()))
    }

    pub(crate) fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Opens what is stored and brings its form up to date; waits for a server that goes away meanwhile. Whether the
    /// keys belong to it is for the caller to find out.
    pub(crate) async fn open_with_any(&self, settings: &Settings, keys: &Keyring) -> Result<Database> {
        let deadline = Instant::now() + READY_WITHIN;
        let settings = self.store_settings(settings, keys);
        let mut pause = FIRST_PAUSE;
        loop {
            match Database::open(&settings).await {
                Ok(database) => return Ok(database),
                Err(error) if error.is_unavailable() && Instant::now() < deadline => {
                    tracing::warn!(%error, "waiting for the control database");
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stops it if it is ours.
    pub(crate) async fn stop(self) {
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}
