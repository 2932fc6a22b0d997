//! How large a data store is, and how much may still be written beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use driver_mariadb::SessionOptions;
use serde_json::{Value, json};

use crate::engine::DataTarget;
use crate::error::Result;

/// The most that one question to MongoDB may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a data store holds and may still write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Space {
    /// Bytes of each table or collection with its indexes, as the server reports them; those of which it does not tell
    /// are left out.
    pub sizes: BTreeMap<String, u64>,
    /// What may still be written where the server keeps its data, bytes; none where that cannot be told.
    pub available: Option<u64>,
}

/// What may still be written below a path that need not exist yet, bytes; none where that cannot be told.
pub async fn available_bytes(path: &Path) -> Option<u64> {
    let path = path.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let existing = path.ancestors().find(|path| path.exists())?;
        let space = rustix::fs::statvfs(existing).ok()?;
        Some(space.f_bavail * space.f_frsize)
    });
    asked.await.ok().flatten()
}

pub(crate) async fn space(target: &DataTarget) -> Result<Space> {
    match target {
        DataTarget::MariaDb(target) => of_mariadb(target).await,
        DataTarget::MongoDb(target) => of_mongodb(target).await,
    }
}

async fn of_mariadb(target: &driver_mariadb::Target) -> Result<Space> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    let sql = "SELECT TABLE_NAME AS name, CAST(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) AS UNSIGNED) AS bytes \
               FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE'";
    let tables = session.query_json(sql, &[json!(target.database())]).await?;
    let server = session.query_json("SELECT @@hostname AS host, @@datadir AS directory", &[]).await?;
    session.close().await;
    let sizes = tables
        .iter()
        .filter_map(|row| Some((row.get("name")?.as_str()?.to_owned(), row.get("bytes")?.as_u64()?)))
        .collect();
    let text = |name: &str| server.first().and_then(|row| row.get(name)).and_then(Value::as_str);
    let available = match (text("host"), text("directory")) {
        // Another machine, or a container, has another disk under that path.
        (Some(host), Some(directory)) if is_here(host).await => available_bytes(Path::new(directory)).await,
        _ => None,
    };
    Ok(Space { sizes, available })
}

async fn is_here(host: &str) -> bool {
    tokio::fs::read_to_string("/proc/sys/kernel/hostname").await.is_ok_and(|name| name.trim() == host)
}

async fn of_mongodb(target: &driver_mongodb::Target) -> Result<Space> {
    let mut sizes = BTreeMap::new();
    for collection in target.collections().await? {
        if let Some(bytes) = collection_bytes(target, &collection).await? {
            sizes.insert(collection, bytes);
        }
    }
    let stats = told(target, &json!({ "dbStats": 1 })).await?.unwrap_or_default();
    let available = match (number(&stats, "fsTotalSize"), number(&stats, "fsUsedSize")) {
        (Some(total), Some(used)) if total > 0 => Some(total.saturating_sub(used)),
        _ => None,
    };
    Ok(Space { sizes, available })
}

/// Bytes of a collection with its indexes. Views have no size, and not every server that speaks the protocol tells one.
pub(crate) async fn collection_bytes(target: &driver_mongodb::Target, collection: &str) -> Result<Option<u64>> {
    let stats = told(target, &json!({ "collStats": collection })).await?;
    Ok(stats.map(|stats| ["size", "totalIndexSize"].iter().filter_map(|name| number(&stats, name)).sum()))
}

/// The answer, if the server gives one; one that does not answer now is an error.
async fn told(target: &driver_mongodb::Target, question: &Value) -> Result<Option<Value>> {
    match target.run(question, None, None, LIMIT).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// A number in extended JSON; sizes are whole, though servers give them as doubles.
fn number(stats: &Value, name: &str) -> Option<u64> {
    let value = stats.get(name)?;
    let text = ["$numberInt", "$numberLong", "$numberDouble"].iter().find_map(|kind| value.get(kind)?.as_str())?;
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whatever_type_they_have() {
        let stats =
            json!({ "a": { "$numberInt": "12" }, "b": { "$numberLong": "34" }, "c": { "$numberDouble": "5.0" } });
        assert_eq!(["a", "b", "c", "d"].map(|name| number(&stats, name)), [Some(12), Some(34), Some(5), None]);
    }

    #[tokio::test]
    async fn the_space_below_a_path_that_is_yet_to_be_made_is_that_of_its_file_system() {
        let missing = Path::new("/proc/self/cwd/not/yet/made");
        assert!(available_bytes(missing).await.is_some_and(|bytes| bytes > 0));
    }
}
