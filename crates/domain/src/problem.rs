//! Problem types: the stable slugs of every error that the API answers.

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $variant:ident = $status:literal $slug:literal => $next:literal),+ $(,)?) => {
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

            /// The next command or call, where the answer itself names no better one.
            pub fn next(self) -> &'static str {
                match self { $(Self::$variant => $next),+ }
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
    MalformedBody = 400 "malformed-body" => "GET /openapi.json shows the shape of every body",
    /// A query parameter is unknown or has no such value.
    InvalidQuery = 400 "invalid-query" => "GET /openapi.json lists the parameters of every path",
    /// A header has no valid value.
    InvalidHeader = 400 "invalid-header" => "GET /openapi.json lists the headers of every path",
    /// No token, or one that is not known, expired or revoked.
    Unauthenticated = 401 "unauthenticated" => "Authorization: Bearer bko_…   # backout token create NAME",
    /// The token lacks the permission named in the detail.
    Forbidden = 403 "forbidden" => "backout token create NAME --permission PERMISSION",
    /// There is nothing of that name or id.
    NotFound = 404 "not-found" => "backout status",
    /// The application has no release of that version.
    UnknownVersion = 404 "unknown-version" => "backout releases",
    /// The path exists, but not with this method.
    MethodNotAllowed = 405 "method-not-allowed" => "the Allow header lists the methods",
    /// The request took too long to arrive.
    RequestTimeout = 408 "request-timeout" => "send the request again, with the same Idempotency-Key",
    /// Something of that name exists with other content.
    AlreadyExists = 409 "already-exists" => "choose another name, or read what is there",
    /// The environment runs another version than the caller believes.
    CurrentMismatch = 409 "current-mismatch" => "backout status",
    /// Another job holds the environment.
    EnvironmentLocked = 409 "environment-locked" => "backout job watch ID",
    /// The plan has blockers; they are listed as findings.
    PlanBlocked = 409 "plan-blocked" => "backout plan VERSION",
    /// There is no earlier release that is known to be good.
    NoRollbackTarget = 409 "no-rollback-target" => "backout history",
    /// A request with the same Idempotency-Key is still being answered.
    IdempotencyInProgress = 409 "idempotency-in-progress" => "send the same request again after a second",
    /// The job's state does not allow this.
    JobState = 409 "job-state" => "backout job watch ID",
    /// The port or socket is reserved by another service or environment on that host.
    PortReserved = 409 "port-reserved" => "backout env show NAME",
    /// The resource changed since it was read (`If-Match`).
    PreconditionFailed = 412 "precondition-failed" => "read the resource again and send its ETag",
    /// The body is larger than the limit.
    BodyTooLarge = 413 "body-too-large" => "send less: migrations belong to the release that brings them",
    /// The body's media type is not application/json.
    UnsupportedMediaType = 415 "unsupported-media-type" => "Content-Type: application/json",
    /// One or several fields have values that cannot be accepted.
    InvalidField = 422 "invalid-field" => "mend the fields that are listed",
    /// A version is not a semantic version.
    InvalidVersion = 422 "invalid-version" => "name a version such as v1.2.3: backout releases",
    /// The same Idempotency-Key came with another body.
    IdempotencyMismatch = 422 "idempotency-mismatch" => "send another Idempotency-Key with another body",
    /// The environment's name has to be typed, or a reason given.
    ConfirmationRequired = 422 "confirmation-required" => "send confirm: the environment's name, and a reason",
    /// More requests, or more failed authentications, than are allowed in a minute.
    TooManyRequests = 429 "too-many-requests" => "send the request again after Retry-After seconds",
    /// Something of ours failed; the request id finds it in the log.
    Internal = 500 "internal" => "backout doctor",
    /// A dependency does not answer; try again after `Retry-After`.
    Unavailable = 503 "unavailable" => "backout doctor",
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
            let row = format!(
                "| `{}` | {} | {} | {} |",
                problem.slug(),
                problem.status(),
                problem.when().trim(),
                problem.next()
            );
            assert!(documented.contains(&row), "docs/errors.md lacks the row:\n{row}");
        }
    }
}
