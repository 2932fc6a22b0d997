//! What a use case answers when it cannot do what was asked; free of any transport.

use domain::environment::FieldError;
use domain::finding::Finding;
use domain::ids::JobId;
use domain::plan::Plan;
use domain::problem::ProblemType;
use sentence::{Sentence, sentence};

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", .problem.slug())]
pub struct Error {
    /// Its stable type.
    pub problem: ProblemType,
    /// What happened, to what, and why; goes to the caller.
    pub detail: Box<Sentence>,
    /// The command or call that mends it.
    pub hint: Option<Box<Sentence>>,
    /// What forbids a plan.
    pub findings: Box<[Finding]>,
    /// Fields with values that cannot be accepted.
    pub fields: Box<[FieldError]>,
    /// The job that holds the environment.
    pub lock_holder: Option<JobId>,
    /// When to try again, seconds.
    pub retry_after: Option<u32>,
    /// The cause, for the log only.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of that type.
    pub fn new(problem: ProblemType, detail: Sentence) -> Self {
        Self {
            problem,
            detail: Box::new(detail),
            hint: None,
            findings: Box::default(),
            fields: Box::default(),
            lock_holder: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The same error with the command or call that mends it.
    #[must_use]
    pub fn with_command(self, command: impl Into<String>) -> Self {
        self.with_hint(Sentence::verbatim(command))
    }

    /// The same error with what mends it, where that is no command.
    #[must_use]
    pub fn with_hint(mut self, hint: Sentence) -> Self {
        self.hint = Some(Box::new(hint));
        self
    }

    /// There is nothing of that name.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::missing(what, sentence!("there is no {what} '{name}'", what = store::noun(what), name))
    }

    /// Whoever looked for a job finds it in the list of jobs, and not where the problem type sends people.
    fn missing(what: &str, detail: Sentence) -> Self {
        let error = Self::new(ProblemType::NotFound, detail);
        if what == "job" { error.with_command("backout jobs") } else { error }
    }

    /// Fields that cannot be accepted.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let detail = FieldError::together(&fields);
        Self { fields: fields.into(), ..Self::new(ProblemType::InvalidField, detail) }
    }

    /// A plan with blockers.
    pub fn blocked(plan: &Plan) -> Self {
        let codes = plan.blockers().map(|finding| finding.code.as_str()).collect::<Vec<_>>().join(", ");
        Self {
            findings: plan.blockers().cloned().collect(),
            ..Self::new(
                ProblemType::PlanBlocked,
                sentence!("the plan to {version} is blocked by: {codes}", version = plan.to.version, codes),
            )
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let (problem, detail) = match &error {
            store::Error::Missing(what) => {
                let missing = Self::missing(what, sentence!("there is no such {what}", what = store::noun(what)));
                return Self { cause: Some(Box::new(error)), ..missing };
            }
            store::Error::Unavailable(_) => {
                (ProblemType::Unavailable, sentence!("the control database does not answer"))
            }
            store::Error::Reserved { .. } => (ProblemType::PortReserved, error.sentence()),
            store::Error::Taken(what) => (ProblemType::AlreadyExists, sentence!("{what} is taken", what)),
            // A net: what a caller sends is measured before it gets to the store.
            store::Error::TooLong(what) => {
                (ProblemType::InvalidField, sentence!("{what} is longer than can be stored", what))
            }
            store::Error::Conflict(why) => (ProblemType::JobState, why.clone()),
            store::Error::BadCursor => {
                (ProblemType::InvalidQuery, sentence!("the cursor is not one that this list gave out"))
            }
            store::Error::Corrupt(_) | store::Error::Refused(_) | store::Error::OtherKeys { .. } => {
                (ProblemType::Internal, sentence!("the control plane failed to read or write its own records"))
            }
        };
        let fields: Box<[FieldError]> = match &error {
            store::Error::TooLong(what) => {
                Box::new([FieldError { field: what.clone(), message: sentence!("is longer than can be stored") }])
            }
            _ => Box::default(),
        };
        Self {
            fields,
            retry_after: (problem == ProblemType::Unavailable).then_some(2),
            cause: Some(Box::new(error)),
            ..Self::new(problem, detail)
        }
    }
}

impl From<store::SealError> for Error {
    fn from(error: store::SealError) -> Self {
        let detail = sentence!("a secret could not be sealed or opened with the keys at hand");
        Self { cause: Some(Box::new(error)), ..Self::new(ProblemType::Internal, detail) }
    }
}

/// Names what was asked for where the store says that there is no such row.
pub(crate) fn named(what: &'static str, name: &str) -> impl FnOnce(store::Error) -> Error {
    let name = name.to_owned();
    move |error| match error {
        store::Error::Missing(_) => Error::not_found(what, &name),
        other => other.into(),
    }
}
