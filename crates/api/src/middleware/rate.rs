//! Requests per minute, counted in this process within bounded memory.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::problem::ProblemType;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use sentence::sentence;

use crate::error::Failure;

/// What counts those whose token is not known.
pub(crate) const AUTHENTICATIONS: &str = "authentications";
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const WINDOW: Duration = Duration::from_mins(1);
/// More callers than one process serves in a minute; whoever comes on top of them is refused.
const MAX_KEYS: usize = 10_000;

/// So many requests a minute for each key, all at once or spread over it.
pub(crate) struct Limiter<K: Clone + Eq + Hash> {
    /// What is counted, for the headers and for the person who is refused.
    what: &'static str,
    /// None means no limit.
    counted: Option<Counted<K>>,
}

struct Counted<K: Clone + Eq + Hash> {
    a_minute: NonZeroU32,
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    max_keys: usize,
}

/// What a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    what: &'static str,
    a_minute: u32,
    left: u32,
    /// Seconds until everything is there again; for whoever is refused, until one request is.
    reset: u32,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    /// A limiter; 0 means no limit.
    pub(crate) fn new(what: &'static str, a_minute: u32) -> Self {
        Self { what, counted: NonZeroU32::new(a_minute).and_then(|a_minute| Counted::new(a_minute, MAX_KEYS)) }
    }

    /// Counts a request: what is left, where there is a limit, or the refusal.
    pub(crate) fn count(&self, key: &K) -> Result<Option<Standing>, Standing> {
        let Some(counted) = &self.counted else { return Ok(None) };
        let standing = |left, reset| Standing { what: self.what, a_minute: counted.a_minute.get(), left, reset };
        if !counted.has_room() {
            return Err(standing(0, whole_seconds(WINDOW)));
        }
        match counted.limiter.check_key(key) {
            Ok(snapshot) => {
                let left = snapshot.remaining_burst_capacity();
                let used = counted.a_minute.get().saturating_sub(left);
                Ok(Some(standing(left, whole_seconds(WINDOW * used / counted.a_minute.get()))))
            }
            Err(refusal) => Err(standing(0, whole_seconds(refusal.wait_time_from(counted.clock.now())))),
        }
    }
}

impl<K: Clone + Eq + Hash> Counted<K> {
    fn new(a_minute: NonZeroU32, max_keys: usize) -> Option<Self> {
        let quota = Quota::with_period(WINDOW / a_minute.get())?.allow_burst(a_minute);
        let limiter = RateLimiter::keyed(quota).with_middleware();
        Some(Self { a_minute, limiter, clock: DefaultClock::default(), max_keys })
    }

    /// Whether one more key may be remembered, after forgetting those that have everything left.
    fn has_room(&self) -> bool {
        if self.limiter.len() >= self.max_keys {
            self.limiter.retain_recent();
        }
        self.limiter.len() < self.max_keys
    }
}

/// Rounded up, and at least one: a caller that comes back at once would be refused again.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

impl Standing {
    /// Says it in the answer (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Self { what, a_minute, left, reset } = self;
        let policy = format!("\"{what}\";q={a_minute};w={}", WINDOW.as_secs());
        for (name, value) in [(POLICY, policy), (LIMIT, format!("\"{what}\";r={left};t={reset}"))] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    /// 429.
    pub(crate) fn refusal(&self) -> Failure {
        // Headers need the plain word.
        let what = if self.what == AUTHENTICATIONS { sentence!("authentications") } else { sentence!("requests") };
        let detail = sentence!("{what} are limited to {a_minute} a minute", what, a_minute = self.a_minute);
        let hint = sentence!("send the request again in {seconds} s", seconds = self.reset);
        let error = control::Error::new(ProblemType::TooManyRequests, detail).with_hint(hint);
        control::Error { retry_after: Some(self.reset), ..error }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_minute() {
        let limiter = Limiter::new("requests", 3);
        let left = |key: &str| limiter.count(&key.to_owned()).map(|standing| standing.unwrap().left);
        assert_eq!([left("a"), left("a"), left("a")], [Ok(2), Ok(1), Ok(0)]);
        let refused = left("a").unwrap_err();
        assert!((1..=20).contains(&refused.reset), "a third of a minute brings the next one: {refused:?}");
        assert_eq!(left("b"), Ok(2));
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = Limiter::new("requests", 0);
        assert!((0..100_000).all(|_| limiter.count(&1) == Ok(None)));
    }

    #[test]
    fn what_is_left_and_when_it_is_whole_again_is_told() {
        let limiter = Limiter::new("requests", 60);
        let standing = limiter.count(&1).unwrap().unwrap();
        let mut headers = HeaderMap::new();
        standing.tell(&mut headers);
        assert_eq!(headers[POLICY], "\"requests\";q=60;w=60");
        assert_eq!(headers[LIMIT], "\"requests\";r=59;t=1");
        let refusal = Standing { left: 0, reset: 7, ..standing }.refusal();
        assert_eq!((refusal.status().as_u16(), refusal.retry_after()), (429, Some(7)));
    }

    #[test]
    fn no_more_keys_are_remembered_than_there_is_room_for() {
        let counted = Counted::new(NonZeroU32::new(1).unwrap(), 100).unwrap();
        let limiter = Limiter { what: "requests", counted: Some(counted) };
        let accepted = (0..1000).filter(|key| limiter.count(key).is_ok()).count();
        assert_eq!(accepted, 100);
        // Keys that have everything left again, here after some nanoseconds, are forgotten.
        let counted = Counted::new(NonZeroU32::new(u32::MAX).unwrap(), 100);
        let limiter = Limiter { what: "requests", counted };
        assert!((0..1000).all(|key| limiter.count(&key).is_ok()));
    }
}
