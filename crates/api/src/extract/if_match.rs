//! `If-Match`: nobody overwrites an edit that they have not seen.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::problem::ProblemType;
use sentence::sentence;

use crate::error::Failure;

/// The revision that the caller read; none where the header is absent or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<u64>);

impl IfMatch {
    /// The tag of a revision, as `ETag` shows it.
    pub(crate) fn tag(revision: u64) -> String {
        format!("\"{revision}\"")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if values.next().is_some() || text.is_empty() || text.contains(',') {
            let detail = sentence!("If-Match has to be one entity tag, as ETag showed it, or *");
            return Err(Failure::new(ProblemType::InvalidHeader, detail));
        }
        if text == "*" {
            return Ok(Self(None));
        }
        // A weak tag, or one that was never ours, matches nothing.
        let revision = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|tag| tag.parse().ok());
        revision.map(|revision| Self(Some(revision))).ok_or_else(|| {
            Failure::hinted(
                ProblemType::PreconditionFailed,
                sentence!("no revision has the entity tag {text}", text),
                sentence!("read the resource again and send its ETag"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn if_match(value: &str) -> Result<IfMatch, ProblemType> {
        let (mut parts, ()) = Request::put("/").header(header::IF_MATCH, value).body(()).unwrap().into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await.map_err(|failure| failure.error().problem)
    }

    #[tokio::test]
    async fn a_tag_is_the_revision_that_was_read() {
        assert_eq!(if_match(&IfMatch::tag(7)).await, Ok(IfMatch(Some(7))));
        assert_eq!(if_match("*").await, Ok(IfMatch(None)));
    }

    #[tokio::test]
    async fn another_tag_matches_nothing() {
        for tag in ["W/\"7\"", "\"abc\"", "7"] {
            assert_eq!(if_match(tag).await, Err(ProblemType::PreconditionFailed), "{tag}");
        }
        assert_eq!(if_match("\"6\", \"7\"").await, Err(ProblemType::InvalidHeader));
    }
}
