//! How data stores differ from our ledger, and what people say about that: baseline and repair.

use std::collections::BTreeSet;

use domain::environment::{DataStore, Engine, FieldError};
use domain::ids::CorrectionId;
use domain::ledger::{Direction, Drift, DriftFacts, LedgerSource, MigrationRef, TargetLedger, drift};
use domain::limits::MAX_MARKS;
use domain::problem::ProblemType;
use domain::view::{BaselineRequest, DriftView, RepairRequest};
use sentence::{Sentence, sentence};
use store::{Corrected, Mark, NewCorrection, StoredEnvironment, StoredRelease};

use crate::change::{Consent, require_consent, require_short};
use crate::data_stores::{data_store, view};
use crate::environments::locked;
use crate::{Caller, Control, Error, Result, permission};

/// A data store as it was found.
struct Found {
    ledgers: Vec<TargetLedger>,
    fingerprint: String,
}

/// An environment of which a ledger is to be corrected, as it was before anything else was looked at.
struct Corrigible {
    jobs_before: u64,
    environment: StoredEnvironment,
    store: DataStore,
}

impl Control {
    /// How a data store differs from our ledger.
    pub async fn get_drift(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: &str,
    ) -> Result<DriftView> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        let store = data_store(&stored, store)?;
        self.drift_view(&stored, store).await
    }

    /// Adopts a data store that was there before: records which registered migrations count as applied, and its schema.
    /// Runs nothing.
    pub async fn record_baseline(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: &str,
        request: BaselineRequest,
    ) -> Result<DriftView> {
        caller.require(permission::LEDGER_CORRECT)?;
        let at = self.corrigible(application, environment, store).await?;
        let release = self.release(at.environment.application_id, application, &request.release).await?;
        let migrations = migrations(&release, &at.store)?;
        let until = match &request.through {
            None => migrations.len(),
            Some(through) => 1 + position(migrations, through).ok_or_else(|| unknown("through", through, &release))?,
        };
        let consent = Consent { reason: &request.reason, confirm: request.confirm.as_deref(), plan_digest: None };
        let found = self.look(&at.environment, &at.store).await.map_err(|why| away(&at.store, &why))?;
        let marks = migrations.iter().take(until).map(applied).collect();
        let accepted = Some((found.fingerprint.as_str(), found.ledgers.as_slice()));
        self.correct(caller, &at, LedgerSource::Baseline, &consent, accepted, marks).await
    }

    /// Says what holds for a data store in spite of its ledger or ours. Runs nothing.
    pub async fn repair_ledger(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: &str,
        request: RepairRequest,
    ) -> Result<DriftView> {
        caller.require(permission::LEDGER_CORRECT)?;
        if !request.accept_schema && request.applied.is_empty() && request.not_applied.is_empty() {
            let message = sentence!("or applied or not_applied says what to repair");
            return Err(Error::invalid_fields(vec![FieldError { field: "accept_schema".into(), message }]));
        }
        let at = self.corrigible(application, environment, store).await?;
        let marks = self.marks(application, &at, &request).await?;
        let consent = Consent { reason: &request.reason, confirm: request.confirm.as_deref(), plan_digest: None };
        let found = self.look(&at.environment, &at.store).await.map_err(|why| away(&at.store, &why))?;
        if request.expected_fingerprint.as_ref().is_some_and(|expected| *expected != found.fingerprint) {
            let detail = sentence!(
                "the schema of '{store}' is not the one that was shown: it has changed since",
                store = at.store.name
            );
            return Err(Error::new(ProblemType::CurrentMismatch, detail).with_command("backout drift"));
        }
        let accepted = request.accept_schema.then_some((found.fingerprint.as_str(), found.ledgers.as_slice()));
        self.correct(caller, &at, LedgerSource::Repair, &consent, accepted, marks).await
    }

    /// The jobs are counted first: one that is accepted and ends before the rest is read shows in the count, and one that
    /// has not ended holds the environment.
    async fn corrigible(&self, application: &str, environment: &str, store: &str) -> Result<Corrigible> {
        let id = self.environment(application, environment).await?.id;
        let jobs_before = self.database().job_count(id).await?;
        let environment = self.environment(application, environment).await?;
        if let Some(holder) = environment.active_job {
            return Err(locked(holder));
        }
        let store = data_store(&environment, store)?.clone();
        if store.engine == Engine::Redis {
            let detail = sentence!("'{store}' is a cache, it has no schema", store = store.name);
            return Err(Error::new(ProblemType::NotFound, detail));
        }
        Ok(Corrigible { jobs_before, environment, store })
    }

    async fn marks(&self, application: &str, at: &Corrigible, request: &RepairRequest) -> Result<Vec<Mark>> {
        if request.applied.len() + request.not_applied.len() > MAX_MARKS {
            let message = sentence!("names more than {limit} migrations together with the other", limit = MAX_MARKS);
            return Err(Error::invalid_fields(vec![FieldError { field: "not_applied".into(), message }]));
        }
        let owner = at.environment.application_id;
        let release = match (&request.release, at.environment.current) {
            (Some(version), _) => Some(self.release(owner, application, version).await?),
            (None, Some(deployment)) => {
                let (release, _, _) = self.database().deployment_release(deployment).await?;
                Some(self.database().release_by_id(release).await?)
            }
            (None, None) => None,
        };
        let known = match &release {
            Some(release) => release.schema.get(&at.store.name).map_or(&[][..], |schema| &schema.migrations[..]),
            None => &[],
        };
        let mut errors = Vec::new();
        let mut named = BTreeSet::new();
        let mut marks = Vec::new();
        for (field, versions) in [("applied", &request.applied), ("not_applied", &request.not_applied)] {
            for version in versions {
                let registered = position(known, version).and_then(|at| known.get(at));
                let mark = match (field, registered) {
                    _ if !named.insert(version) => Err(sentence!("{version} is named twice", version)),
                    ("applied", None) => Err(sentence!(
                        "{version} is no migration of the release that runs; name the release that brings it",
                        version
                    )),
                    ("applied", Some(registered)) => Ok(applied(registered)),
                    _ => Ok(not_applied(version, registered)),
                };
                match mark {
                    Ok(mark) => marks.push(mark),
                    Err(message) => errors.push(FieldError { field: field.into(), message }),
                }
            }
        }
        if errors.is_empty() { Ok(marks) } else { Err(Error::invalid_fields(errors)) }
    }

    async fn correct(
        &self,
        caller: &Caller,
        at: &Corrigible,
        kind: LedgerSource,
        consent: &Consent<'_>,
        accepted: Option<(&str, &[TargetLedger])>,
        marks: Vec<Mark>,
    ) -> Result<DriftView> {
        require_short(consent.reason)?;
        require_consent(&at.environment, consent)?;
        if consent.reason.trim().is_empty() {
            let message = sentence!("says why, for those who read the ledger later");
            return Err(Error::invalid_fields(vec![FieldError { field: "reason".into(), message }]));
        }
        let (application, environment) = (&at.environment.application, &at.environment.name);
        let new = NewCorrection {
            id: CorrectionId::generate(),
            environment: at.environment.id,
            subject: format!("{application}/{environment}"),
            jobs_before: at.jobs_before,
            store: &at.store.name,
            kind,
            actor: &caller.actor,
            reason: consent.reason,
            accepted,
            marks,
        };
        match self.database().correct_ledger(&new).await? {
            Corrected::Done => self.drift_view(&at.environment, &at.store).await,
            Corrected::Locked(holder) => Err(locked(holder)),
            Corrected::JobsSince => Err(Error::new(
                ProblemType::CurrentMismatch,
                sentence!("a job has run in '{application}/{environment}' meanwhile", application, environment),
            )
            .with_command("backout drift")),
            Corrected::NotEmpty => Err(Error::new(
                ProblemType::AlreadyExists,
                sentence!("our ledger of '{store}' has rows already: a baseline is the first", store = at.store.name),
            )
            .with_command(format!("backout repair {} --applied VERSION --reason WHY", at.store.name))),
        }
    }

    async fn drift_view(&self, environment: &StoredEnvironment, store: &DataStore) -> Result<DriftView> {
        let left_as = self.database().schema_record(environment.id, &store.name).await?.left_as;
        let correction = self.database().last_correction(environment.id, &store.name).await?;
        let mut seen = DriftView {
            store: view(store),
            unreachable: None,
            ledgers: Vec::new(),
            drift: Vec::new(),
            left_as,
            fingerprint: None,
            correction,
        };
        if store.engine == Engine::Redis {
            return Ok(seen);
        }
        match self.look(environment, store).await {
            Err(why) => seen.unreachable = Some(why),
            Ok(found) => {
                seen.drift = self.drifts(environment, store, &found, seen.left_as.clone()).await?;
                seen.fingerprint = Some(found.fingerprint);
                seen.ledgers = found.ledgers;
            }
        }
        Ok(seen)
    }

    async fn drifts(
        &self,
        environment: &StoredEnvironment,
        store: &DataStore,
        found: &Found,
        left_as: Option<String>,
    ) -> Result<Vec<Drift>> {
        let database = self.database();
        let mut registered = database.up_hashes(environment.application_id, &store.name).await?;
        if let Some(deployment) = environment.current {
            let (release, _, _) = database.deployment_release(deployment).await?;
            let release = database.release_by_id(release).await?;
            // What runs now is what counts; other releases may have registered other bytes.
            for migration in release.schema.get(&store.name).iter().flat_map(|schema| &schema.migrations) {
                registered.insert(migration.version.clone(), BTreeSet::from([migration.up_sha256.clone()]));
            }
        }
        Ok(drift(&DriftFacts {
            ours: database.our_ledger(environment.id, &store.name).await?,
            targets: found.ledgers.clone(),
            accepted: database.accepted_ledgers(environment.id, &store.name).await?,
            registered,
            left_as,
            fingerprint: found.fingerprint.clone(),
        }))
    }

    async fn look(&self, environment: &StoredEnvironment, store: &DataStore) -> std::result::Result<Found, Sentence> {
        let engine = self.targets().data_engine(environment.id, store).await.map_err(|error| error.sentence())?;
        let ledgers = engine.ledgers().await.map_err(|error| error.sentence())?;
        let fingerprint = engine.fingerprint().await.map_err(|error| error.sentence())?;
        Ok(Found { ledgers, fingerprint })
    }
}

