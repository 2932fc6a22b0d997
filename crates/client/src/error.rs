//! Why a call did not give what was asked for.

use domain::environment::FieldError;
use domain::finding::Finding;
use domain::ids::JobId;
use sentence::{Sentence, sentence};
use serde::Serialize;

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum Error {
    /// The service answered that it will not or cannot.
    Problem(Box<Problem>),
    /// The service could not be reached, or the connection was lost and repeating did not help. What was asked may
    /// have happened.
    Unreachable {
        /// Address of the service.
        url: String,
        /// Why.
        reason: Sentence,
    },
    /// Something is there, but no secure connection came about: its certificate is not trusted, or it speaks no TLS.
    Tls {
        /// Address of the service.
        url: String,
        /// Why.
        reason: String,
    },
    /// Something answered, but not as this API does.
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        detail: Sentence,
    },
    /// The client cannot work with these settings.
    Settings(Sentence),
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// A problem as the service told it (RFC 9457 and what goes beyond).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable slug, e.g. `environment-locked`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence for a person, in the language that was asked for.
    pub message: String,
    /// What happened, to what, and why.
    pub detail: Option<String>,
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
    /// Finds the request in the service's log.
    pub request_id: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.kind, self.status)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl Error {
    /// What people are told; what the service said of a problem is in the language that it was asked for.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Problem(problem) => Sentence::verbatim(problem.to_string()),
            Self::Unreachable { url, reason } => sentence!("{url} cannot be reached: {reason}", url, reason),
            Self::Tls { url, reason } => sentence!("no secure connection to {url}: {reason}", url, reason),
            Self::Protocol { url, detail } => {
                sentence!("{url} does not answer as a Backout service does: {detail}", url, detail)
            }
            Self::Settings(mistake) => mistake.clone(),
        }
    }

    /// The problem, if the service told one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Unreachable { .. } | Self::Tls { .. } | Self::Protocol { .. } | Self::Settings(_) => None,
        }
    }

    /// Whether asking again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 408 | 429 | 502..=504),
            Self::Unreachable { .. } => true,
            Self::Tls { .. } | Self::Protocol { .. } | Self::Settings(_) => false,
        }
    }
}
