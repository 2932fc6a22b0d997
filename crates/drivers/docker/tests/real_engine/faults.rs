use std::time::Duration;

use driver_docker::{Engine, Error};
use testkit::{ChaosProxy, shared_docker, unique_name};

use crate::fixture::{PLAIN, SOON, body, engine, image};

async fn through_a_proxy() -> (ChaosProxy, Engine) {
    let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
    let host = format!("unix://{}", proxy.socket().unwrap().display());
    (proxy, Engine::connect(&host).await.unwrap())
}

#[tokio::test]
async fn an_engine_that_is_away_is_transient() {
    for host in ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"] {
        let error = Engine::connect(host).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
        assert!(error.to_string().contains("GET /version"), "{error}");
    }
    let error = Engine::connect("ssh://host").await.unwrap_err();
    assert!(matches!(error, Error::Address { .. }) && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_for_a_change_and_transient_for_a_question() {
    let direct = engine().await;
    let image = image(&direct, PLAIN).await;
    let (proxy, engine) = through_a_proxy().await;
    let name = unique_name("cms");
    proxy.reset_after_request();

    let error = engine.create(&name, &body(&image, &["run"])).await.unwrap_err();
    assert!(error.is_outcome_unknown() && !error.is_transient(), "{error}");
    let error = engine.inspect(&name).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }) && error.is_transient(), "{error}");

    // It was made although nobody was told: probing finds it.
    proxy.pass();
    testkit::eventually(SOON, || async { engine.inspect(&name).await.unwrap().is_some() }).await.unwrap();
    assert!(matches!(engine.create(&name, &body(&image, &["run"])).await, Err(Error::NameConflict { .. })));
}

#[tokio::test]
async fn a_withheld_answer_ends_with_its_deadline() {
    let (proxy, engine) = through_a_proxy().await;
    proxy.hold_responses();
    let within = Duration::from_millis(200);
    let error = engine.wait_exit("anything", within).await.unwrap_err();
    assert!(matches!(&error, Error::TimedOut { after, .. } if *after == within), "{error}");
    assert!(error.is_transient());
}
