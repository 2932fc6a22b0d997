//! What a use case answers when it cannot do what was asked; free of any transport.

use domain::environment::FieldError;
use domain::finding::Finding;
use domain::ids::JobId;
use domain::plan::Plan;
use domain::problem::ProblemType;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", .problem.slug())]
pub struct Error {
    /// Its stable type.
    pub problem: ProblemType,
    /// What happened, to what, and why; goes to the caller.
    pub detail: String,
    /// The command or call that mends it.
    pub hint: Option<String>,
    /// What forbids a plan.
    pub findings: Vec<Finding>,
    /// Fields with values that cannot be accepted.
    pub fields: Vec<FieldError>,
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
    pub fn new(problem: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            problem,
            detail: detail.into(),
            hint: None,
            findings: Vec::new(),
            fields: Vec::new(),
            lock_holder: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The same error with the command or call that mends it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// There is nothing of that name.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("there is no {what} '{name}'"))
    }

    /// Fields that cannot be accepted.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let detail = fields.iter().map(|field| format!("{} {}", field.field, field.message)).collect::<Vec<_>>();
        Self { fields, ..Self::new(ProblemType::InvalidField, detail.join("; ")) }
    }

    /// A plan with blockers.
    pub fn blocked(plan: &Plan) -> Self {
        let codes = plan.blockers().map(|finding| finding.code.as_str()).collect::<Vec<_>>().join(", ");
        Self {
            findings: plan.blockers().cloned().collect(),
            ..Self::new(ProblemType::PlanBlocked, format!("the plan to {} is blocked by: {codes}", plan.to.version))
        }
    }
}
