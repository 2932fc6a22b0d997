//! One Redis server.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, RedisError};
use secrecy::{ExposeSecret as _, SecretString};
use sentence::{Sentence, sentence};

use crate::error::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No command of this crate works longer than a batch of a scan.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// One Redis server. Cheap to clone; clones share a connection, which is made again after a loss.
#[derive(Clone)]
pub struct Target {
    pub(crate) client: redis::Client,
    connection: ConnectionManager,
    address: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Target").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Target {
    /// Connects to `redis://[user:password@]host[:port][/database]` or `unix:///path`.
    pub async fn connect(url: &SecretString) -> Result<Self> {
        let client = redis::Client::open(url.expose_secret()).map_err(|error| Error::Address {
            // Its detail may quote the URL.
            reason: error.category().to_owned(),
        })?;
        let address = client.get_connection_info().addr().to_string();
        // One attempt: whoever asks decides on retrying, and is not kept waiting here.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_with_config(client.clone(), config)
            .await
            .map_err(|error| Error::of(sentence!("connecting"), &address, &error))?;
        Ok(Self { client, connection, address })
    }

    /// Host and port, for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<()> {
        let _: String = self.run(sentence!("ping"), &redis::cmd("PING")).await?;
        Ok(())
    }

    /// The server's release, such as `7.0.15`.
    pub async fn server_version(&self) -> Result<String> {
        let info = self.server_info(sentence!("asking for the version")).await?;
        Ok(field(&info, "redis_version").unwrap_or_default().to_owned())
    }

    /// Sends a message to whoever listens now, and tells how many that were. Nobody else gets it.
    pub async fn publish(&self, channel: &str, message: &[u8]) -> Result<u64> {
        self.run(sentence!("publishing"), redis::cmd("PUBLISH").arg(channel).arg(message)).await
    }

    /// Refuses a server of a cluster.
    pub(crate) async fn require_whole(&self, action: Sentence) -> Result<()> {
        let info = self.server_info(action.clone()).await?;
        if field(&info, "redis_mode") == Some("cluster") {
            return Err(Error::Cluster { action, address: self.address.clone() });
        }
        Ok(())
    }

    pub(crate) async fn run<T: FromRedisValue>(&self, action: Sentence, command: &Cmd) -> Result<T> {
        let mut connection = self.connection.clone();
        command.query_async(&mut connection).await.map_err(|error: RedisError| Error::of(action, &self.address, &error))
    }

    async fn server_info(&self, action: Sentence) -> Result<String> {
        self.run(action, redis::cmd("INFO").arg("server")).await
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
