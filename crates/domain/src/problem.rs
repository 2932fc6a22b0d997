//! Problem types: the stable slugs of every error that the API answers.

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $variant:ident = $status:literal $slug:literal),+ $(,)?) => {
        /// The types of problems (RFC 9457), each with one HTTP status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemType {
            $($(#[doc = $doc])+ $variant),+
        }

        impl ProblemType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable slug.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// When it is answered, for the table in `docs/errors.md`.
            pub fn when(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

problems! {
    /// The body is not JSON, or not of the expected shape.
    MalformedBody = 400 "malformed-body",
    /// A query parameter is unknown or has no such value.
    InvalidQuery = 400 "invalid-query",
    /// A header has no valid value.
    InvalidHeader = 400 "invalid-header",
    /// No token, or one that is not known, expired or revoked.
    Unauthenticated = 401 "unauthenticated",
    /// The token lacks the permission named in the detail.
    Forbidden = 403 "forbidden",
    /// There is nothing of that name or id.
    NotFound = 404 "not-found",
    /// The application has no release of that version.
    UnknownVersion = 404 "unknown-version",
    /// The path exists, but not with this method.
    MethodNotAllowed = 405 "method-not-allowed",
    /// The request took too long to arrive.
    RequestTimeout = 408 "request-timeout",
    /// Something of that name exists with other content.
    AlreadyExists = 409 "already-exists",
    /// The environment runs another version than the caller believes.
    CurrentMismatch = 409 "current-mismatch",
    /// Another job holds the environment.
    EnvironmentLocked = 409 "environment-locked",
    /// The plan has blockers; they are listed as findings.
    PlanBlocked = 409 "plan-blocked",
    /// There is no earlier release that is known to be good.
    NoRollbackTarget = 409 "no-rollback-target",
    /// A request with the same Idempotency-Key is still being answered.
    IdempotencyInProgress = 409 "idempotency-in-progress",
    /// The job's state does not allow this.
    JobState = 409 "job-state",
    /// The port is reserved by another service or environment on that host.
    PortReserved = 409 "port-reserved",
    /// The resource changed since it was read (`If-Match`).
    PreconditionFailed = 412 "precondition-failed",
    /// The body is larger than the limit.
    BodyTooLarge = 413 "body-too-large",
    /// The body's media type is not application/json.
    UnsupportedMediaType = 415 "unsupported-media-type",
    /// One or several fields have values that cannot be accepted.
    InvalidField = 422 "invalid-field",
    /// A version is not a semantic version.
    InvalidVersion = 422 "invalid-version",
    /// The same Idempotency-Key came with another body.
    IdempotencyMismatch = 422 "idempotency-mismatch",
    /// The environment's name has to be typed, or a reason given.
    ConfirmationRequired = 422 "confirmation-required",
    /// Something of ours failed; the request id finds it in the log.
    Internal = 500 "internal",
    /// A dependency does not answer; try again after `Retry-After`.
    Unavailable = 503 "unavailable",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_documented() {
        let documented = include_str!("../../../docs/errors.md");
        let mut seen = std::collections::HashSet::new();
        for problem in ProblemType::ALL {
            assert!(seen.insert(problem.slug()), "{} is there twice", problem.slug());
            let row = format!("| `{}` | {} | {} |", problem.slug(), problem.status(), problem.when().trim());
            assert!(documented.contains(&row), "docs/errors.md lacks the row:\n{row}");
        }
    }
}
