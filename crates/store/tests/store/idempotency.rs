//! Idempotency keys.

use std::sync::Arc;

use backout_store::{Enqueue, Error, KeyState, RequestKey, StoredAnswer};
use domain::deployment::DeploymentKind;
use domain::ids::TokenId;

use crate::support::{Shop, new_job, two_steps};

const ROUTE: &str = "POST /api/v1/applications";
const BODY: [u8; 32] = [1; 32];

fn key(token: TokenId) -> RequestKey<'static> {
    RequestKey { token, route: ROUTE, key: "k", body_sha256: &BODY }
}

fn answer() -> StoredAnswer {
    StoredAnswer { status: 202, location: Some("/api/v1/jobs/1".into()), body: b"{\"id\":1}".to_vec() }
}

#[tokio::test]
async fn a_key_is_reserved_then_in_progress_then_answered() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    let reserve = || shop.database.reserve_key(token, ROUTE, "k", &BODY);
    assert!(matches!(reserve().await.unwrap(), KeyState::Reserved));
    assert!(matches!(reserve().await.unwrap(), KeyState::InProgress));
    shop.database.answer_key(token, ROUTE, "k", &answer()).await.unwrap();
    let KeyState::Answered(again) = reserve().await.unwrap() else { panic!("it was answered") };
    assert_eq!((again.status, again.location, again.body), (202, answer().location, answer().body));
}

#[tokio::test]
async fn an_answer_without_location_or_body_comes_back_so() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    let empty = StoredAnswer { status: 204, location: None, body: vec![] };
    shop.database.answer_key(token, ROUTE, "k", &empty).await.unwrap();
    let KeyState::Answered(again) = shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap() else {
        panic!("it was answered")
    };
    assert_eq!((again.status, again.location, again.body), (204, None, vec![]));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_noticed_before_and_after_the_answer() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    for _ in 0..2 {
        let other = shop.database.reserve_key(token, ROUTE, "k", &[2; 32]).await.unwrap();
        assert!(matches!(other, KeyState::OtherBody));
        shop.database.answer_key(token, ROUTE, "k", &answer()).await.ok();
    }
}

#[tokio::test]
async fn keys_of_other_tokens_routes_and_letter_case_are_others() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    for (token, route, key) in
        [(token, ROUTE, "k"), (token, ROUTE, "K"), (token, "POST /other", "k"), (TokenId::generate(), ROUTE, "k")]
    {
        let state = shop.database.reserve_key(token, route, key, &BODY).await.unwrap();
        assert!(matches!(state, KeyState::Reserved), "{route} {key}");
    }
}

#[tokio::test]
async fn a_reservation_whose_process_died_is_free_after_its_time() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    shop.execute("UPDATE idempotency_keys SET reserved_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND").await;
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "k", &[2; 32]).await.unwrap(), KeyState::Reserved));
}

#[tokio::test]
async fn a_key_given_back_is_free_and_an_answered_one_is_not_given_back() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    shop.database.free_key(token, ROUTE, "k").await.unwrap();
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap(), KeyState::Reserved));
    shop.database.answer_key(token, ROUTE, "k", &answer()).await.unwrap();
    shop.database.free_key(token, ROUTE, "k").await.unwrap();
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap(), KeyState::Answered(_)));
}

#[tokio::test]
async fn an_answer_to_a_key_that_nobody_reserved_is_refused() {
    let shop = Shop::open().await;
    let refused = shop.database.answer_key(TokenId::generate(), ROUTE, "k", &answer()).await;
    assert!(matches!(refused, Err(Error::Missing(_))), "{refused:?}");
}

