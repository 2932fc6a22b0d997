//! Who asks.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::Control;
use domain::problem::ProblemType;

use super::body::discard;
use crate::error::Failure;

/// Puts the caller beside the request, or answers 401.
pub(crate) async fn authenticate(State(control): State<Control>, mut request: Request, next: Next) -> Response {
    let caller = match bearer(request.headers()) {
        Ok(token) => control.authenticate(token).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => {
            discard(request.into_body()).await;
            failure.into_response()
        }
    }
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let refused = |detail: &str| {
        Failure::hinted(
            ProblemType::Unauthenticated,
            detail,
            "Authorization: Bearer bko_…   # backout token create NAME",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| refused("the request has no Authorization header"))?;
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or_else(|| refused("the Authorization header is not 'Bearer' and a token"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused("the Authorization header has another scheme than Bearer"));
    }
    Ok(token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token(value: &'static str) -> Result<String, ProblemType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        bearer(&headers).map(str::to_owned).map_err(|failure| failure.error().problem)
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(token("Bearer bko_1").as_deref(), Ok("bko_1"));
        assert_eq!(token("bearer  bko_1").as_deref(), Ok("bko_1"));
        for other in ["Basic YTpi", "bko_1", ""] {
            assert_eq!(token(other), Err(ProblemType::Unauthenticated), "{other}");
        }
    }
}
