//! Query parameters that a route does not know are an error: a mistyped `dry_run` must not start anything.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use sentence::sentence;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::body::discard;
use crate::docs::operations;
use crate::error::Failure;

/// The query parameters of every route, by method and path: those that the OpenAPI document names.
#[derive(Debug, Clone)]
pub(crate) struct KnownParameters(Arc<HashMap<(Method, String), BTreeSet<String>>>);

impl KnownParameters {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let routes = document.paths.paths.iter().flat_map(|(path, item)| {
            operations(item).map(move |(method, operation)| ((method, path.clone()), query_parameters(operation)))
        });
        Self(Arc::new(routes.collect()))
    }

    /// Why the query cannot be accepted.
    fn refusal(&self, method: &Method, path: &str, query: &str) -> Option<Failure> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let known = self.0.get(&(method.clone(), path.to_owned()))?;
        let (unknown, _) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !known.contains(&**name))?;
        let known = match known.len() {
            0 => sentence!("it takes none"),
            _ => sentence!("it takes {known}", known = known.iter().cloned().collect::<Vec<_>>().join(", ")),
        };
        Some(Failure::new(
            ProblemType::InvalidQuery,
            sentence!(
                "{method} {path} has no query parameter '{unknown}': {known}",
                method = method.as_str(),
                path,
                unknown,
                known
            ),
        ))
    }
}

fn query_parameters(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
            _ => None,
        })
        .collect()
}

/// Answers 400 to a query parameter that the route does not know.
pub(crate) async fn refuse_unknown_parameters(
    State(known): State<KnownParameters>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    match known.refusal(request.method(), path.as_str(), request.uri().query().unwrap_or_default()) {
        None => next.run(request).await,
        Some(failure) => {
            discard(request.into_body()).await;
            failure.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_known_where_the_document_names_it() {
        let known = KnownParameters::of(&crate::openapi());
        let refused = |method: Method, path: &str, query: &str| {
            known.refusal(&method, path, query).map(|failure| failure.error().detail.to_string())
        };
        assert_eq!(refused(Method::GET, "/api/v1/jobs", "limit=5&state=stuck&cursor=a"), None);
        assert_eq!(refused(Method::HEAD, "/api/v1/jobs/{job}", "wait=30s"), None);
        let detail = refused(Method::GET, "/api/v1/jobs", "offset=5").unwrap();
        assert!(detail.contains("'offset'") && detail.contains("cursor"), "{detail}");
        let rollbacks = "/api/v1/applications/{application}/environments/{environment}/rollbacks";
        assert!(refused(Method::POST, rollbacks, "dry_run=true").unwrap().contains("it takes none"));
    }
}
