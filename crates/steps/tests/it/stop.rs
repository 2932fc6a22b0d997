//! Stopping a service, and bringing back what was stopped.

use driver_docker::RestartPolicy;
use futures::future::join_all;
use saga::{ErrorKind, Probe};
use serde_json::{Value, json};
use testkit::{ChaosProxy, Docker, eventually, shared_docker};

use crate::support::{SOON, World, id, image, is_done, is_running, lasting};

#[tokio::test]
async fn a_stopped_service_is_kept_and_comes_back_as_it_was() {
    let world = World::new().await;
    let old = image(&world.engine, &[("VERSION", "1")]).await;
    let before = world.run_by_hand(&world.body(&old, "unless-stopped")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));

    let output = stop.run(&cx).await.unwrap();
    assert_eq!(output["container_id"], id(&before));
    assert_eq!(output["image_id"], old.id.as_str());
    assert_eq!(output["restart_policy"], "unless-stopped");
    assert_eq!(output["was_running"], true);
    assert_eq!(output["retired_name"], format!("{}.unless-stopped", world.retired()));
    assert!(output["stopped_at"].is_string());
    assert!(world.container().await.is_none());
    assert_eq!(stop.run(&cx).await.unwrap(), output, "running again changes nothing");
    assert!(is_done(&stop.probe(&cx).await));

    stop.undo(&cx, Some(output)).await.unwrap();
    let after = world.container().await.unwrap();
    assert!(is_running(&after));
    assert_eq!(lasting(after.clone()), lasting(before));
    assert_eq!(world.answers().await, 200);

    stop.undo(&cx, None).await.unwrap();
    let again = world.container().await.unwrap();
    assert_eq!(again["State"]["StartedAt"], after["State"]["StartedAt"], "undoing again changes nothing");
}

