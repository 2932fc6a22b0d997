//! What deployments and rollbacks share: a rollback is the deploy path with other inputs.

use std::collections::BTreeSet;

use domain::deployment::{DeploymentKind, SchemaMode};
use domain::environment::FieldError;
use domain::finding::Code;
use domain::ids::{DeploymentId, JobId};
use domain::limits::MAX_REASON;
use domain::plan::{self, Plan, StepSpec};
use domain::problem::ProblemType;
use domain::view::JobView;
use planner::Question;
use sentence::{Sentence, sentence};
use store::{Enqueue, NewJob, StoredEnvironment, StoredRelease};

use crate::environments::locked;
use crate::idempotency::in_progress;
use crate::releases::parse_version;
use crate::{Caller, Control, Error, Result};

/// What the caller gave along with a change.
pub(crate) struct Consent<'a> {
    pub(crate) reason: &'a str,
    pub(crate) confirm: Option<&'a str>,
    pub(crate) plan_digest: Option<&'a str>,
}

/// What the caller leaves to us no longer.
#[derive(Default)]
pub(crate) struct Choices {
    schema: SchemaMode,
    through: Option<String>,
    backed_up: Vec<String>,
    restored: Option<StepSpec>,
    accepted: BTreeSet<Code>,
}

impl Choices {
    /// # Errors
    /// Where one of the codes is none that a person can accept.
    pub(crate) fn new(schema: SchemaMode, accept: &[String]) -> Result<Self> {
        let acceptable = |word: &String| Code::from_word(word).filter(|code| Code::ACCEPTABLE.contains(code));
        let (mut accepted, mut errors) = (BTreeSet::new(), Vec::new());
        for (at, word) in accept.iter().enumerate() {
            match acceptable(word) {
                Some(code) => drop(accepted.insert(code)),
                None => errors.push(FieldError {
                    field: format!("accept[{at}]"),
                    message: sentence!(
                        "'{word}' is nothing that can be accepted; these can: {codes}",
                        word,
                        codes = Code::ACCEPTABLE.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
                    ),
                }),
            }
        }
        if errors.is_empty() {
            Ok(Self { schema, accepted, ..Self::default() })
        } else {
            Err(Error::invalid_fields(errors))
        }
    }

    /// Migrations are applied up to that version of them.
    pub(crate) fn through(self, last: Option<String>) -> Self {
        Self { through: last, ..self }
    }

    /// These data stores are backed up.
    pub(crate) fn backing_up(stores: Vec<String>) -> Self {
        Self { backed_up: stores, ..Self::keep() }
    }

    /// This is restored.
    pub(crate) fn restoring(spec: StepSpec) -> Self {
        Self { restored: Some(spec), ..Self::keep() }
    }

    /// The schema stays.
    pub(crate) fn keep() -> Self {
        Self { schema: SchemaMode::Keep, ..Self::default() }
    }
}

impl Control {
    pub(crate) async fn plan_change(
        &self,
        environment: &StoredEnvironment,
        target: &StoredRelease,
        kind: DeploymentKind,
        choices: Choices,
    ) -> Result<Plan> {
        let Choices { schema, through, backed_up, restored, accepted } = choices;
        let question = Question { kind, environment, target, schema, through, backed_up, restored, accepted };
        let gathering = planner::gather(self.database(), self.targets(), &question);
        // It asks everything there is at once, and is as large.
        Ok(plan::build(&Box::pin(gathering).await?))
    }

    /// Accepts the plan as a job, if nothing forbids it and the caller has said all that has to be said.
    pub(crate) async fn start_change(
        &self,
        caller: &Caller,
        environment: &StoredEnvironment,
        plan: Plan,
        consent: Consent<'_>,
    ) -> Result<JobView> {
        require_short(consent.reason)?;
        if !plan.is_runnable() {
            return Err(Error::blocked(&plan));
        }
        require_consent(environment, &consent)?;
        if consent.plan_digest.is_some_and(|digest| digest != plan.digest) {
            return Err(Error::new(
                ProblemType::CurrentMismatch,
                sentence!("the plan is not the one that was shown: the world has changed since"),
            )
            .with_command(format!("backout plan --app {} --env {}", environment.application, environment.name)));
        }
        self.accept(caller, environment, plan, consent).await
    }

