//! The driver against a real Redis.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use driver_redis::{Budget, Error, Patterns, Subscription, Target, Wake};
use futures::StreamExt as _;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use secrecy::SecretString;
use testkit::{Redis, ReservedPort, shared_redis, unique_name};

const SOON: Duration = Duration::from_secs(10);

async fn fresh() -> (Target, MultiplexedConnection) {
    let url = shared_redis().fresh_database_url().unwrap();
    let client = redis::Client::open(url.as_str()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    (target(&url).await.unwrap(), connection)
}

async fn target(url: &str) -> driver_redis::Result<Target> {
    Target::connect(&SecretString::from(url)).await
}

async fn fill(connection: &mut MultiplexedConnection, prefix: &str, count: usize) {
    let mut pipeline = redis::pipe();
    for number in 0..count {
        pipeline.set(format!("{prefix}{number}"), number).ignore();
    }
    pipeline.exec_async(connection).await.unwrap();
}

async fn size(connection: &mut MultiplexedConnection) -> usize {
    redis::cmd("DBSIZE").query_async(connection).await.unwrap()
}

async fn next(subscription: &mut Subscription) -> Wake {
    tokio::time::timeout(SOON, subscription.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_flush_removes_only_matching_keys_of_ten_thousand() {
    let (target, mut connection) = fresh().await;
    fill(&mut connection, "article:", 6000).await;
    fill(&mut connection, "user:", 1500).await;
    fill(&mut connection, "session:", 2500).await;
    let patterns = Patterns::new(["article:*", "user:1*", "absent:*"]).unwrap();

    let counted = target.count(&patterns, Budget::default()).await.unwrap();
    let flushed = target.flush(&patterns, Budget::default()).await.unwrap();

    let users = 1 + 10 + 100 + 500;
    assert_eq!(flushed.removed, 6000 + users);
    assert!(flushed.scanned >= flushed.removed);
    assert_eq!(flushed.by_pattern["article:*"], 6000);
    assert_eq!(flushed.by_pattern["user:1*"], users);
    assert_eq!(flushed.by_pattern["absent:*"], 0);
    assert_eq!(counted.by_pattern, flushed.by_pattern);
    assert!(!counted.is_cut_short);
    assert_eq!(size(&mut connection).await, 1500 - 611 + 2500);
    assert!(connection.exists::<_, bool>("session:2499").await.unwrap());
}

#[tokio::test]
async fn a_flush_ends_while_matching_keys_are_added() {
    let (target, mut connection) = fresh().await;
    fill(&mut connection, "cache:old:", 5000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (stop, mut connection) = (Arc::clone(&stop), connection.clone());
        async move {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                fill(&mut connection, &format!("cache:new:{round}:"), 100).await;
                round += 1;
            }
        }
    });

    let patterns = Patterns::new(["cache:*"]).unwrap();
    let flushed = target.flush(&patterns, Budget { batch: 100, within: SOON, ..Budget::default() }).await;
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    assert!(flushed.unwrap().removed >= 5000);
    let old = Patterns::new(["cache:old:*"]).unwrap();
    let left = target.count(&old, Budget::default()).await.unwrap();
    assert_eq!(left.by_pattern["cache:old:*"], 0);
}

#[tokio::test]
async fn a_flush_that_runs_out_of_time_says_how_far_it_came() {
    let (target, mut connection) = fresh().await;
    fill(&mut connection, "cache:", 2000).await;
    let budget = Budget { batch: 10, pause: Duration::from_millis(1), within: Duration::from_millis(20) };

    let error = target.flush(&Patterns::new(["cache:*"]).unwrap(), budget).await.unwrap_err();

    assert!(error.is_transient());
    let Error::OutOfTime { removed, .. } = error else { panic!("{error}") };
    assert!(removed > 0);
    assert_eq!(size(&mut connection).await, 2000 - usize::try_from(removed).unwrap());
}

#[tokio::test]
async fn a_server_names_its_version() {
    let (target, _) = fresh().await;
    target.ping().await.unwrap();
    let version = target.server_version().await.unwrap();
    assert!(version.split('.').count() == 3, "{version}");
}

#[tokio::test]
async fn a_refused_connection_is_transient_and_a_wrong_password_is_not() {
    let port = ReservedPort::new().unwrap();
    let error = target(&format!("redis://127.0.0.1:{}", port.number())).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");

    let url = format!("redis://:hidden-word@127.0.0.1:{}", shared_redis().port());
    let error = target(&url).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && !error.is_transient(), "{error}");
    assert!(!format!("{error} {error:?}").contains("hidden-word"));

    let error = target("https://:hidden-word@host").await.unwrap_err();
    assert!(matches!(error, Error::Address { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hidden-word"));
}

#[tokio::test]
async fn a_lost_server_is_transient_and_found_again() {
    let server = Redis::start().unwrap();
    let target = target(&server.url()).await.unwrap();
    server.server().kill9().unwrap();
    let error = target.ping().await.unwrap_err();
    assert!(error.is_transient(), "{error}");

    server.restart().unwrap();
    testkit::eventually(SOON, || async { target.ping().await.is_ok() }).await.unwrap();
}

#[tokio::test]
async fn a_subscription_outlives_its_server_and_says_that_it_missed_something() {
    let server = Redis::start().unwrap();
    let target = target(&server.url()).await.unwrap();
    let channel = unique_name("jobs");
    let mut subscription = target.subscribe(&channel);
    assert_eq!(next(&mut subscription).await, Wake::Listening);
    assert_eq!(target.publish(&channel, b"one").await.unwrap(), 1);
    assert_eq!(next(&mut subscription).await, Wake::Message(b"one".to_vec()));

    server.server().kill9().unwrap();
    server.restart().unwrap();
    assert_eq!(next(&mut subscription).await, Wake::Listening);
    testkit::eventually(SOON, || async { target.publish(&channel, b"two").await.is_ok_and(|heard| heard == 1) })
        .await
        .unwrap();
    assert_eq!(next(&mut subscription).await, Wake::Message(b"two".to_vec()));
}

#[tokio::test]
async fn a_dropped_subscription_stops_listening() {
    let (target, _) = fresh().await;
    let channel = unique_name("jobs");
    let mut subscription = target.subscribe(&channel);
    assert_eq!(next(&mut subscription).await, Wake::Listening);
    drop(subscription);
    testkit::eventually(SOON, || async { target.publish(&channel, b"").await.unwrap() == 0 }).await.unwrap();
}
