//! The list of articles in Redis. The cache is a help, never a need: its failures are logged and passed over.

use redis::{
    AsyncTypedCommands, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::time::Duration;

use crate::log::Log;

const ARTICLES: &str = "cms:cache:articles";
const REDIS_TIME: Duration = Duration::from_millis(500);

pub(crate) struct Cache {
    connection: ConnectionManager,
    log: Log,
}

impl Cache {
    /// Connects with the first command, so that a missing Redis does not hold up the start.
    pub(crate) fn open(client: redis::Client, log: Log) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(REDIS_TIME))
            .set_response_timeout(Some(REDIS_TIME))
            .set_number_of_retries(1);
        Ok(Self { connection: ConnectionManager::new_lazy_with_config(client, config)?, log })
    }

    pub(crate) async fn articles(&self) -> Option<String> {
        self.passed_over(self.connection.clone().get(ARTICLES).await).flatten()
    }

    /// Without a lifetime the entry stays until somebody removes it.
    pub(crate) async fn keep_articles(&self, json: &str, ttl_seconds: Option<u64>) {
        let mut connection = self.connection.clone();
        let kept = match ttl_seconds {
            Some(seconds) => connection.set_ex(ARTICLES, json, seconds).await,
            None => connection.set(ARTICLES, json).await,
        };
        self.passed_over(kept);
    }

    pub(crate) async fn forget_articles(&self) {
        self.passed_over(self.connection.clone().del(ARTICLES).await);
    }

    fn passed_over<T>(&self, result: RedisResult<T>) -> Option<T> {
        result.map_err(|error| self.log.warn(format_args!("Redis: {error}"))).ok()
    }
}