    /// Accepts the plan as a job, if nothing forbids it.
    pub(crate) async fn accept(
        &self,
        caller: &Caller,
        environment: &StoredEnvironment,
        plan: Plan,
        consent: Consent<'_>,
    ) -> Result<JobView> {
        if !plan.is_runnable() {
            return Err(Error::blocked(&plan));
        }
        let new = NewJob {
            job: JobId::generate(),
            deployment: DeploymentId::generate(),
            environment: environment.id,
            plan: &plan,
            actor: &caller.actor,
            reason: consent.reason,
        };
        let key = caller.key.as_ref().map(|key| key.of(caller));
        match self.database().enqueue_under(key.as_ref(), &new).await? {
            Enqueue::Accepted => {
                self.wake().queued();
                Ok(self.database().job_view(new.job).await?)
            }
            Enqueue::Locked(holder) => Err(locked(holder)),
            Enqueue::CurrentChanged => Err(Error::new(
                ProblemType::CurrentMismatch,
                sentence!(
                    "another deployment succeeded, or the settings were edited, while this one was being planned"
                ),
            )
            .with_command("backout status")),
            Enqueue::Closed => {
                let detail = sentence!("a person keeps the maintenance page on");
                Err(Error::new(ProblemType::EnvironmentLocked, detail).with_command("backout maintenance off"))
            }
            Enqueue::KeyLost => Err(in_progress()),
            Enqueue::Open => {
                Err(Error::new(ProblemType::EnvironmentLocked, sentence!("the maintenance page is not on"))
                    .with_command("backout status"))
            }
        }
    }

    /// Fails unless the environment runs what the caller believes it runs.
    pub(crate) async fn require_current(
        &self,
        environment: &StoredEnvironment,
        expected: Option<&str>,
    ) -> Result<Option<StoredRelease>> {
        let current = match environment.current {
            None => None,
            Some(deployment) => {
                let (release, _, _) = self.database().deployment_release(deployment).await?;
                Some(self.database().release_by_id(release).await?)
            }
        };
        let Some(expected) = expected else { return Ok(current) };
        let expected = if expected == "none" { None } else { Some(parse_version(expected)?) };
        if current.as_ref().map(|release| &release.version) == expected.as_ref() {
            return Ok(current);
        }
        let shown = |version: Option<String>| version.map_or_else(|| sentence!("nothing"), Sentence::verbatim);
        Err(Error::new(
            ProblemType::CurrentMismatch,
            sentence!(
                "'{application}/{environment}' runs {current}, not {expected}",
                application = environment.application,
                environment = environment.name,
                current = shown(current.map(|release| release.version.to_string())),
                expected = shown(expected.map(|version| version.to_string()))
            ),
        )
        .with_command(format!("backout status --app {}", environment.application)))
    }
}

/// Fails if a reason is longer than histories show and the store keeps.
pub(crate) fn require_short(reason: &str) -> Result<()> {
    if reason.len() <= MAX_REASON {
        return Ok(());
    }
    let message = sentence!("is longer than {limit} bytes", limit = MAX_REASON);
    Err(Error::invalid_fields(vec![FieldError { field: "reason".into(), message }]))
}

/// Fails unless the caller has given what the environment's protection asks for.
pub(crate) fn require_consent(environment: &StoredEnvironment, consent: &Consent<'_>) -> Result<()> {
    if !environment.spec.protection.typed_confirmation {
        return Ok(());
    }
    if consent.confirm != Some(environment.name.as_str()) {
        return Err(Error::new(
            ProblemType::ConfirmationRequired,
            sentence!("'{environment}' is protected: send its name as 'confirm'", environment = environment.name),
        )
        .with_command(format!("\"confirm\": \"{}\"", environment.name)));
    }
    if consent.reason.trim().is_empty() {
        return Err(Error::new(
            ProblemType::ConfirmationRequired,
            sentence!("'{environment}' is protected: a reason is needed", environment = environment.name),
        )
        .with_command("--reason 'why'"));
    }
    Ok(())
}
