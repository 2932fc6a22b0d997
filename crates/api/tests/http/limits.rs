//! How often callers may ask.

use backout_api::RateLimits;
use reqwest::Method;
use serde_json::json;

use crate::service::{Answer, GENEROUS, Service, answer};

const LIST: &str = "/api/v1/applications";

async fn with_token(service: &Service, token: &str) -> Answer {
    answer(service.anonymous(Method::GET, LIST).bearer_auth(token)).await
}

fn guess(service: &Service, number: usize) -> String {
    format!("bko_{number:0width$}", width = service.token.len() - 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_so_many_requests_a_minute_and_others_have_their_own() {
    let service = Service::with(RateLimits { requests: 4, ..GENEROUS }).await;
    let other = service.post("/api/v1/tokens", &json!({ "name": "other", "permissions": ["read"] })).await;
    let other = other.body["data"]["secret"].as_str().unwrap().to_owned();
    for left in [2, 1, 0] {
        let answer = service.get(LIST).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"requests\";q=4;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"requests\";r={left};t=")), "{answer:?}");
    }
    let refused = service.get(LIST).await;
    assert_eq!(refused.problem(), (429, "too-many-requests"));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=15).contains(&seconds), "{refused:?}");
    assert_eq!(refused.body["error"]["retry_after"], seconds);
    assert_eq!(refused.header("ratelimit"), format!("\"requests\";r=0;t={seconds}"));
    assert_eq!(with_token(&service, &other).await.status, 200);
    for path in ["/health/live", "/metrics"] {
        let open = service.request(Method::GET, path).send().await.unwrap();
        assert!(open.status() == 200 && !open.headers().contains_key("ratelimit"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_out_tokens_is_stopped_and_known_callers_at_the_same_address_go_on() {
    let service = Service::with(RateLimits { authentications: 5, ..GENEROUS }).await;
    let minted = service.post("/api/v1/tokens", &json!({ "name": "new", "permissions": ["read"] })).await;
    let new = minted.body["data"]["secret"].as_str().unwrap();
    let mut answers = Vec::new();
    for number in 0..6 {
        answers.push(with_token(&service, &guess(&service, number)).await.status);
    }
    // The administrator's first request was one of the five.
    assert_eq!(answers, [401, 401, 401, 401, 429, 429]);
    // A right guess is of no use any more.
    let refused = with_token(&service, new).await;
    assert_eq!(refused.problem(), (429, "too-many-requests"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(refused.header("ratelimit").starts_with("\"authentications\";r=0;"), "{refused:?}");
    assert_eq!(service.get(LIST).await.status, 200);
}
