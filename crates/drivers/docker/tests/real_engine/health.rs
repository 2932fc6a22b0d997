use std::time::{Duration, Instant};

use driver_docker::{Error, Health};
use serde_json::{Value, json};

use crate::fixture::{PLAIN, SOON, body, create, engine, image};

fn with_check(mut body: Value, check: &[&str], retries: u32) -> Value {
    let mut test = vec!["CMD", "/probe"];
    test.extend(check);
    body["Healthcheck"] =
        json!({ "Test": test, "Interval": 50_000_000, "Timeout": 5_000_000_000_u64, "Retries": retries });
    body
}

#[tokio::test]
async fn a_passing_check_is_healthy_and_a_container_without_one_has_no_health() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let id = create(&engine, &with_check(body(&image, &["run"]), &["exists", "/probe"], 3)).await;
    assert!(matches!(engine.health(&id).await.unwrap(), Health::NotRunning { exit_code: 0, .. }));
    engine.start(&id).await.unwrap();
    assert_eq!(engine.wait_healthy(&id, SOON).await.unwrap(), Health::Healthy);
    engine.remove(&id, true).await.unwrap();

    let id = create(&engine, &body(&image, &["run"])).await;
    engine.start(&id).await.unwrap();
    assert_eq!(engine.wait_healthy(&id, SOON).await.unwrap(), Health::None);
    engine.remove(&id, true).await.unwrap();
}

#[tokio::test]
async fn a_failing_check_is_unhealthy_with_its_output_and_an_undecided_one_ends_in_time() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let id = create(&engine, &with_check(body(&image, &["run"]), &["exists", "/absent"], 1)).await;
    engine.start(&id).await.unwrap();
    let health = engine.wait_healthy(&id, SOON).await.unwrap();
    assert_eq!(health, Health::Unhealthy { log: "looking".to_owned() });
    engine.remove(&id, true).await.unwrap();

    let id = create(&engine, &with_check(body(&image, &["run"]), &["exists", "/absent"], 10_000)).await;
    engine.start(&id).await.unwrap();
    let error = engine.wait_healthy(&id, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, Error::NotHealthyInTime { .. }), "{error}");
    engine.remove(&id, true).await.unwrap();
}

#[tokio::test]
async fn a_container_that_ends_is_told_at_once_with_code_and_log_even_if_it_is_restarted() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    for policy in ["no", "always"] {
        let mut spec = with_check(body(&image, &["exit", "7"]), &["exists", "/probe"], 3);
        spec["HostConfig"]["RestartPolicy"] = json!({ "Name": policy });
        let id = create(&engine, &spec).await;
        engine.start(&id).await.unwrap();
        let start = Instant::now();
        let error = engine.wait_healthy(&id, SOON).await.unwrap_err();
        let Error::Exited { exit_code, log, .. } = &error else { panic!("{error}") };
        assert!(start.elapsed() < SOON / 2);
        assert!(log.to_string().starts_with("going down"), "{log}");
        if policy == "no" {
            assert_eq!(*exit_code, 7);
        }
        engine.remove(&id, true).await.unwrap();
    }
}
