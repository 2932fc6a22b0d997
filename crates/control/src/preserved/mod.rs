//! What was put aside before a script destroyed it: listed, shown, exported, dropped.

mod export;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use domain::environment::FieldError;
use domain::ids::PreservationId;
use domain::ledger::Direction;
use domain::problem::ProblemType;
use domain::view::{DropKeptRequest, KeptDetail, KeptSample, KeptState, KeptView, Page};
use saga::Keeper;
use sentence::sentence;
use store::{ClaimedDrop, DropDecided, NewDrop, StoredEnvironment, StoredKept};

pub use self::export::{Export, ExportFormat};
use crate::change::{Consent, require_consent, require_short};
use crate::environments::locked;
use crate::error::named;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

/// The most rows that are shown in place of an export.
const MAX_SAMPLE: u32 = 100;
/// How long the data stores may take to tell sizes: the list is worth more than they are.
const SIZES: Duration = Duration::from_secs(5);
/// How long a removal may take while somebody waits for its answer.
const AT_ONCE: Duration = Duration::from_secs(10);

impl Control {
    /// What waits in an environment, or in one of its data stores, newest first, with its size where that can be told.
    pub async fn list_preserved(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<KeptView>> {
        caller.require(permission::READ)?;
        let cursor = page.cursor()?;
        let stored = self.environment(application, environment).await?;
        let page = self.database().preserved(stored.id, store, &cursor).await?;
        let needed = self.needed(&stored).await?;
        let sizes = self.sizes(&stored, &page.items).await;
        let views = page.items.into_iter().map(|kept| {
            let bytes = sizes.get(&(kept.view.store.clone(), kept.keeper.place())).copied();
            KeptView { bytes, ..view(&stored, &needed, kept.view) }
        });
        Ok(Page { items: views.collect(), next_cursor: page.next_cursor })
    }

    /// Something that was put aside, with its first `sample` rows: seeing those is a permission of its own.
    pub async fn get_preserved(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: PreservationId,
        sample: u32,
    ) -> Result<KeptDetail> {
        caller.require(permission::READ)?;
        if sample > 0 {
            caller.require(permission::DATA_READ)?;
        }
        if sample > MAX_SAMPLE {
            let message = sentence!("must be at most {limit}; export it to see more", limit = MAX_SAMPLE);
            return Err(Error::invalid_fields(vec![FieldError { field: "rows".into(), message }]));
        }
        let (stored, kept) = self.kept_in(application, environment, id).await?;
        let sample = if sample == 0 { None } else { Some(self.sample(&stored, &kept, sample).await?) };
        self.kept_detail(&stored, kept, sample).await
    }

    /// Opens an export of something that was put aside. Its rows are read as the export is taken; it ends early, and as an
    /// error, once a job holds the environment, because nobody may hold that up.
    pub async fn export_preserved(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: PreservationId,
        format: ExportFormat,
    ) -> Result<Export> {
        caller.require(permission::DATA_READ)?;
        let (stored, kept) = self.kept_in(application, environment, id).await?;
        if let Some(holder) = stored.active_job {
            return Err(locked(holder));
        }
        let rows = self.engine_of(&stored, &kept.view.store).await?.kept_rows(&kept.keeper, None).await;
        let rows = rows.map_err(|error| unreadable(&kept, &error))?;
        let subject = format!("{application}/{environment}");
        self.database().audit_export(&caller.actor, &subject, &kept.view, format.as_str()).await?;
        Ok(Export::new(self.clone(), stored.id, format, rows))
    }

    /// Drops something that was put aside, for good. It is removed at once where the data store answers, by the worker
    /// otherwise.
    pub async fn drop_preserved(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: PreservationId,
        request: DropKeptRequest,
    ) -> Result<KeptDetail> {
        caller.require(permission::PRESERVED_DROP)?;
        require_short(&request.reason)?;
        let (stored, _) = self.kept_in(application, environment, id).await?;
        let consent = Consent { reason: &request.reason, confirm: request.confirm.as_deref(), plan_digest: None };
        require_consent(&stored, &consent)?;
        if request.reason.trim().is_empty() {
            let message = sentence!("says why, for those who look for the data later");
            return Err(Error::invalid_fields(vec![FieldError { field: "reason".into(), message }]));
        }
        let new = NewDrop {
            id,
            environment: stored.id,
            subject: &format!("{application}/{environment}"),
            actor: &caller.actor,
            reason: &request.reason,
            from: &[KeptState::Kept],
        };
        match self.database().decide_drop(&new).await? {
            // Whoever asks again after an answer was lost is told how far it is.
            DropDecided::Done | DropDecided::Not(KeptState::Dropping | KeptState::Dropped) => {}
            DropDecided::Locked(holder) => return Err(locked(holder)),
            DropDecided::Not(_) => {
                let detail = sentence!("{id} came back already, so that there is nothing to drop", id = id.to_string());
                return Err(Error::new(ProblemType::NotFound, detail).with_command("backout preserved"));
            }
        }
        if let Some(claimed) = self.database().claim_drop(Some(id)).await? {
            match tokio::time::timeout(AT_ONCE, self.remove(&claimed)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(preserved.id = %id, %error, "the worker will remove what was dropped"),
                Err(_) => tracing::warn!(preserved.id = %id, "the worker goes on removing what was dropped"),
            }
        }
        let kept = self.database().preserved_one(stored.id, id).await?;
        self.kept_detail(&stored, kept, None).await
    }

    /// Removes on its target what was claimed, and notes it. Can be repeated.
    pub(crate) async fn remove(&self, claimed: &ClaimedDrop) -> Result<()> {
        let stored = self.database().environment_by_id(claimed.environment).await?;
        let engine = self.engine_of(&stored, &claimed.store).await?;
        engine.drop_kept(&claimed.keeper).await.map_err(|error| Error {
            cause: Some(Box::new(error)),
            ..Error::new(
                ProblemType::Unavailable,
                sentence!("{place} could not be dropped", place = claimed.keeper.place()),
            )
        })?;
        Ok(self.database().end_drop(claimed.id).await?)
    }

    /// What waits in a data store, oldest first.
    pub(crate) async fn kept_views(&self, environment: &StoredEnvironment, store: &str) -> Result<Vec<KeptView>> {
        let needed = self.needed(environment).await?;
        let kept = self.database().kept_data(environment.id, store).await?;
        Ok(kept.into_iter().map(|kept| view(environment, &needed, kept)).collect())
    }

    /// The migrations of the release that runs which are not applied, by data store: its next up brings back what was put
    /// aside of them.
    pub(crate) async fn needed(&self, environment: &StoredEnvironment) -> Result<BTreeSet<(String, String)>> {
        let Some(deployment) = environment.current else { return Ok(BTreeSet::new()) };
        let (release, _, _) = self.database().deployment_release(deployment).await?;
        let release = self.database().release_by_id(release).await?;
        let mut needed = BTreeSet::new();
        for (store, schema) in &release.schema {
            let ours = self.database().our_ledger(environment.id, store).await?;
            let is_applied = |version: &str| {
                ours.standings.iter().any(|one| one.version == version && one.direction == Direction::Up)
            };
            let missing = schema.migrations.iter().filter(|one| !is_applied(&one.version));
            needed.extend(missing.map(|one| (store.clone(), one.version.clone())));
        }
        Ok(needed)
    }

    async fn kept_in(
        &self,
        application: &str,
        environment: &str,
        id: PreservationId,
    ) -> Result<(StoredEnvironment, StoredKept)> {
        let stored = self.environment(application, environment).await?;
        let kept = self.database().preserved_one(stored.id, id).await.map_err(named("kept data", &id.to_string()))?;
        Ok((stored, kept))
    }

    async fn kept_detail(
        &self,
        environment: &StoredEnvironment,
        kept: StoredKept,
        sample: Option<KeptSample>,
    ) -> Result<KeptDetail> {
        let sizes = self.sizes(environment, std::slice::from_ref(&kept)).await;
        let bytes = sizes.get(&(kept.view.store.clone(), kept.keeper.place())).copied();
        let needed = self.needed(environment).await?;
        Ok(KeptDetail {
            kept: KeptView { bytes, ..view(environment, &needed, kept.view) },
            checksum: kept.checksum,
            restored_at: kept.restored_at,
            drop: kept.drop,
            sample,
        })
    }

    async fn sample(&self, environment: &StoredEnvironment, kept: &StoredKept, limit: u32) -> Result<KeptSample> {
        let engine = self.engine_of(environment, &kept.view.store).await?;
        let mut rows = engine.kept_rows(&kept.keeper, Some(limit)).await.map_err(|error| unreadable(kept, &error))?;
        let mut sample = KeptSample { columns: rows.columns.clone(), rows: Vec::new() };
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| unreadable(kept, &error))?;
            sample.rows.push(row.into_iter().map(export::json).collect());
        }
        Ok(sample)
    }

    /// Bytes by data store and place, of those that answer in time.
    async fn sizes(&self, environment: &StoredEnvironment, kept: &[StoredKept]) -> BTreeMap<(String, String), u64> {
        let mut by_store: BTreeMap<&str, Vec<Keeper>> = BTreeMap::new();
        for one in kept {
            by_store.entry(&one.view.store).or_default().push(one.keeper.clone());
        }
        let asked = by_store.into_iter().map(|(store, keepers)| async move {
            let ask = async {
                let engine = self.engine_of(environment, store).await.map_err(|error| *error.detail)?;
                engine.kept_bytes(&keepers).await.map_err(|error| error.sentence())
            };
            let sizes = match tokio::time::timeout(SIZES, ask).await {
                Ok(Ok(sizes)) => sizes,
                Ok(Err(reason)) => {
                    tracing::debug!(store, %reason, "sizes of what is put aside are not known");
                    BTreeMap::new()
                }
                Err(_) => BTreeMap::new(),
            };
            sizes.into_iter().map(|(place, bytes)| ((store.to_owned(), place), bytes)).collect::<Vec<_>>()
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    async fn engine_of(&self, environment: &StoredEnvironment, store: &str) -> Result<data_engine::DataEngine> {
        let away = |why| Error::new(ProblemType::Unavailable, why).with_command("backout doctor");
        let data_store = environment.spec.data_store(store).ok_or_else(|| Error::not_found("data store", store))?;
        let engine = self.targets().data_engine(environment.id, data_store).await;
        engine.map_err(|error| away(error.sentence()))
    }
}

/// What the caller is shown: with the day on which the settings let it go, unless the next up needs it.
fn view(environment: &StoredEnvironment, needed: &BTreeSet<(String, String)>, kept: KeptView) -> KeptView {
    let days = environment.spec.preserved.keep_days.filter(|_| kept.state == KeptState::Kept && !holds(needed, &kept));
    let expires_at = days.and_then(|days| kept.kept_at.checked_add_signed(TimeDelta::days(days.into())));
    KeptView { expires_at, ..kept }
}

/// Whether the next up of the release that runs brings it back.
pub(crate) fn holds(needed: &BTreeSet<(String, String)>, kept: &KeptView) -> bool {
    kept.state == KeptState::Kept
        && kept.comes_back_with == Direction::Up
        && needed.contains(&(kept.store.clone(), kept.migration.clone()))
}

fn unreadable(kept: &StoredKept, error: &data_engine::Error) -> Error {
    if matches!(error, data_engine::Error::Gone { .. }) {
        return Error::new(ProblemType::NotFound, error.sentence()).with_command("backout preserved");
    }
    let detail = sentence!("{object} could not be read: {error}", object = &kept.view.object, error = error.sentence());
    Error::new(ProblemType::Unavailable, detail).with_command("backout doctor")
}
