//! A target under its lock, and the notes that have to outlive a worker.

use std::collections::BTreeMap;
use std::time::Duration;

use driver_mongodb::{Acquired, Target};
use saga::{ErrorKind, StepContext, StepError};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::book::Book;
use crate::engine::DataEngine;
use crate::error::Error;

const LOCK: &str = "migrations";
const MARKERS: &str = "backout_statements";
/// How long one operation may take.
pub(super) const OPERATION: Duration = Duration::from_mins(10);
/// Longer than any operation, since the lock is renewed between them. A later claim of the same job does not
/// wait for it.
const LOCK_TTL: Duration = Duration::from_mins(12);
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(200);
const SHORT: Duration = Duration::from_secs(30);
/// How long operations of an earlier worker may take to end once they are killed.
const ORPHAN_LIMIT: Duration = Duration::from_secs(30);

/// The lock is held; cloning shares it.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) book: Book,
    pub(super) target: Target,
    owner: String,
    fence: i64,
}

impl Run {
    pub(super) async fn open(engine: &DataEngine, target: &Target, cx: &StepContext) -> Result<Self, StepError> {
        cx.assert_held().await?;
        let owner = cx.held().job.to_string();
        let fence = i64::try_from(cx.held().fence).unwrap_or(i64::MAX);
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match target.acquire_lock(LOCK, &owner, fence, LOCK_TTL).await.map_err(Error::from)? {
                Acquired::Yes(_) => break,
                Acquired::HeldBy(holder) if holder.owner == owner => {
                    return Err(StepError::new(
                        ErrorKind::FenceLost,
                        format!("another worker has the migration lock with fence {}", holder.fence),
                    ));
                }
                Acquired::HeldBy(holder) if Instant::now() >= deadline => {
                    return Err(StepError::transient(format!("the migration lock is held by job {}", holder.owner)));
                }
                Acquired::HeldBy(_) => tokio::time::sleep(LOCK_PAUSE).await,
            }
        }
        end_orphans(target, cx).await?;
        cx.assert_held().await?;
        Ok(Self { book: Book::open(engine, cx).await?, target: target.clone(), owner, fence })
    }

    /// Gives the lock back. Where that fails it ends by itself.
    pub(super) async fn close(self) {
        if let Err(error) = self.target.release_lock(LOCK, &self.owner, self.fence).await {
            tracing::warn!(%error, "the migration lock could not be given back");
        }
    }

    /// To be called before each effect: makes sure of lock and lease.
    pub(super) async fn assert_lock(&self) -> Result<(), StepError> {
        match self.target.renew_lock(LOCK, &self.owner, self.fence, LOCK_TTL).await {
            Err(error @ driver_mongodb::Error::LockLost { .. }) => {
                return Err(StepError::new(ErrorKind::FenceLost, error.to_string()));
            }
            renewed => renewed.map_err(Error::from)?,
        }
        self.book.cx.assert_held().await
    }

    pub(super) async fn command(&self, command: &Value) -> Result<Value, StepError> {
        Ok(self.target.run(command, None, None, SHORT).await.map_err(Error::from)?)
    }

    /// Writes a marker; one that is there stays unless it is written `anew`.
    pub(super) async fn mark(&self, marker: &str, rows: u64, note: Option<&str>, anew: bool) -> Result<(), StepError> {
        let operator = if anew { "$set" } else { "$setOnInsert" };
        let fields = json!({ "affected": { "$numberLong": rows.to_string() }, "note": note });
        let update = json!({ "q": { "_id": marker }, "u": { operator: fields }, "upsert": true });
        self.command(&json!({ "update": MARKERS, "updates": [update] })).await.map(drop)
    }

    pub(super) async fn note(&self, marker: &str) -> Result<Option<String>, StepError> {
        let reply = self.command(&json!({ "find": MARKERS, "filter": { "_id": marker }, "limit": 1 })).await?;
        Ok(reply["cursor"]["firstBatch"][0]["note"].as_str().map(str::to_owned))
    }

    pub(super) async fn remember_schema(
        &self,
        sha256: &str,
        objects: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        let text = json!(objects).to_string();
        self.mark(&format!("schema/{sha256}"), 0, Some(&text), false).await
    }

    pub(super) async fn remembered_schema(&self, sha256: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
        let note = self.note(&format!("schema/{sha256}")).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) async fn exists(&self, collection: &str) -> Result<bool, StepError> {
        Ok(self.kind(collection).await?.is_some())
    }

    /// `collection` or `view`, where there is something of that name.
    pub(super) async fn kind(&self, collection: &str) -> Result<Option<String>, StepError> {
        let command = json!({ "listCollections": 1, "filter": { "name": collection } });
        let reply = self.command(&command).await?;
        let found = &reply["cursor"]["firstBatch"][0];
        Ok(found.is_object().then(|| found["type"].as_str().unwrap_or("collection").to_owned()))
    }
}

/// How many documents the step put aside and brought back.
pub(super) async fn counts(target: &Target, cx: &StepContext) -> Result<(u64, u64), StepError> {
    let prefix = format!("{}/{}/", cx.held().job, cx.step());
    let mut sums = [0, 0];
    for (sum, pattern) in sums.iter_mut().zip([format!("^{prefix}r/.*/preserved$"), format!("^{prefix}restored/")]) {
        let filter = json!({ "_id": { "$regularExpression": { "pattern": pattern, "options": "" } } });
        let command = json!({ "find": MARKERS, "filter": filter, "batchSize": 1000 });
        let reply = target.run(&command, None, None, SHORT).await.map_err(Error::from)?;
        let found = reply["cursor"]["firstBatch"].as_array().cloned().unwrap_or_default();
        *sum = found.iter().filter_map(|marker| long(&marker["affected"])).sum();
    }
    Ok((sums[0], sums[1]))
}

/// A number in canonical extended JSON.
pub(super) fn long(value: &Value) -> Option<u64> {
    let digits = value.get("$numberLong").or_else(|| value.get("$numberInt"))?.as_str()?;
    digits.parse().ok()
}

/// Ends the operations that an earlier worker left running: they carry their marker as comment. A server
/// that cannot say what it runs is believed to run nothing.
async fn end_orphans(target: &Target, cx: &StepContext) -> Result<(), StepError> {
    let pattern = format!("^{}/{}/", cx.held().job, cx.step());
    let question = json!({
        "currentOp": true,
        "command.comment": { "$regularExpression": { "pattern": pattern, "options": "" } },
    });
    let deadline = Instant::now() + ORPHAN_LIMIT;
    loop {
        let running = match target.run(&question, Some("admin"), None, SHORT).await {
            Ok(reply) => reply["inprog"].as_array().cloned().unwrap_or_default(),
            Err(error) if error.is_transient() => return Err(Error::from(error).into()),
            Err(_) => return Ok(()),
        };
        let orphans: Vec<&Value> = running
            .iter()
            .filter(|one| one["command"]["comment"].as_str().is_some_and(|text| text.starts_with(&pattern[1..])))
            .collect();
        if orphans.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(StepError::transient("operations of an earlier worker have not ended yet"));
        }
        for orphan in orphans {
            let kill = json!({ "killOp": 1, "op": orphan["opid"] });
            target.run(&kill, Some("admin"), None, SHORT).await.map_err(Error::from)?;
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
}
