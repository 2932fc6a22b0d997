//! Starting the target's container.

use domain::ids::{JobId, ReleaseId};
use domain::plan::StepSpec;
use saga::ErrorKind;
use serde_json::{Value, json};
use testkit::{ChaosProxy, ReservedPort, shared_docker, unique_name};

use crate::networks;
use crate::support::{ENVIRONMENT, Tagged, World, fresh_image, id, image, is_done, is_running, lasting};

/// Without `PATH`, which the image builder adds.
fn env(container: &Value) -> Vec<&str> {
    let entries = container["Config"]["Env"].as_array().unwrap().iter().filter_map(Value::as_str);
    let mut entries: Vec<&str> = entries.filter(|entry| !entry.starts_with("PATH=")).collect();
    entries.sort_unstable();
    entries
}

fn pairs(entries: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A world whose service was deployed on `old` with the pinned configuration, and stopped by the world's job.
async fn deployed(old: &[(&str, &str)], pinned: &[(&str, &str)]) -> (World, Value) {
    let mut world = World::new().await;
    let old = image(&world.engine, old).await;
    let release = ReleaseId::generate();
    world.settings().pinned.insert(release, pairs(pinned));
    world.settings().current = pairs(&[("PASSWORD", "first"), ("GONE", "soon")]);
    let start = world.start_service(release, &old).await;
    start.run(&world.cx(1)).await.unwrap();
    let container = world.container().await.unwrap();
    world.job = JobId::generate();
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    (world, container)
}

#[tokio::test]
async fn the_first_container_is_made_from_the_environments_settings() {
    let world = World::new().await;
    let image = image(&world.engine, &[("VERSION", "1")]).await;
    let release = ReleaseId::generate();
    let volume = testkit::unique_name("data");
    world.settings().service.volumes = vec![format!("{volume}:/data")];
    world.settings().service.command = Some(vec!["/server".to_owned(), "serve".to_owned()]);
    world.settings().pinned.insert(release, pairs(&[("FEATURE", "on")]));
    let (start, cx) = (world.start_service(release, &image).await, world.cx(4));

    let output = start.run(&cx).await.unwrap();
    let container = world.container().await.unwrap();
    assert_eq!(output["container_id"], id(&container));
    assert_eq!(env(&container), ["FEATURE=on", &format!("PORT={}", world.port.number()), "VERSION=1"]);
    assert_eq!(container["Config"]["Image"], image.tag.as_str());
    assert_eq!(container["Config"]["Cmd"], json!(["/server", "serve"]));
    assert_eq!(container["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    assert_eq!(container["HostConfig"]["NetworkMode"], "host");
    assert_eq!(container["Mounts"][0]["Name"], volume.as_str());
    let labels = &container["Config"]["Labels"];
    assert_eq!(labels["io.backout.job"], world.job.to_string());
    assert_eq!(labels["io.backout.step"], "4");
    assert_eq!(labels["io.backout.environment"], ENVIRONMENT);
    assert_eq!(labels["io.backout.service"], "web");
    assert_eq!(labels["io.backout.release"], release.to_string());
    assert_eq!(labels["io.backout.pinned"], "FEATURE");
    assert_eq!(labels["io.backout.role"], "service");
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn configuration_follows_the_release_and_current_values_stay_current() {
    let (world, old) = deployed(
        &[("VERSION", "2"), ("ONLY_IN_OLD_IMAGE", "x"), ("SHARED", "old-default")],
        &[("FEATURE", "on"), ("SHARED", "pinned"), ("PASSWORD", "from-release")],
    )
    .await;
    assert!(env(&old).contains(&"PASSWORD=first"));
    let target = image(&world.engine, &[("VERSION", "1"), ("SHARED", "default")]).await;
    let release = ReleaseId::generate();
    world.settings().pinned.insert(release, pairs(&[("LIMIT", "5"), ("PASSWORD", "from-older-release")]));
    world.settings().current = pairs(&[("PASSWORD", "rotated")]);

    let start = world.start_service(release, &target).await;
    start.run(&world.cx(2)).await.unwrap();
    let container = world.container().await.unwrap();
    assert_eq!(
        env(&container),
        ["LIMIT=5", "PASSWORD=rotated", &format!("PORT={}", world.port.number()), "SHARED=default", "VERSION=1"]
    );
    assert_eq!(container["Config"]["Labels"]["io.backout.pinned"], "LIMIT,PASSWORD");
    assert_eq!(container["Config"]["Labels"]["io.backout.job"], world.job.to_string());
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn what_a_person_set_on_the_old_container_stays() {
    let world = World::new().await;
    let old = image(&world.engine, &[("VERSION", "2")]).await;
    let mut body = world.body(&old, "on-failure");
    body["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] = json!(3);
    body["HostConfig"]["Memory"] = json!(64 * 1024 * 1024);
    let before = world.run_by_hand(&body).await;
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    let target = image(&world.engine, &[("VERSION", "1")]).await;

    world.start_service(ReleaseId::generate(), &target).await.run(&world.cx(2)).await.unwrap();
    let container = world.container().await.unwrap();
    assert_eq!(env(&container), ["BY_HAND=yes", &format!("PORT={}", world.port.number()), "VERSION=1"]);
    assert_eq!(container["Config"]["Labels"]["team"], "shop");
    assert_eq!(container["HostConfig"]["Memory"], before["HostConfig"]["Memory"]);
    // The retired container itself says "no" meanwhile.
    assert_eq!(container["HostConfig"]["RestartPolicy"], before["HostConfig"]["RestartPolicy"]);
    assert_eq!(container["Mounts"][0]["Name"], before["Mounts"][0]["Name"], "an anonymous volume goes along");
    // The engine gave it the host's own name, which is not to be pinned.
    assert_eq!(container["Config"]["Hostname"], before["Config"]["Hostname"]);
}

#[tokio::test]
async fn a_start_is_repeated_without_a_second_container_and_undone_without_a_trace() {
    let (world, old) = deployed(&[("VERSION", "2")], &[]).await;
    let target = image(&world.engine, &[("VERSION", "1")]).await;
    let (start, cx) = (world.start_service(ReleaseId::generate(), &target).await, world.cx(2));
    assert!(!is_done(&start.probe(&cx).await), "nothing is there");

    let output = start.run(&cx).await.unwrap();
    assert!(is_done(&start.probe(&cx).await));
    assert_eq!(start.run(&cx).await.unwrap(), output);

    start.undo(&cx, Some(output)).await.unwrap();
    start.undo(&cx, None).await.unwrap();
    assert!(world.container().await.is_none());
    assert!(!is_done(&start.probe(&cx).await));
    world.stop_service().await.undo(&world.cx(1), None).await.unwrap();
    assert_eq!(lasting(world.container().await.unwrap()), lasting(old));
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_made_good_by_probe_and_run() {
    for (request, is_started) in [("/containers/create", false), ("/start", true)] {
        let (world, _) = deployed(&[("VERSION", "2")], &[]).await;
        let target = image(&world.engine, &[("VERSION", "1")]).await;
        let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
        world.settings().docker = format!("unix://{}", proxy.socket().unwrap().display());
        let (start, cx) = (world.start_service(ReleaseId::generate(), &target).await, world.cx(2));

        proxy.reset_reply_to(request.as_bytes());
        assert_eq!(start.run(&cx).await.unwrap_err().kind, ErrorKind::Transient, "{request}");
        proxy.pass();
        let made = world.container().await.unwrap();
        assert_eq!(is_done(&start.probe(&cx).await), is_started, "{request}");
        start.run(&cx).await.unwrap();
        let container = world.container().await.unwrap();
        assert!(is_running(&container), "{request}");
        assert_eq!(id(&container), id(&made), "{request}");
    }
}

#[tokio::test]
async fn undoing_the_stop_removes_what_the_same_job_started() {
    let (world, old) = deployed(&[("VERSION", "2")], &[]).await;
    let target = image(&world.engine, &[("VERSION", "1")]).await;
    world.start_service(ReleaseId::generate(), &target).await.run(&world.cx(2)).await.unwrap();

    world.stop_service().await.undo(&world.cx(1), None).await.unwrap();
    assert_eq!(id(&world.container().await.unwrap()), id(&old));
}

#[tokio::test]
async fn an_image_that_moved_is_not_started() {
    let world = World::new().await;
    let planned = fresh_image(&world.engine, &[("VERSION", "1")]).await;
    let other = image(&world.engine, &[("VERSION", "9")]).await;
    let (repository, tag) = planned.tag.split_once(':').unwrap();
    world.engine.tag(&other.tag, repository, tag).await.unwrap();
    let (start, cx) = (world.start_service(ReleaseId::generate(), &planned).await, world.cx(2));

    let error = start.run(&cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WorldChanged);
    assert!(
        error.message.to_string().contains(&planned.id) && error.message.to_string().contains(&other.id),
        "{error}"
    );
    assert!(world.container().await.is_none());

    let missing = Tagged { tag: "no-such-image:1".to_owned(), id: planned.id.clone() };
    let start = world.start_service(ReleaseId::generate(), &missing).await;
    assert_eq!(start.run(&cx).await.unwrap_err().kind, ErrorKind::WorldChanged);
}

#[tokio::test]
async fn a_foreign_container_under_the_name_is_named_and_left_alone() {
    let world = World::new().await;
    let target = image(&world.engine, &[]).await;
    let foreign = world.run_by_hand(&world.body(&target, "no")).await;
    let (start, cx) = (world.start_service(ReleaseId::generate(), &target).await, world.cx(2));

    let error = start.run(&cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains(&id(&foreign)[..12]), "{error}");
    assert!(!is_done(&start.probe(&cx).await));
    start.undo(&cx, None).await.unwrap();
    assert_eq!(world.container().await.unwrap(), foreign);
}

#[tokio::test]
async fn the_old_images_defaults_are_told_by_its_id_and_not_by_its_tag() {
    let world = World::new().await;
    let old = fresh_image(&world.engine, &[("VERSION", "2")]).await;
    world.run_by_hand(&world.body(&old, "no")).await;
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    let target = image(&world.engine, &[("VERSION", "1")]).await;
    let (repository, tag) = old.tag.split_once(':').unwrap();
    world.engine.tag(&target.tag, repository, tag).await.unwrap();

    world.start_service(ReleaseId::generate(), &target).await.run(&world.cx(2)).await.unwrap();
    assert!(env(&world.container().await.unwrap()).contains(&"VERSION=1"));
}

#[tokio::test]
async fn a_configuration_that_changed_since_the_plan_starts_nothing() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    let release = ReleaseId::generate();
    world.settings().config_sha256 = "as registered".to_owned();
    let start = world.start_service_with(release, &image, "as planned").await;
    let error = start.run(&world.cx(4)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WorldChanged);
    assert!(world.container().await.is_none());
    let start = world.start_service_with(release, &image, "as registered").await;
    start.run(&world.cx(4)).await.unwrap();
}

/// The next deployment of a world that has one: another job, the stop and the start.
async fn deploy_again(world: &mut World, image: &Tagged) -> Value {
    world.job = JobId::generate();
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    world.start_service(ReleaseId::generate(), image).await.run(&world.cx(2)).await.unwrap();
    world.container().await.unwrap()
}

#[tokio::test]
async fn an_edited_port_and_network_reach_a_service_that_runs_already() {
    let mut world = World::new().await;
    let (front, back, by_hand) = (networks::bridge().await, networks::bridge().await, networks::bridge().await);
    let image = image(&world.engine, &[("LISTENS_ON_ALL", "1")]).await;
    world.settings().service.network.clone_from(&front);
    world.start_service(ReleaseId::generate(), &image).await.run(&world.cx(1)).await.unwrap();
    assert_eq!(world.answers().await, 200);
    world.engine.connect_network(&by_hand, &world.at.container, &json!({ "Aliases": ["inner"] })).await.unwrap();

    world.port = ReservedPort::new().unwrap();
    let number = world.port.number();
    world.settings().service.port = number;
    world.settings().service.network.clone_from(&back);
    let container = deploy_again(&mut world, &image).await;
    let key = format!("{number}/tcp");
    let bindings = container["HostConfig"]["PortBindings"].as_object().unwrap();
    assert_eq!(bindings.keys().collect::<Vec<_>>(), [&key]);
    assert_eq!(bindings[&key][0]["HostPort"], number.to_string());
    assert_eq!(container["Config"]["ExposedPorts"], json!({ &key: {} }));
    assert_eq!(container["HostConfig"]["NetworkMode"], back);
    let connected = container["NetworkSettings"]["Networks"].as_object().unwrap();
    let mut expected = [back.clone(), by_hand.clone()];
    expected.sort();
    assert_eq!(connected.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert!(connected[&by_hand]["Aliases"].as_array().unwrap().contains(&json!("inner")), "it stays as it was made");
    assert_eq!(world.answers().await, 200);

    world.settings().service.network = "host".to_owned();
    let container = deploy_again(&mut world, &image).await;
    assert_eq!(container["HostConfig"]["NetworkMode"], "host");
    assert_eq!(container["HostConfig"]["PortBindings"], json!({}));
    assert_eq!(world.answers().await, 200);
    for network in [front, back, by_hand] {
        networks::remove(&network).await;
    }
}

#[tokio::test]
async fn a_command_and_a_volume_that_the_settings_no_longer_have_are_gone() {
    let mut world = World::new().await;
    let image = image(&world.engine, &[]).await;
    let volumes = ["one", "two"].map(|place| format!("{}:/{place}", unique_name("data")));
    world.settings().service.volumes = volumes.to_vec();
    world.settings().service.command = Some(vec!["/server".to_owned(), "serve".to_owned()]);
    world.start_service(ReleaseId::generate(), &image).await.run(&world.cx(1)).await.unwrap();
    let first = deploy_again(&mut world, &image).await;
    assert_eq!(first["Config"]["Cmd"], json!(["/server", "serve"]));
    assert_eq!(first["Mounts"].as_array().unwrap().len(), 2);

    world.settings().service.volumes = vec![volumes[1].clone()];
    world.settings().service.command = None;
    let container = deploy_again(&mut world, &image).await;
    assert_eq!(container["Config"]["Cmd"], json!(["/server"]), "the image's own");
    assert_eq!(container["HostConfig"]["Binds"], json!([volumes[1]]));
    assert_eq!(container["Mounts"].as_array().unwrap().len(), 1);
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn a_container_that_somebody_else_made_keeps_its_own_way_to_its_port_for_good() {
    let mut world = World::new().await;
    let image = image(&world.engine, &[]).await;
    let mut body = world.body(&image, "no");
    body["Cmd"] = json!(["/server", "mine"]);
    world.run_by_hand(&body).await;
    world.settings().service.port = ReservedPort::new().unwrap().number();
    world.settings().service.network = "none".to_owned();
    for _ in 0..2 {
        let container = deploy_again(&mut world, &image).await;
        assert_eq!(env(&container), ["BY_HAND=yes", &format!("PORT={}", world.port.number())]);
        assert_eq!(container["HostConfig"]["NetworkMode"], "host");
        assert_eq!(container["Config"]["Cmd"], json!(["/server", "mine"]));
    }
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn a_service_whose_old_container_is_gone_is_not_started_without_what_was_set_on_it() {
    let (world, _) = deployed(&[("VERSION", "2")], &[]).await;
    let retired = format!("{}.unless-stopped", world.retired());
    world.engine.remove(&retired, true).await.unwrap();
    let target = image(&world.engine, &[("VERSION", "1")]).await;
    let start = world
        .bind(&StepSpec::StartService {
            at: world.at.clone(),
            release: ReleaseId::generate(),
            image: target.tag.clone(),
            image_id: target.id.clone(),
            config_sha256: String::new(),
            replaces: true,
        })
        .await;
    let cx = world.cx(2);
    let error = start.run(&cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains(&world.retired()), "{error}");
    assert!(world.container().await.is_none(), "no bare one in its place");
    start.undo(&cx, None).await.unwrap();
}
