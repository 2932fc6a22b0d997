//! A lock in the target database: one document for each, with owner, fence and expiry. All times are
//! the server's, so clocks of workers do not matter.

use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc};
use sentence::sentence;

use crate::{
    error::{Error, Result},
    target::{SHORT, Target, number},
};

const LOCKS: &str = "backout_locks";
/// How often taking a lock is tried when others insert its document at the same moment.
const ATTEMPTS: u32 = 5;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The job that holds it.
    pub owner: String,
    /// The fence number it was taken with.
    pub fence: i64,
    /// When it ends by itself, in milliseconds of Unix time on the server's clock.
    pub expires_at_ms: i64,
}

/// The outcome of asking for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Yes(Holder),
    /// Somebody else has it.
    HeldBy(Holder),
}

impl Target {
    /// Takes lock `name` for `owner` (a job) with `fence` until `ttl` has passed.
    ///
    /// A lock that is held is taken over only when it has expired, or from an earlier claim of the
    /// same job: same owner and a fence no higher. A lower fence of the same job never gets it, not
    /// even after expiry or release.
    pub async fn acquire_lock(&self, name: &str, owner: &str, fence: i64, ttl: Duration) -> Result<Acquired> {
        let what = sentence!("taking lock {name}", name);
        let command = take_command(name, owner, fence, ttl);
        for _ in 0..ATTEMPTS {
            let reply = match self.write(&what, command.clone(), SHORT).await {
                // Several insert the document at once: the others find it on another try.
                Err(error) if error.code() == Some(11000) => continue,
                reply => reply?,
            };
            // SecantusDB answers that race with no document instead.
            let Ok(found) = reply.get_document("value") else {
                continue;
            };
            let holder = holder(found);
            return if holder.owner == owner && holder.fence == fence {
                Ok(Acquired::Yes(holder))
            } else {
                Ok(Acquired::HeldBy(holder))
            };
        }
        Err(Error::protocol(&what, sentence!("the server shows no lock")))
    }

    /// Lets a lock that is held last `ttl` from now. [`Error::LockLost`] if it is no longer held.
    pub async fn renew_lock(&self, name: &str, owner: &str, fence: i64, ttl: Duration) -> Result<()> {
        let change = doc! { "$set": { "expires_at": in_future(ttl) } };
        if self.change_lock(name, owner, fence, change).await? {
            Ok(())
        } else {
            Err(Error::LockLost { lock: name.into(), fence })
        }
    }

    /// Gives a lock back; says whether it was still held. Its document stays, so that an earlier
    /// fence of the same job is refused afterwards too.
    pub async fn release_lock(&self, name: &str, owner: &str, fence: i64) -> Result<bool> {
        let change = doc! { "$set": { "expires_at": DateTime::from_millis(0) } };
        self.change_lock(name, owner, fence, change).await
    }

    async fn change_lock(&self, name: &str, owner: &str, fence: i64, change: Document) -> Result<bool> {
        let command = doc! {
            "update": LOCKS,
            "updates": [{ "q": { "_id": name, "owner": owner, "fence": fence }, "u": [change] }],
        };
        let reply = self.write(&sentence!("changing lock {name}", name), command, SHORT).await?;
        Ok(number(&reply, "n") == Some(1))
    }
}

fn holder(lock: &Document) -> Holder {
    Holder {
        owner: lock.get_str("owner").unwrap_or_default().into(),
        fence: lock.get_i64("fence").unwrap_or_default(),
        expires_at_ms: lock.get_datetime("expires_at").map_or(0, |time| time.timestamp_millis()),
    }
}

fn in_future(ttl: Duration) -> Document {
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    doc! { "$add": ["$$NOW", ttl] }
}

/// One atomic command that takes the lock if it may be taken and returns it as it is then. The
/// decision is in the pipeline, since a filter with `$expr` cannot insert.
fn take_command(name: &str, owner: &str, fence: i64, ttl: Duration) -> Document {
    let same_owner = doc! { "$eq": ["$owner", { "$literal": owner }] };
    let until = doc! { "$ifNull": ["$expires_at", DateTime::from_millis(0)] };
    // As numbers: SecantusDB takes `$$NOW` for equal to every stored date.
    let expired = doc! { "$lte": [{ "$toLong": until }, { "$toLong": "$$NOW" }] };
    let take = doc! { "$cond": [
        same_owner,
        { "$lte": [{ "$ifNull": ["$fence", fence] }, fence] },
        expired,
    ] };
    let either = |new: mongodb::bson::Bson, field: &str| -> Document {
        doc! { "$cond": ["$taking", new, field] }
    };
    doc! {
        "findAndModify": LOCKS,
        "query": { "_id": name },
        "update": [
            { "$set": { "taking": take } },
            { "$set": {
                "owner": either(doc! { "$literal": owner }.into(), "$owner"),
                "fence": either(fence.into(), "$fence"),
                "acquired_at": either("$$NOW".into(), "$acquired_at"),
                "expires_at": either(in_future(ttl).into(), "$expires_at"),
            } },
            { "$unset": "taking" },
        ],
        "upsert": true,
        "new": true,
    }
}
