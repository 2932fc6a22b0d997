//! The application's own ledger: a collection with one document `{version, name, applied_at}` for
//! each migration applied.

mod migrate_mongo;
mod read;

use mongodb::bson::{Bson, DateTime, doc};
use sentence::sentence;

use crate::{
    error::{Error, Result},
    target::{SHORT, Target, number},
};

/// A migration as the application's ledger records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The migration's version.
    pub version: String,
    /// Its name, where recorded.
    pub name: Option<String>,
    /// When it was applied, in milliseconds of Unix time, where recorded.
    pub applied_at_ms: Option<i64>,
}

impl Target {
    /// What the ledger in `collection` holds, in the order of application.
    pub async fn ledger_entries(&self, collection: &str) -> Result<Vec<Entry>> {
        let what = sentence!("reading ledger {collection}", collection);
        let command = doc! { "find": collection, "sort": { "applied_at": 1, "_id": 1 } };
        let documents = self.list(&what, command).await?;
        documents
            .into_iter()
            .map(|document| {
                let version = match document.get("version") {
                    Some(Bson::String(version)) => version.clone(),
                    Some(Bson::Int32(version)) => version.to_string(),
                    Some(Bson::Int64(version)) => version.to_string(),
                    _ => return Err(Error::protocol(&what, sentence!("a document has no version"))),
                };
                Ok(Entry {
                    version,
                    name: document.get_str("name").ok().map(str::to_owned),
                    applied_at_ms: document.get_datetime("applied_at").ok().map(|time| time.timestamp_millis()),
                })
            })
            .collect()
    }

    /// Records a migration; says whether it was not there yet. Can be repeated.
    pub async fn ledger_insert(&self, collection: &str, version: &str, name: &str) -> Result<bool> {
        let record = doc! { "name": name, "applied_at": DateTime::now() };
        let command = doc! {
            "update": collection,
            "updates": [{ "q": { "version": version }, "u": { "$setOnInsert": record }, "upsert": true }],
        };
        let what = sentence!("recording {version} in ledger {collection}", version, collection);
        let reply = self.write(&what, command, SHORT).await?;
        Ok(reply.contains_key("upserted"))
    }

    /// Removes a migration from the ledger and makes sure that it is gone; says whether it was
    /// there. A script that removed it itself is no error.
    pub async fn ledger_remove(&self, collection: &str, version: &str) -> Result<bool> {
        let what = sentence!("removing {version} from ledger {collection}", version, collection);
        let filter = doc! { "version": { "$in": spellings(version) } };
        let command = doc! { "delete": collection, "deletes": [{ "q": filter.clone(), "limit": 0 }] };
        let reply = self.write(&what, command, SHORT).await?;
        match self.count_documents(collection, filter).await? {
            0 => Ok(number(&reply, "n").is_some_and(|removed| removed > 0)),
            _ => Err(Error::protocol(&what, sentence!("it is still there"))),
        }
    }
}

/// A version as text, and as the number some applications store.
fn spellings(version: &str) -> Vec<Bson> {
    let number = version.parse::<i64>().ok().filter(|number| number.to_string() == version);
    std::iter::once(version.into()).chain(number.map(Bson::Int64)).collect()
}
