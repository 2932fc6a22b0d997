//! A target under its lock, and the notes that have to outlive a worker.

use sentence::{Sentence, sentence};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use driver_mongodb::{Acquired, Fingerprint, Target};
use saga::{ErrorKind, StatementKey, StepContext, StepError};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::book::{Book, go_on};
use crate::engine::DataEngine;
use crate::error::Error;
use crate::kept::noted;

const LOCK: &str = "migrations";
const MARKERS: &str = "backout_statements";
/// How long one operation may take.
pub(super) const OPERATION: Duration = Duration::from_mins(10);
/// Longer than any operation, since the lock is renewed between them. A later claim of the same job does not
/// wait for it.
const LOCK_TTL: Duration = Duration::from_mins(12);
/// How many markers are read at once.
const PAGE: usize = 1_000;
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
    /// Fires when nobody waits any more for what this does.
    pub(super) abandoned: CancellationToken,
}

impl Run {
    pub(super) async fn open(engine: &DataEngine, target: &Target, cx: &StepContext) -> Result<Self, StepError> {
        go_on(cx)?;
        cx.assert_held().await?;
        let (owner, fence) = holder_of(cx);
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match target.acquire_lock(LOCK, &owner, fence, LOCK_TTL).await.map_err(Error::from)? {
                Acquired::Yes(_) => break,
                Acquired::HeldBy(holder) if holder.owner == owner => {
                    return Err(StepError::new(
                        ErrorKind::FenceLost,
                        sentence!("another worker has the migration lock with fence {fence}", fence = holder.fence),
                    ));
                }
                Acquired::HeldBy(holder) if Instant::now() >= deadline => {
                    return Err(StepError::transient(sentence!(
                        "the migration lock is held by job {job}",
                        job = holder.owner
                    )));
                }
                Acquired::HeldBy(_) => {
                    go_on(cx)?;
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
            }
        }
        end_orphans(target, cx).await?;
        cx.assert_held().await?;
        Ok(Self {
            book: Book::open(engine, cx).await?,
            target: target.clone(),
            owner,
            fence,
            abandoned: CancellationToken::new(),
        })
    }

    /// Gives the lock back. Where that fails it ends by itself.
    pub(super) async fn close(self) {
        if let Err(error) = self.target.release_lock(LOCK, &self.owner, self.fence).await {
            tracing::warn!(%error, "the migration lock could not be given back");
        }
    }

    /// Gives the lock back for a worker that died before it could. Nothing is left to do under it, so nobody waits for
    /// one that another job has.
    pub(super) async fn close_for_the_dead(target: &Target, cx: &StepContext) -> Result<(), StepError> {
        let (owner, fence) = holder_of(cx);
        if let Acquired::Yes(_) = target.acquire_lock(LOCK, &owner, fence, LOCK_TTL).await.map_err(Error::from)? {
            target.release_lock(LOCK, &owner, fence).await.map_err(Error::from)?;
        }
        Ok(())
    }

    /// One that shares the lock, for work that is to end when `abandoned` fires.
    pub(super) fn abandoned_with(&self, abandoned: CancellationToken) -> Self {
        Self { abandoned, ..self.clone() }
    }

    /// Fails where this is not to go on: the job was called off, the worker shuts down, or nobody waits for it.
    pub(super) fn go_on(&self) -> Result<(), StepError> {
        if self.abandoned.is_cancelled() {
            return Err(StepError::transient(sentence!("the step ended before the script did")));
        }
        self.book.go_on()
    }