fn migrations<'a>(release: &'a StoredRelease, store: &DataStore) -> Result<&'a [MigrationRef]> {
    let schema = release.schema.get(&store.name).filter(|schema| schema.engine == store.engine);
    schema.map(|schema| schema.migrations.as_slice()).ok_or_else(|| {
        let message = sentence!(
            "{version} has no migrations for '{store}'",
            version = release.version.to_string(),
            store = store.name
        );
        Error::invalid_fields(vec![FieldError { field: "release".into(), message }])
    })
}

fn position(migrations: &[MigrationRef], version: &str) -> Option<usize> {
    migrations.iter().position(|migration| migration.version == version)
}

fn unknown(field: &str, version: &str, release: &StoredRelease) -> Error {
    let message = sentence!("{release} has no migration {version}", release = release.version.to_string(), version);
    Error::invalid_fields(vec![FieldError { field: field.into(), message }])
}

fn applied(migration: &MigrationRef) -> Mark {
    Mark {
        migration: Some(migration.id),
        version: migration.version.clone(),
        name: migration.name.clone(),
        direction: Direction::Up,
        script_sha256: Some(migration.up_sha256.clone()),
    }
}

fn not_applied(version: &str, registered: Option<&MigrationRef>) -> Mark {
    Mark {
        migration: registered.map(|migration| migration.id),
        version: version.to_owned(),
        name: registered.map(|migration| migration.name.clone()).unwrap_or_default(),
        direction: Direction::Down,
        script_sha256: None,
    }
}

fn away(store: &DataStore, why: &Sentence) -> Error {
    let detail = sentence!("'{store}' could not be looked at: {why}", store = store.name, why);
    Error { retry_after: Some(5), ..Error::new(ProblemType::Unavailable, detail) }
}
