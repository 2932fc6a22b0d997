//! Who asks, and how often they may.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::{Caller, Control};
use domain::ids::TokenId;
use domain::problem::ProblemType;
use sentence::{Sentence, sentence};
use sha2::{Digest, Sha256};

use super::body::discard;
use super::rate::{AUTHENTICATIONS, Limiter, Standing};
use crate::RateLimits;
use crate::error::Failure;
use crate::listener::Peer;

/// More tokens than are in use at a time.
const MAX_KNOWN: usize = 10_000;

/// Lets callers in: by their token, within their limits.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    control: Control,
    requests: Limiter<TokenId>,
    attempts: Limiter<IpAddr>,
    /// Hashes of tokens that were accepted and not refused since. Whoever has one goes on working while somebody at
    /// the same address, behind the same proxy say, tries out tokens.
    accepted: Mutex<HashSet<[u8; 32]>>,
}

impl Gate {
    pub(crate) fn new(control: Control, limits: RateLimits) -> Self {
        Self(Arc::new(Inner {
            control,
            requests: Limiter::new("requests", limits.requests),
            attempts: Limiter::new(AUTHENTICATIONS, limits.authentications),
            accepted: Mutex::default(),
        }))
    }

    async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(Caller, Option<Standing>), Refusal> {
        let token = bearer(headers)?;
        let hash: [u8; 32] = Sha256::digest(token).into();
        if !self.accepted().contains(&hash) {
            self.0.attempts.count(&household(peer))?;
        }
        let caller = match self.0.control.authenticate(token).await {
            Ok(caller) => caller,
            Err(error) => {
                if error.problem == ProblemType::Unauthenticated {
                    self.accepted().remove(&hash);
                }
                return Err(Failure::from(error).into());
            }
        };
        self.remember(hash);
        let standing = self.0.requests.count(&caller.token)?;
        Ok((caller, standing))
    }

    fn remember(&self, hash: [u8; 32]) {
        let mut accepted = self.accepted();
        if accepted.len() >= MAX_KNOWN && !accepted.contains(&hash) {
            accepted.clear();
        }
        accepted.insert(hash);
    }

    fn accepted(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a request is not let in.
struct Refusal {
    failure: Failure,
    standing: Option<Standing>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, standing: None }
    }
}

impl From<Standing> for Refusal {
    fn from(standing: Standing) -> Self {
        Self { failure: standing.refusal(), standing: Some(standing) }
    }
}

/// Puts the caller beside the request, or answers 401 or 429.
pub(crate) async fn authenticate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0);
    let (mut response, standing) = match gate.admit(request.headers(), peer).await {
        Ok((caller, standing)) => {
            request.extensions_mut().insert(caller);
            (next.run(request).await, standing)
        }
        Err(Refusal { failure, standing }) => {
            discard(request.into_body()).await;
            (failure.into_response(), standing)
        }
    };
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    response
}

/// The addresses that one household or machine has: IPv6 gives each a network of its own.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let refused = |detail: Sentence| Failure::new(ProblemType::Unauthenticated, detail);
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(|| refused(sentence!("the request has no Authorization header")))?;
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or_else(|| refused(sentence!("the Authorization header is not 'Bearer' and a token")))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused(sentence!("the Authorization header has another scheme than Bearer")));
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

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let same = |a: &str, b: &str| household(a.parse().unwrap()) == household(b.parse().unwrap());
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    }
}