    /// To be called before each effect: makes sure of lock and lease, and that it is still wanted.
    pub(super) async fn assert_lock(&self) -> Result<(), StepError> {
        self.go_on()?;
        match self.target.renew_lock(LOCK, &self.owner, self.fence, LOCK_TTL).await {
            Err(error @ driver_mongodb::Error::LockLost { .. }) => {
                return Err(StepError::new(ErrorKind::FenceLost, error.sentence()));
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

    pub(super) async fn is_marked(&self, marker: &str) -> Result<bool, StepError> {
        let reply = self.command(&json!({ "find": MARKERS, "filter": { "_id": marker }, "limit": 1 })).await?;
        Ok(reply["cursor"]["firstBatch"][0].is_object())
    }

    /// Notes what the schema is: its hash under `marker`, and its objects by that hash.
    pub(super) async fn remember_schema(&self, marker: &str, schema: &Fingerprint) -> Result<(), StepError> {
        let once = |marker: &str, note: &str| {
            let fields = json!({ "affected": { "$numberLong": "0" }, "note": note });
            json!({ "q": { "_id": marker }, "u": { "$setOnInsert": fields }, "upsert": true })
        };
        let by_hash = format!("schema/{}", schema.sha256);
        let updates = [once(&by_hash, &json!(schema.objects).to_string()), once(marker, &schema.sha256)];
        self.command(&json!({ "update": MARKERS, "updates": updates })).await.map(drop)
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

fn holder_of(cx: &StepContext) -> (String, i64) {
    (cx.held().job.to_string(), i64::try_from(cx.held().fence).unwrap_or(i64::MAX))
}

/// How many documents the step put aside and brought back, and what did not come back.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) preserved: u64,
    pub(super) restored: u64,
    pub(super) warnings: Vec<Sentence>,
}

/// Adds up the step's markers.
pub(super) async fn counts(target: &Target, cx: &StepContext) -> Result<Counts, StepError> {
    let prefix = format!("{}/{}/", cx.held().job, cx.step());
    let pattern = format!("^{prefix}(r/.*/preserved$|restored/|warning/)");
    let filter = json!({ "_id": { "$regularExpression": { "pattern": pattern, "options": "" } } });
    let mut counts = Counts::default();
    let found = markers(target, &filter).await?;
    let kind_of = |marker: &Value| Some(marker["_id"].as_str()?.strip_prefix(&prefix)?.to_owned());
    let back: HashSet<String> =
        found.iter().filter_map(|marker| Some(kind_of(marker)?.strip_prefix("restored/")?.to_owned())).collect();
    for marker in &found {
        let affected = long(&marker["affected"]).unwrap_or_default();
        let kind = kind_of(marker).unwrap_or_default();
        match kind.split_once('/') {
            // What came back in the end is not told of any more.
            Some(("warning", id)) if back.contains(id) => {}
            Some(("warning", _)) => counts.warnings.extend(marker["note"].as_str().map(noted)),
            Some(("restored", _)) => counts.restored += affected,
            _ => counts.preserved += affected,
        }
    }
    Ok(counts)
}

/// The numbers of the operations of a script that have put something aside. Of a script that runs live nothing else
/// tells them.
pub(super) async fn keeping_operations(
    target: &Target,
    book: &Book,
    first: &StatementKey,
) -> Result<Vec<u32>, StepError> {
    let first = book.marker(first);
    let prefix = first.trim_end_matches(|digit: char| digit.is_ascii_digit());
    // The character behind the digits.
    let filter = json!({ "_id": { "$gte": format!("{prefix}0"), "$lt": format!("{prefix}:") } });
    let found = markers(target, &filter).await?;
    let number =
        |marker: &Value| marker["_id"].as_str()?.strip_prefix(prefix)?.strip_suffix("/preserved")?.parse().ok();
    Ok(found.iter().filter_map(number).collect())
}

/// All markers that match, page by page.
pub(super) async fn markers(target: &Target, filter: &Value) -> Result<Vec<Value>, StepError> {
    let mut found: Vec<Value> = Vec::new();
    loop {
        let last = found.last().map_or(json!(""), |marker| marker["_id"].clone());
        let rest = json!({ "$and": [filter, { "_id": { "$gt": last } }] });
        let command = json!({
            "find": MARKERS, "filter": rest, "sort": { "_id": 1 }, "limit": PAGE, "batchSize": PAGE, "singleBatch": true,
        });
        let reply = target.run(&command, None, None, SHORT).await.map_err(Error::from)?;
        let page = reply["cursor"]["firstBatch"].as_array().cloned().unwrap_or_default();
        let is_last = page.len() < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
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
            return Err(StepError::transient(sentence!("operations of an earlier worker have not ended yet")));
        }
        for orphan in orphans {
            let kill = json!({ "killOp": 1, "op": orphan["opid"] });
            target.run(&kill, Some("admin"), None, SHORT).await.map_err(Error::from)?;
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
}
