//! Carries out rehearsals, one at a time, beside the jobs: they hold no environment, and no job waits for them.

use std::collections::BTreeSet;
use std::time::Duration;

use data_engine::Rehearsal;
use domain::environment::Engine;
use domain::ids::WorkerId;
use domain::ledger::MigrationRef;
use domain::rehearsal::{RehearsalState, StoreRehearsal, Verdict};
use sentence::{Sentence, sentence};
use steps::Provider as _;
use store::{ClaimedRehearsal, RehearsalEnd, StoredEnvironment, StoredRelease, StoredSchema};
use tokio_util::sync::CancellationToken;

use crate::provider::StoreProvider;
use crate::{Control, Result};

/// Rehearsals are not urgent: a wake-up that was lost costs this much.
const POLL: Duration = Duration::from_secs(10);
/// How long a worker may be silent before another one begins the rehearsal anew.
const LEASE: Duration = Duration::from_mins(1);
/// How often it says that it lives.
const EXTEND: Duration = Duration::from_secs(15);
/// The longest that a rehearsal may take.
const LIMIT: Duration = Duration::from_mins(30);
/// How long a rehearsal waits for a job of its environment: what it copies must not change meanwhile.
const PUT_OFF: Duration = Duration::from_secs(15);
/// How often a rehearsal is begun whose worker dies: it may be the reason.
const ATTEMPTS: u32 = 3;

/// What stopped a rehearsal before its end.
enum Stopped {
    /// The worker stops.
    Here,
    /// Another worker has claimed it.
    TakenOver,
    /// It took too long.
    TooLong,
}

pub(super) async fn run(control: Control, worker: WorkerId, stop: CancellationToken) {
    loop {
        match control.database().claim_rehearsal(worker, LEASE).await {
            Ok(Some(claimed)) => {
                if let Err(error) = carry_out(&control, &claimed, &stop).await {
                    // Its lease runs out, and it is begun anew.
                    tracing::warn!(rehearsal.id = %claimed.id, %error, "rehearsal was broken off");
                }
                if !stop.is_cancelled() {
                    continue;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "rehearsals could not be claimed"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = control.wake().wait_for_rehearsal(POLL) => {}
        }
    }
}

async fn carry_out(control: &Control, claimed: &ClaimedRehearsal, stop: &CancellationToken) -> Result<()> {
    let release = control.database().release_by_id(claimed.release).await?;
    // Before anything is looked at: a job that is accepted from here on shows in the count.
    let jobs = control.database().job_count(claimed.environment).await?;
    let environment = control.database().environment_by_id(claimed.environment).await?;
    if environment.active_job.is_some() {
        return Ok(control.database().postpone_rehearsal(claimed, PUT_OFF).await?);
    }
    let ended = if claimed.attempt > ATTEMPTS {
        remove_scratches(control, claimed, &environment).await;
        Ok((Vec::new(), Some(sentence!("{count} workers ended before it did", count = ATTEMPTS))))
    } else {
        let inner = stop.child_token();
        tokio::select! {
            stores = try_stores(control, claimed, &environment, &release, &inner) => stores.map(|stores| (stores, None)).map_err(Err),
            stopped = watch(control, claimed, stop) => Err(Ok(stopped)),
        }
    };
    let (stores, reason) = match ended {
        Ok(ended) => ended,
        // Nobody else would get further, unless the control database was away: then this cannot be written either.
        Err(Err(error)) => (Vec::new(), Some(*error.detail)),
        Err(Ok(Stopped::TakenOver)) => return Ok(()),
        Err(Ok(Stopped::Here)) => {
            remove_scratches(control, claimed, &environment).await;
            return Ok(control.database().give_back_rehearsal(claimed).await?);
        }
        Err(Ok(Stopped::TooLong)) => {
            remove_scratches(control, claimed, &environment).await;
            (Vec::new(), Some(sentence!("it took longer than {minutes} minutes", minutes = LIMIT.as_secs() / 60)))
        }
    };
    if control.database().job_count(claimed.environment).await? != jobs {
        return Ok(control.database().postpone_rehearsal(claimed, PUT_OFF).await?);
    }
    let state = if reason.is_some() { RehearsalState::Skipped } else { state_of(&stores) };
    let end = RehearsalEnd { state, reason: reason.as_ref(), stores: &stores };
    if control.database().end_rehearsal(claimed, &end).await? {
        tracing::info!(rehearsal.id = %claimed.id, rehearsal.state = state.as_str(), "rehearsal ended");
    }
    Ok(())
}

/// Keeps the claim; ends when the rehearsal has to.
async fn watch(control: &Control, claimed: &ClaimedRehearsal, stop: &CancellationToken) -> Stopped {
    let limit = tokio::time::sleep(LIMIT);
    let mut limit = std::pin::pin!(limit);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Stopped::Here,
            () = &mut limit => return Stopped::TooLong,
            () = tokio::time::sleep(EXTEND) => {}
        }
        // A lease that could not be extended in time is another worker's soon: its database has another name.
        match control.database().extend_rehearsal(claimed, LEASE).await {
            Ok(true) => {}
            Ok(false) => return Stopped::TakenOver,
            Err(error) => tracing::warn!(rehearsal.id = %claimed.id, %error, "rehearsal could not be extended"),
        }
    }
}