#[tokio::test]
async fn a_stop_that_its_worker_left_to_the_engine_is_waited_for_when_it_is_undone() {
    let world = World::new().await;
    let lingers = image(&world.engine, &[("LINGERS_MS", "1500")]).await;
    let before = world.run_by_hand(&world.body(&lingers, "unless-stopped")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    let (engine, container) = (world.engine.clone(), id(&before).to_owned());
    engine.rename(&container, &format!("{}.unless-stopped", world.retired())).await.unwrap();
    let died = tokio::spawn(async move { engine.stop(&container, SOON).await });
    let is_leaving = || async { world.engine.logs(id(&before), 10).await.is_ok_and(|log| log.contains("leaving")) };
    eventually(SOON, is_leaving).await.unwrap();
    died.abort();

    stop.undo(&cx, None).await.unwrap();
    let after = world.container().await.unwrap();
    assert_ne!(after["State"]["StartedAt"], before["State"]["StartedAt"], "it went down and came back");
    assert_eq!(world.answers().await, 200);
    stop.undo(&cx, None).await.unwrap();
    let again = world.container().await.unwrap();
    assert_eq!(again["State"]["StartedAt"], after["State"]["StartedAt"], "undoing again changes nothing");
}

#[tokio::test]
async fn a_service_whose_stop_was_never_sent_runs_on_when_it_is_undone() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let before = world.run_by_hand(&world.body(&old, "unless-stopped")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    stop.undo(&cx, None).await.unwrap();
    let after = world.container().await.unwrap();
    assert_eq!(after["State"]["StartedAt"], before["State"]["StartedAt"]);
}

#[tokio::test]
async fn a_service_answers_again_when_its_stop_is_undone() {
    let world = World::new().await;
    let slow = image(&world.engine, &[("LISTENS_AFTER_MS", "400")]).await;
    world.run_by_hand(&world.body(&slow, "unless-stopped")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    let output = stop.run(&cx).await.unwrap();
    stop.undo(&cx, Some(output)).await.unwrap();
    let answer = reqwest::get(format!("http://{}/", world.port.address())).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn every_point_at_which_a_worker_may_die_is_repaired_forward_and_back() {
    let mut cases = Vec::new();
    for policy in ["no", "unless-stopped", "always"] {
        for died_after in ["rename", "update", "stop"] {
            cases.extend([false, true].map(|back| die_and_repair(policy, died_after, back)));
        }
    }
    join_all(cases).await;
}

async fn die_and_repair(policy: &str, died_after: &str, back: bool) {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let before = world.run_by_hand(&world.body(&old, policy)).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    assert!(!is_done(&stop.probe(&cx).await));

    let suffix = if policy == "no" { String::new() } else { format!(".{policy}") };
    world.engine.rename(id(&before), &format!("{}{suffix}", world.retired())).await.unwrap();
    if died_after != "rename" {
        world.engine.update_restart_policy(id(&before), &RestartPolicy::none()).await.unwrap();
    }
    if died_after == "stop" {
        world.engine.stop(id(&before), SOON).await.unwrap();
    }
    assert_eq!(is_done(&stop.probe(&cx).await), died_after == "stop", "{policy} {died_after}");

    if !back {
        stop.run(&cx).await.unwrap();
        assert!(is_done(&stop.probe(&cx).await), "{policy} {died_after}");
    }
    stop.undo(&cx, None).await.unwrap();
    let after = world.container().await.unwrap();
    assert!(is_running(&after), "{policy} {died_after}");
    assert_eq!(lasting(after), lasting(before), "{policy} {died_after}");
}

#[tokio::test]
async fn an_undo_that_was_cut_short_is_finished_by_the_next() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let before = world.run_by_hand(&world.body(&old, "always")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    stop.run(&cx).await.unwrap();

    // It died with the policy given back, and the next with the container started as well.
    let always = RestartPolicy { name: "always".to_owned(), maximum_retry_count: 0 };
    world.engine.update_restart_policy(id(&before), &always).await.unwrap();
    stop.undo(&cx, None).await.unwrap();
    stop.run(&cx).await.unwrap();
    world.engine.update_restart_policy(id(&before), &always).await.unwrap();
    world.engine.start(id(&before)).await.unwrap();
    stop.undo(&cx, None).await.unwrap();
    assert_eq!(lasting(world.container().await.unwrap()), lasting(before));
    assert_eq!(world.answers().await, 200);
}

#[tokio::test]
async fn every_restart_policy_comes_back() {
    join_all([
        comes_back("no", 0),
        comes_back("unless-stopped", 0),
        comes_back("always", 0),
        comes_back("on-failure", 0),
        comes_back("on-failure", 25),
    ])
    .await;
}

async fn comes_back(policy: &str, limit: u32) {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let mut body = world.body(&old, policy);
    body["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] = json!(limit);
    let before = world.run_by_hand(&body).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));

    let output = stop.run(&cx).await.unwrap();
    assert_eq!(output["restart_policy"], policy);
    let retired = world.engine.inspect(id(&before)).await.unwrap().unwrap();
    assert_eq!(retired["HostConfig"]["RestartPolicy"]["Name"], "no");
    stop.undo(&cx, Some(output)).await.unwrap();
    assert_eq!(lasting(world.container().await.unwrap()), lasting(before));
}

#[tokio::test]
async fn a_retired_container_stays_down_when_the_engine_restarts() {
    let docker = Docker::start().unwrap();
    let retired = World::on(&docker.host()).await;
    let failing = World::on(&docker.host()).await;
    let by_hand = World::on(&docker.host()).await;
    let old = image(&retired.engine, &[("EXIT_ON_TERM", "3")]).await;
    for (world, policy) in [(&retired, "always"), (&failing, "on-failure"), (&by_hand, "always")] {
        world.run_by_hand(&world.body(&old, policy)).await;
        world.answers().await;
    }
    retired.stop_service().await.run(&retired.cx(1)).await.unwrap();
    failing.stop_service().await.run(&failing.cx(1)).await.unwrap();
    by_hand.engine.stop(&by_hand.at.container, SOON).await.unwrap();

    docker.server().kill9().unwrap();
    docker.restart().unwrap();
    // Without the step's doing the engine starts it: the danger is real, and now it has had its time.
    let is_up = || async { by_hand.container().await.is_some_and(|found| is_running(&found)) };
    eventually(SOON, is_up).await.unwrap();
    for world in [&retired, &failing] {
        let (stop, cx) = (world.stop_service().await, world.cx(1));
        assert!(is_done(&stop.probe(&cx).await));
        stop.undo(&cx, None).await.unwrap();
        assert_eq!(world.answers().await, 200);
    }
}

#[tokio::test]
async fn a_container_that_the_engine_would_remove_is_refused_before_its_stop() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let mut body = world.body(&old, "no");
    body["HostConfig"]["AutoRemove"] = json!(true);
    let before = world.run_by_hand(&body).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));

    let error = stop.run(&cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("--rm"), "{error}");
    stop.undo(&cx, None).await.unwrap();
    let after = world.container().await.unwrap();
    assert_eq!(after["State"]["StartedAt"], before["State"]["StartedAt"]);
}

#[tokio::test]
async fn a_container_that_was_never_there_is_neither_stopped_nor_missed() {
    let world = World::new().await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    assert!(!is_done(&stop.probe(&cx).await));
    assert_eq!(stop.run(&cx).await.unwrap_err().kind, ErrorKind::WorldChanged);
    stop.undo(&cx, None).await.unwrap();
}

