//! Nobody overwrites an edit that they have not seen.

use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Answer, PLACE, Service, answer};

async fn put(service: &Service, tag: Option<&str>, spec: &Value) -> Answer {
    let mut request = service.request(Method::PUT, PLACE).json(spec);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    answer(request).await
}

fn with_reason(needed: bool) -> Value {
    json!({ "protection": { "typed_confirmation": needed } })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_edits_of_one_revision_the_second_is_412_and_changes_nothing() {
    let service = Service::start().await;
    service.furnish().await;
    let tag = service.get(PLACE).await.header("etag").to_owned();
    let first = put(&service, Some(&tag), &with_reason(true)).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_ne!(first.header("etag"), tag);
    let second = put(&service, Some(&tag), &with_reason(false)).await;
    assert_eq!(second.problem(), (412, "precondition-failed"));
    assert!(!second.body["error"]["hint"].as_str().unwrap().is_empty());
    let now = service.get(PLACE).await;
    assert_eq!(now.header("etag"), first.header("etag"));
    assert_eq!(now.body["data"]["spec"]["protection"]["typed_confirmation"], true);
    for unconditional in [None, Some("*")] {
        assert_eq!(put(&service, unconditional, &with_reason(false)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_a_job_holds_cannot_be_edited() {
    let service = Service::start().await;
    service.furnish().await;
    let job = service.queue().await;
    let refused = put(&service, None, &with_reason(true)).await;
    assert_eq!(refused.problem(), (409, "environment-locked"));
    assert_eq!(refused.body["error"]["lock_holder"], job.to_string(), "{refused:?}");
}