async fn try_stores(
    control: &Control,
    claimed: &ClaimedRehearsal,
    environment: &StoredEnvironment,
    release: &StoredRelease,
    stop: &CancellationToken,
) -> Result<Vec<StoreRehearsal>> {
    let rehearsal = rehearsal(claimed, environment, stop);
    let before = control.database().release_before(environment.application_id, &release.version).await?;
    let mut stores = Vec::new();
    for (name, schema) in release.schema.iter().filter(|(_, schema)| !schema.migrations.is_empty()) {
        let Some(store) = environment.spec.data_store(name).filter(|store| store.engine == schema.engine) else {
            continue;
        };
        let skipped = |reason: Sentence| StoreRehearsal {
            store: name.clone(),
            engine: schema.engine,
            verdict: Verdict::Skipped { reason },
            rows: 0,
            migrations: Vec::new(),
        };
        let engine = match control.targets().data_engine(environment.id, store).await {
            Ok(engine) => engine,
            Err(error) => {
                stores.push(skipped(error.sentence()));
                continue;
            }
        };
        let applied = match engine.applied().await {
            Ok(applied) => applied,
            Err(error) => {
                stores.push(skipped(error.sentence()));
                continue;
            }
        };
        let before = before.as_ref().and_then(|before| before.schema.get(name));
        match chosen(schema, before, &applied) {
            Err(reason) => stores.push(skipped(reason)),
            Ok((wanted, is_applied)) => {
                stores.push(match StoreProvider::new(control.clone()).scripts(&wanted).await {
                    Ok(scripts) => engine.rehearse(&rehearsal, &scripts, is_applied).await,
                    Err(error) => skipped(error.message),
                });
            }
        }
    }
    Ok(stores)
}

/// The migrations to try: those that wait, or, where none does, those that the release has brought; `true` if they are
/// applied.
fn chosen(
    schema: &StoredSchema,
    before: Option<&StoredSchema>,
    applied: &[String],
) -> std::result::Result<(Vec<MigrationRef>, bool), Sentence> {
    let is_applied = |version: &str| applied.iter().any(|one| one == version);
    let waiting: Vec<_> = schema.migrations.iter().filter(|one| !is_applied(&one.version)).cloned().collect();
    if !waiting.is_empty() {
        return Ok((waiting, false));
    }
    let known: BTreeSet<&str> =
        before.iter().flat_map(|before| &before.migrations).map(|one| one.version.as_str()).collect();
    let own: Vec<_> = schema.migrations.iter().filter(|one| !known.contains(one.version.as_str())).cloned().collect();
    let newest = applied.iter().rev().take(own.len()).collect::<BTreeSet<_>>();
    if own.iter().all(|one| newest.contains(&one.version)) {
        return Ok((own, true));
    }
    Err(sentence!("newer migrations than those of this release are applied"))
}

/// The worst that a data store came to.
fn state_of(stores: &[StoreRehearsal]) -> RehearsalState {
    let has = |state| stores.iter().any(|store| store.verdict.state() == state);
    [RehearsalState::Failed, RehearsalState::Skipped]
        .into_iter()
        .find(|state| has(*state))
        .unwrap_or(RehearsalState::Passed)
}

fn rehearsal(claimed: &ClaimedRehearsal, environment: &StoredEnvironment, stop: &CancellationToken) -> Rehearsal {
    Rehearsal {
        id: claimed.id,
        attempt: claimed.attempt,
        sample: environment.spec.rehearsal.sample_rows,
        stop: stop.clone(),
    }
}

/// What cannot be removed stays until somebody looks: it is named after what it is.
async fn remove_scratches(control: &Control, claimed: &ClaimedRehearsal, environment: &StoredEnvironment) {
    let rehearsal = rehearsal(claimed, environment, &CancellationToken::new());
    for store in &environment.spec.data_stores {
        if store.engine == Engine::Redis {
            continue;
        }
        let removed = match control.targets().data_engine(environment.id, store).await {
            Ok(engine) => engine.drop_scratches_of(&rehearsal).await,
            Err(error) => Err(error.sentence()),
        };
        if let Err(reason) = removed {
            tracing::warn!(rehearsal.id = %claimed.id, store = %store.name, %reason, "a scratch database may be left");
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::MigrationId;
    use domain::release::SchemaRange;

    use super::*;

    fn schema(versions: &[&str]) -> StoredSchema {
        let migration = |version: &&str| MigrationRef {
            id: MigrationId::generate(),
            version: (*version).to_owned(),
            name: String::new(),
            up_sha256: String::new(),
            down_sha256: None,
        };
        StoredSchema {
            engine: Engine::MariaDb,
            runs_on: SchemaRange::default(),
            migrations: versions.iter().map(migration).collect(),
        }
    }

    fn versions(schema: &StoredSchema, before: Option<&StoredSchema>, applied: &[&str]) -> Option<(Vec<String>, bool)> {
        let applied: Vec<String> = applied.iter().map(|version| (*version).to_owned()).collect();
        let (wanted, is_applied) = chosen(schema, before, &applied).ok()?;
        Some((wanted.into_iter().map(|one| one.version).collect(), is_applied))
    }

    #[test]
    fn what_waits_is_tried_and_else_what_the_release_has_brought() {
        let (old, new) = (schema(&["1", "2"]), schema(&["1", "2", "3"]));
        assert_eq!(versions(&new, Some(&old), &["1"]), Some((vec!["2".into(), "3".into()], false)));
        assert_eq!(versions(&new, Some(&old), &["1", "2", "3"]), Some((vec!["3".into()], true)));
        assert_eq!(versions(&old, None, &["1", "2", "3"]), None, "3 would have to be taken back first");
    }
}
