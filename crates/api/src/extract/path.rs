//! Names and ids in the path.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use domain::problem::ProblemType;
use sentence::sentence;
use serde::de::DeserializeOwned;

use super::reason;
use crate::error::Failure;

/// Names and ids in the path; a text that cannot be one names nothing, hence 404.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(rejection) => {
                // The router takes the prefix off the other one.
                let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
                let detail =
                    sentence!("{path} names nothing: {rejection}", path = uri.path(), rejection = reason(&rejection));
                Err(Failure::new(ProblemType::NotFound, detail))
            }
        }
    }
}
