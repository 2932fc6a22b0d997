//! Bad input: each has an answer of its own type, and nothing changes.

mod raw;
mod refusal;

use domain::release::{MigrationSource, ReleaseSpec};
use domain::view::DeployRequest;

use self::refusal::{Request, blocked, refused};
use crate::faults::tampered::{served, tamper};
use crate::support::table_in_use::execute;
use crate::support::{ENVIRONMENT, Scene, deploy_request, problem, release, rollback_request, shared_backout};

fn rollback(target: &str) -> Request {
    Request::rollback(&rollback_request(target))
}

fn deploy(version: &str) -> DeployRequest {
    DeployRequest { version: version.into(), ..deploy_request() }
}

fn deployment(version: &str) -> Request {
    Request::deployment(&deploy(version))
}

/// The release of that version under another name.
fn renamed(version: &str, name: &str) -> ReleaseSpec {
    ReleaseSpec { version: name.parse().unwrap(), ..release(version).unwrap() }
}

#[tokio::test]
async fn a_version_that_cannot_be_gone_back_to_is_named() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    refused(&scene, rollback("v0.0.7"), "unknown-version").await;
    refused(&scene, deployment("v0.0.7"), "unknown-version").await;
    refused(&scene, rollback("yesterday"), "invalid-version").await;
    refused(&scene, rollback("v0.8.2"), "invalid-field").await;
    for current in [rollback("v0.8.1"), deployment("v0.8.1")] {
        assert_eq!(blocked(&scene, current, "release-is-current").await["version"], "v0.8.1");
    }
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
    let mut next = renamed("v0.8.2", "v0.8.3");
    let main = next.schema.get_mut("main").unwrap();
    main.migrations.push(MigrationSource {
        version: "20250111001".into(),
        name: "no_way_back".into(),
        up: "ALTER TABLE users ADD COLUMN nickname VARCHAR(20) NULL;".into(),
        down: None,
    });
    scene.client.register_release(&scene.app, &next).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    scene.deploy("v0.8.3").await.unwrap();
    let params = blocked(&scene, rollback("v0.8.1"), "down-script-missing").await;
    assert_eq!((params["store"].as_str(), params["migration"].as_str()), (Some("main"), Some("20250111001")));
}

#[tokio::test]
async fn a_down_script_that_was_tampered_with_blocks_with_its_migration() {
    let (backout, control) = served().await;
    let scene = Scene::on_v082(&backout).await.unwrap();
    tamper(&control, &scene).await;
    let params = blocked(&scene, rollback("v0.8.1"), "script-tampered").await;
    assert_eq!((params["store"].as_str(), params["migration"].as_str()), (Some("main"), Some("20250110001")));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}

#[tokio::test]
async fn a_hole_in_the_chain_blocks_with_the_missing_migration() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let sql = "DELETE FROM schema_migrations WHERE version = '20250108001'";
    assert_eq!(execute(scene.site.database(), sql).await.unwrap(), 1);
    let params = blocked(&scene, rollback("v0.8.1"), "migration-hole").await;
    assert_eq!((params["store"].as_str(), params["migration"].as_str()), (Some("main"), Some("20250108001")));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}

#[tokio::test]
async fn a_missing_image_blocks_both_ways_with_its_name() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    for version in ["v0.8.1-lost", "v0.8.9"] {
        let mut lost = renamed("v0.8.1", version);
        lost.images.insert("web".into(), "cms-backend:never-built".into());
        scene.client.register_release(&scene.app, &lost).await.unwrap();
    }
    scene.deploy("v0.8.1").await.unwrap();
    for change in [rollback("v0.8.1-lost"), deployment("v0.8.9")] {
        let params = blocked(&scene, change, "image-missing").await;
        assert_eq!(
            (params["image"].as_str(), params["host"].as_str()),
            (Some("cms-backend:never-built"), Some("local"))
        );
    }
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn an_image_with_another_digest_than_was_registered_blocks_and_the_registered_one_runs() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let id = scene.image_id("cms-backend:v0.8.1").await.unwrap();
    for (version, digest) in [("v0.8.1-pinned", id), ("v0.8.9", format!("sha256:{}", "0".repeat(64)))] {
        let mut pinned = renamed("v0.8.1", version);
        pinned.image_digests.insert("web".into(), digest.clone());
        let (registered, _) = scene.client.register_release(&scene.app, &pinned).await.unwrap();
        assert_eq!(registered.release.image_digests["web"], digest);
    }
    let plan = scene.client.plan_deployment(&scene.app, ENVIRONMENT, &deploy("v0.8.1-pinned")).await.unwrap();
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    let params = blocked(&scene, deployment("v0.8.9"), "image-changed").await;
    assert_eq!(params["image"], "cms-backend:v0.8.1");
}

#[tokio::test]
async fn the_wrong_current_version_is_refused() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let mut request = rollback_request("v0.8.0");
    request.expected_current = Some("v0.8.2".into());
    refused(&scene, Request::rollback(&request), "current-mismatch").await;
    request.expected_current = None;
    request.target = None;
    refused(&scene, Request::rollback(&request), "invalid-field").await;
}

#[tokio::test]
async fn a_protected_environment_wants_its_name_and_a_reason() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let mut request = rollback_request("v0.8.0");
    request.confirm = None;
    refused(&scene, Request::rollback(&request), "confirmation-required").await;
    let mut request = rollback_request("v0.8.0");
    request.reason = " ".into();
    refused(&scene, Request::rollback(&request), "confirmation-required").await;
}

#[tokio::test]
async fn of_two_rollbacks_at_once_one_is_accepted_and_they_end_one_release_back() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let mut request = rollback_request("v0.8.1");
    request.target = None;
    request.expected_current = Some("v0.8.2".into());
    let before = scene.jobs().await.unwrap();
    let start = || scene.client.start_rollback(&scene.app, ENVIRONMENT, &request);
    let (first, second) = tokio::join!(start(), start());
    let (accepted, late) = if first.is_ok() { (first, second) } else { (second, first) };
    let accepted = accepted.unwrap().id;
    let holder = late.as_ref().err().and_then(|error| error.problem()).and_then(|problem| problem.lock_holder);
    assert_eq!((problem(late), holder), ((409, "environment-locked".into()), Some(accepted)));
    scene.rested(accepted).await.unwrap();
    assert_eq!(scene.jobs().await.unwrap(), before + 1);
    // The second person asks again after the first one's success.
    refused(&scene, Request::rollback(&request), "current-mismatch").await;
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn the_same_release_again_changes_nothing_and_another_one_is_refused() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let (_, is_new) = scene.client.register_release(&scene.app, &release("v0.8.1").unwrap()).await.unwrap();
    assert!(!is_new);
    let mut other = release("v0.8.1").unwrap();
    other.notes = "something else".into();
    refused(&scene, Request::to_releases(serde_json::to_string(&other).unwrap()), "already-exists").await;
    let mut other = release("v0.8.1").unwrap();
    other.image_digests.insert("web".into(), format!("sha256:{}", "0".repeat(64)));
    refused(&scene, Request::to_releases(serde_json::to_string(&other).unwrap()), "already-exists").await;
}
