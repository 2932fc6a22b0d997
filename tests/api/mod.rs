//! Bad input: each has an answer of its own type, and nothing changes.

mod raw;

use domain::view::DeployRequest;

use crate::support::table_in_use::execute;
use crate::support::{ENVIRONMENT, Scene, deploy_request, problem, release, rollback_request, shared_backout};

#[tokio::test]
async fn an_unknown_version_is_named() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    assert_eq!(problem(scene.start_rollback("v0.0.7").await), (404, "unknown-version".into()));
    assert_eq!(problem(scene.start_rollback("yesterday").await), (422, "invalid-version".into()));
    assert_eq!(problem(scene.start_rollback("v0.8.1").await), (409, "plan-blocked".into()));
    assert_eq!(problem(scene.start_rollback("v0.8.2").await), (422, "invalid-field".into()));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn a_release_without_a_down_script_cannot_be_left() {
    // The image of v0.8.2 stands in for v0.8.3, so no probe may ask for the version.
    let unprobed = |site: &testkit::Site<'static>| {
        let mut settings = site.environment();
        settings["probes"] = serde_json::json!([]);
        settings
    };
    let scene = Scene::with_settings(shared_backout().await, unprobed).await.unwrap();
    let mut next = release("v0.8.2").unwrap();
    next.version = "v0.8.3".parse().unwrap();
    let main = next.schema.get_mut("main").unwrap();
    main.migrations.push(domain::release::MigrationSource {
        version: "20250111001".into(),
        name: "no_way_back".into(),
        up: "ALTER TABLE users ADD COLUMN nickname VARCHAR(20) NULL;".into(),
        down: None,
    });
    scene.client.register_release(&scene.app, &next).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    scene.deploy("v0.8.3").await.unwrap();
    let plan = scene.plan_rollback("v0.8.1").await.unwrap();
    let codes: Vec<&str> = plan.blockers().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"down-script-missing"), "{codes:?}");
    assert_eq!(problem(scene.start_rollback("v0.8.1").await), (409, "plan-blocked".into()));
}

#[tokio::test]
async fn a_hole_in_the_chain_blocks_with_the_missing_migration() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let sql = "DELETE FROM schema_migrations WHERE version = '20250108001'";
    assert_eq!(execute(scene.site.database(), sql).await.unwrap(), 1);
    let plan = scene.plan_rollback("v0.8.1").await.unwrap();
    let hole = plan.blockers().find(|finding| finding.code.as_str() == "migration-hole").unwrap();
    assert_eq!((hole.params["store"].as_str(), hole.params["migration"].as_str()), ("main", "20250108001"));
    assert_eq!(problem(scene.start_rollback("v0.8.1").await), (409, "plan-blocked".into()));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}

#[tokio::test]
async fn a_missing_image_blocks_with_its_name() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let mut next = release("v0.8.1").unwrap();
    next.version = "v0.8.9".parse().unwrap();
    next.images.insert("web".into(), "cms-backend:never-built".into());
    scene.client.register_release(&scene.app, &next).await.unwrap();
    let request = DeployRequest { version: "v0.8.9".into(), ..deploy_request() };
    let plan = scene.client.plan_deployment(&scene.app, ENVIRONMENT, &request).await.unwrap();
    let blocker = plan.blockers().next().unwrap();
    assert_eq!(blocker.code.as_str(), "image-missing");
    assert_eq!(blocker.params["image"], "cms-backend:never-built");
}

#[tokio::test]
async fn the_wrong_current_version_is_refused() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let mut request = rollback_request("v0.8.0");
    request.expected_current = Some("v0.8.2".into());
    let refused = scene.client.start_rollback(&scene.app, ENVIRONMENT, &request).await;
    assert_eq!(problem(refused), (409, "current-mismatch".into()));
    request.expected_current = None;
    request.target = None;
    let refused = scene.client.start_rollback(&scene.app, ENVIRONMENT, &request).await;
    assert_eq!(problem(refused), (422, "invalid-field".into()));
}

#[tokio::test]
async fn a_protected_environment_wants_its_name_and_a_reason() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let mut request = rollback_request("v0.8.0");
    request.confirm = None;
    let refused = scene.client.start_rollback(&scene.app, ENVIRONMENT, &request).await;
    assert_eq!(problem(refused), (422, "confirmation-required".into()));
    let mut request = rollback_request("v0.8.0");
    request.reason = " ".into();
    let refused = scene.client.start_rollback(&scene.app, ENVIRONMENT, &request).await;
    assert_eq!(problem(refused), (422, "confirmation-required".into()));
}

#[tokio::test]
async fn of_two_rollbacks_at_once_one_is_accepted_and_they_end_one_release_back() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let mut request = rollback_request("v0.8.1");
    request.target = None;
    request.expected_current = Some("v0.8.2".into());
    let start = || scene.client.start_rollback(&scene.app, ENVIRONMENT, &request);
    let (first, second) = tokio::join!(start(), start());
    let (accepted, refused) = if first.is_ok() { (first, second) } else { (second, first) };
    assert_eq!(problem(refused), (409, "environment-locked".into()));
    scene.rested(accepted.unwrap().id).await.unwrap();
    // The second person asks again after the first one's success.
    assert_eq!(problem(start().await), (409, "current-mismatch".into()));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn the_same_release_again_changes_nothing_and_another_one_is_refused() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let (_, is_new) = scene.client.register_release(&scene.app, &release("v0.8.1").unwrap()).await.unwrap();
    assert!(!is_new);
    let mut other = release("v0.8.1").unwrap();
    other.notes = "something else".into();
    let refused = scene.client.register_release(&scene.app, &other).await;
    assert_eq!(problem(refused), (409, "already-exists".into()));
}
