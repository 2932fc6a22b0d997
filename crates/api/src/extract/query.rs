//! Query parameters. Unknown ones are refused before, see `middleware::parameters`.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use control::PageRequest;
use domain::problem::ProblemType;
use sentence::sentence;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::reason;
use crate::error::Failure;

/// Query parameters, or `invalid-query`.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Failure::new(
                ProblemType::InvalidQuery,
                sentence!("in the query, {rejection}", rejection = reason(&rejection)),
            )),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

impl From<PageQuery> for PageRequest {
    fn from(query: PageQuery) -> Self {
        Self { limit: query.limit, cursor: query.cursor }
    }
}

/// How long to wait, e.g. `30s` or `500ms`; at most [`Wait::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl Wait {
    pub(crate) const LONGEST: Duration = Duration::from_mins(1);
}

// Not by serde, which would take of the reason only the English.
impl FromStr for Wait {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let (digits, unit): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
            Some(digits) => (digits, Duration::from_millis),
            None => (text.strip_suffix('s').unwrap_or_default(), Duration::from_secs),
        };
        let time = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok().map(unit)).flatten();
        time.filter(|time| *time <= Self::LONGEST).map(Self).ok_or_else(|| {
            let limit = Self::LONGEST.as_secs();
            let reason = sentence!("'{text}' is not a time of at most {limit} s such as 30s or 500ms", text, limit);
            Failure::new(ProblemType::InvalidQuery, sentence!("in the query, {rejection}", rejection = reason))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn page(query: &str) -> Result<PageRequest, String> {
        let (mut parts, ()) = Request::get(format!("/list?{query}")).body(()).unwrap().into_parts();
        match Query::<PageQuery>::from_request_parts(&mut parts, &()).await {
            Ok(Query(page)) => Ok(page.into()),
            Err(failure) => {
                assert_eq!(failure.error().problem, ProblemType::InvalidQuery);
                Err(failure.error().detail.to_string())
            }
        }
    }

    #[tokio::test]
    async fn a_limit_is_a_number_given_once() {
        assert_eq!(page("limit=200&cursor=abc").await.unwrap().limit, Some(200));
        for wrong in ["limit=ten", "limit=-1", "limit=", "limit=1&limit=2"] {
            let detail = page(wrong).await.unwrap_err();
            assert!(detail.contains("limit"), "{wrong}: {detail}");
        }
    }

    #[test]
    fn a_wait_has_a_unit_and_a_bound() {
        let wait = |text: &str| text.parse().map(|Wait(time)| time).map_err(|_: Failure| ());
        assert_eq!(wait("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(wait("1500ms"), Ok(Duration::from_millis(1500)));
        for wrong in ["30", "s", "ms", "61s", "60001ms", "-1s", "+1s", "1.5s", "1h", "", "99999999999999999999s"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
    }
}