#[tokio::test]
async fn answers_are_kept_for_a_day() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    for key in ["old", "new"] {
        shop.database.reserve_key(token, ROUTE, key, &BODY).await.unwrap();
        shop.database.answer_key(token, ROUTE, key, &answer()).await.unwrap();
    }
    assert_eq!(shop.database.expire_keys().await.unwrap(), 0);
    shop.execute("UPDATE idempotency_keys SET created_at = UTC_TIMESTAMP(6) - INTERVAL 25 HOUR WHERE idem_key = 'old'")
        .await;
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "old", &BODY).await.unwrap(), KeyState::Reserved));
    shop.execute("UPDATE idempotency_keys SET created_at = UTC_TIMESTAMP(6) - INTERVAL 25 HOUR WHERE idem_key = 'old'")
        .await;
    assert_eq!(shop.database.expire_keys().await.unwrap(), 1);
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "new", &BODY).await.unwrap(), KeyState::Answered(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_with_new_keys_at_once_each_key_is_reserved_once() {
    let (shop, token) = (Arc::new(Shop::open().await), TokenId::generate());
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                let key = format!("k{}", n % 16);
                shop.database.reserve_key(token, ROUTE, &key, &BODY).await.unwrap()
            })
        })
        .collect();
    let mut reserved = 0;
    for call in calls {
        reserved += u32::from(matches!(call.await.unwrap(), KeyState::Reserved));
    }
    assert_eq!(reserved, 16);
}

#[tokio::test]
async fn a_crash_between_the_job_and_its_answer_still_answers_the_same_job() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    let reserve = |body| {
        let shop = &shop;
        async move { shop.database.reserve_key(token, ROUTE, "k", &body).await.unwrap() }
    };
    reserve(BODY).await;
    let plan = shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await;
    let new = new_job(shop.environment, &plan);
    assert_eq!(shop.database.enqueue_under(Some(&key(token)), &new).await.unwrap(), Enqueue::Accepted);

    // Nobody keeps the answer, and the reservation's time passes.
    assert!(matches!(reserve(BODY).await, KeyState::Accepted(job) if job == new.job));
    shop.execute("UPDATE idempotency_keys SET reserved_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND").await;
    assert!(matches!(reserve(BODY).await, KeyState::Accepted(job) if job == new.job));
    shop.database.free_key(token, ROUTE, "k").await.unwrap();
    assert!(matches!(reserve(BODY).await, KeyState::Accepted(job) if job == new.job), "it cannot be given back");
    assert!(matches!(reserve([2; 32]).await, KeyState::OtherBody));
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs").await, 1);

    shop.database.answer_key(token, ROUTE, "k", &answer()).await.unwrap();
    assert!(matches!(reserve(BODY).await, KeyState::Answered(_)), "an answer that was kept comes first");
}

#[tokio::test]
async fn a_job_that_could_not_be_written_leaves_its_key_as_it_was() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    let plan = shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await;
    // The last of the transaction's rows is refused.
    shop.execute("CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW SIGNAL SQLSTATE '45000'").await;
    let refused = shop.database.enqueue_under(Some(&key(token)), &new_job(shop.environment, &plan)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    shop.execute("DROP TRIGGER refuse").await;
    let state = shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    assert!(matches!(state, KeyState::InProgress), "{state:?}");
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs").await, 0);

    shop.queued().await;
    let locked = shop.database.enqueue_under(Some(&key(token)), &new_job(shop.environment, &plan)).await.unwrap();
    assert!(matches!(locked, Enqueue::Locked(_)), "{locked:?}");
    shop.database.free_key(token, ROUTE, "k").await.unwrap();
    assert!(matches!(shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap(), KeyState::Reserved));
}

#[tokio::test]
async fn a_key_starts_at_most_one_job_and_none_once_it_is_no_longer_reserved() {
    let (shop, token) = (Shop::open().await, TokenId::generate());
    let other = shop.add_environment("staging").await;
    let plan = shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await;
    let start = |environment| {
        let (shop, plan) = (&shop, &plan);
        async move {
            let new = new_job(environment, plan);
            shop.database.enqueue_under(Some(&key(token)), &new).await.unwrap()
        }
    };
    assert_eq!(start(shop.environment).await, Enqueue::KeyLost, "nobody reserved it");
    shop.database.reserve_key(token, ROUTE, "k", &[2; 32]).await.unwrap();
    assert_eq!(start(shop.environment).await, Enqueue::KeyLost, "it was reserved for another body");
    shop.database.free_key(token, ROUTE, "k").await.unwrap();
    assert_eq!(shop.count("SELECT COUNT(*) FROM environments WHERE active_job_id IS NOT NULL").await, 0);

    shop.database.reserve_key(token, ROUTE, "k", &BODY).await.unwrap();
    assert_eq!(start(shop.environment).await, Enqueue::Accepted);
    assert_eq!(start(other).await, Enqueue::KeyLost, "it has started one already");
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs").await, 1);
}
