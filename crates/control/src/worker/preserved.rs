//! Lets what was put aside go when its time is up, and removes what was dropped.
//!
//! Every worker does this. A decision is one transaction on the environment's row, so that of two workers one takes it; a
//! removal is claimed for some time, and can be repeated by whoever comes after a worker that died.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::ids::EnvironmentId;
use domain::view::KeptState;
use sentence::sentence;
use store::{DropDecided, NewDrop};
use tokio_util::sync::CancellationToken;

use crate::preserved::holds;
use crate::{Control, Result};

/// Nothing of it is urgent.
const PAUSE: Duration = Duration::from_secs(30);
/// How long removing one thing may take here; the next attempt goes on.
const LIMIT: Duration = Duration::from_mins(10);
/// Who the settings are in the audit.
const ACTOR: &str = "expiry";

pub(super) async fn run(control: Control, stop: CancellationToken) {
    loop {
        let sweep = async {
            if let Err(error) = expire(&control).await {
                tracing::warn!(%error, "kept data could not be looked through");
            }
            if let Err(error) = remove(&control).await {
                tracing::warn!(%error, "what was dropped could not be looked for");
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sweep => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Decides about what the settings keep no longer, but for what the release that runs would bring back with its next up.
async fn expire(control: &Control) -> Result<()> {
    let mut needed: BTreeMap<EnvironmentId, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut after = None;
    loop {
        let expired = control.database().expired(after).await?;
        let Some(last) = expired.last() else { return Ok(()) };
        after = Some(last.kept.view.id);
        for one in expired {
            let needed = match needed.entry(one.environment) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    let environment = control.database().environment_by_id(one.environment).await?;
                    new.insert(control.needed(&environment).await?)
                }
            };
            if holds(needed, &one.kept.view) {
                continue;
            }
            let reason = sentence!("the settings keep it for {days} days", days = one.keep_days).to_string();
            let new = NewDrop {
                id: one.kept.view.id,
                environment: one.environment,
                subject: &one.subject,
                actor: ACTOR,
                reason: &reason,
                from: &[KeptState::Kept, KeptState::Restored],
            };
            match control.database().decide_drop(&new).await? {
                DropDecided::Done => {
                    tracing::info!(preserved.id = %new.id, object = one.kept.view.object, "kept data has expired");
                }
                // A job that began meanwhile, or another worker.
                DropDecided::Locked(_) | DropDecided::Not(_) => {}
            }
        }
    }
}

async fn remove(control: &Control) -> Result<()> {
    while let Some(claimed) = control.database().claim_drop(None).await? {
        match tokio::time::timeout(LIMIT, control.remove(&claimed)).await {
            Ok(Ok(())) => tracing::info!(preserved.id = %claimed.id, place = claimed.keeper.place(), "dropped"),
            Ok(Err(error)) => {
                tracing::warn!(preserved.id = %claimed.id, attempt = claimed.attempt, %error, "could not be dropped yet");
            }
            Err(_) => tracing::warn!(preserved.id = %claimed.id, "dropping takes long; it is tried again"),
        }
    }
    Ok(())
}