#[tokio::test]
async fn what_was_kept_and_is_gone_is_told() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&old, "no")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    let output = stop.run(&cx).await.unwrap();
    world.engine.remove(&world.retired(), true).await.unwrap();

    let error = stop.undo(&cx, Some(output.clone())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains(&world.retired()), "{error}");
    let hint = error.hint.unwrap().to_string();
    assert!(hint.contains(&format!("--name {} {}", world.at.container, old.id)), "{hint}");
    assert!(hint.contains(&format!("backout job resolve {} retry", world.job)), "{hint}");

    // As the hint says: whoever made it again is not overruled.
    let again = world.run_by_hand(&world.body(&old, "no")).await;
    stop.undo(&cx, Some(output)).await.unwrap();
    assert_eq!(world.container().await.unwrap(), again);
}

#[tokio::test]
async fn a_service_that_was_down_before_is_down_when_its_stop_is_undone() {
    let mut cases = Vec::new();
    for policy in ["no", "unless-stopped", "always"] {
        cases.extend(["run", "rename", "nothing"].map(|died_after| stays_down(policy, died_after)));
    }
    join_all(cases).await;
}

async fn stays_down(policy: &str, died_after: &str) {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&old, policy)).await;
    world.engine.stop(&world.at.container, SOON).await.unwrap();
    let before = world.container().await.unwrap();
    let (stop, cx) = (world.stop_service().await, world.cx(1));

    let suffix = if policy == "no" { ".down".to_owned() } else { format!(".down.{policy}") };
    let retired = format!("{}{suffix}", world.retired());
    let mut output = None;
    match died_after {
        "run" => {
            let told = stop.run(&cx).await.unwrap();
            assert_eq!((&told["was_running"], &told["retired_name"]), (&json!(false), &json!(retired)));
            assert_eq!(stop.probe(&cx).await.unwrap(), Probe::Done(told.clone()), "another worker knows it too");
            output = Some(told);
        }
        "rename" => world.engine.rename(id(&before), &retired).await.unwrap(),
        _ => {}
    }
    stop.undo(&cx, output.clone()).await.unwrap();
    stop.undo(&cx, output).await.unwrap();
    let after = world.container().await.unwrap();
    assert_eq!(after["State"], before["State"], "{policy} {died_after}");
    assert_eq!(lasting(after), lasting(before), "{policy} {died_after}");
}

#[tokio::test]
async fn a_foreign_container_in_place_is_left_alone() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&old, "no")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    let output = stop.run(&cx).await.unwrap();
    let foreign = world.run_by_hand(&world.body(&old, "no")).await;

    assert!(is_done(&stop.probe(&cx).await));
    let error = stop.undo(&cx, Some(output)).await.unwrap_err();
    assert!(error.message.to_string().contains(&id(&foreign)[..12]), "{error}");
    assert!(is_running(&world.container().await.unwrap()));
}

#[tokio::test]
async fn a_worker_that_lost_its_claim_changes_nothing() {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    let before = world.run_by_hand(&world.body(&old, "always")).await;
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    world.journal.lose();

    assert_eq!(stop.run(&cx).await.unwrap_err().kind, ErrorKind::FenceLost);
    assert_eq!(world.container().await.unwrap(), before);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_made_good_by_probe_and_run() {
    join_all(["/stop", "/rename", "/update"].map(lose_the_answer)).await;
}

async fn lose_the_answer(request: &str) {
    let world = World::new().await;
    let old = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&old, "always")).await;
    let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
    world.settings().docker = format!("unix://{}", proxy.socket().unwrap().display());
    let (stop, cx) = (world.stop_service().await, world.cx(1));

    proxy.reset_reply_to(request.as_bytes());
    assert_eq!(stop.run(&cx).await.unwrap_err().kind, ErrorKind::Transient, "{request}");
    proxy.pass();
    if !is_done(&stop.probe(&cx).await) {
        stop.run(&cx).await.unwrap();
    }
    let retired = world.engine.inspect(&format!("{}.always", world.retired())).await.unwrap().unwrap();
    assert!(!is_running(&retired), "{request}");
    assert_eq!(RestartPolicy::of(&retired), RestartPolicy::none(), "{request}");
}

#[tokio::test]
async fn an_engine_that_is_away_is_transient() {
    let world = World::new().await;
    let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
    world.settings().docker = format!("unix://{}", proxy.socket().unwrap().display());
    proxy.refuse();
    let (stop, cx) = (world.stop_service().await, world.cx(1));
    assert_eq!(stop.run(&cx).await.unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(stop.probe(&cx).await.unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(stop.undo(&cx, None::<Value>).await.unwrap_err().kind, ErrorKind::Transient);
}
