use std::time::Duration;

use driver_docker::{Error, RestartPolicy};
use serde_json::json;
use testkit::unique_name;

use crate::fixture::{PLAIN, SOON, body, create, engine, image, output};

#[tokio::test]
async fn each_change_tells_whether_it_was_so_already() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let id = create(&engine, &body(&image, &["run"])).await;

    assert!(!engine.stop(&id, Duration::ZERO).await.unwrap());
    assert!(!engine.kill(&id).await.unwrap());
    assert!(engine.start(&id).await.unwrap());
    assert!(!engine.start(&id).await.unwrap());
    assert!(engine.pause(&id).await.unwrap());
    assert!(!engine.pause(&id).await.unwrap());
    assert!(engine.unpause(&id).await.unwrap());
    assert!(!engine.unpause(&id).await.unwrap());
    assert!(matches!(engine.remove(&id, false).await, Err(Error::Conflict { .. })));
    assert!(engine.stop(&id, SOON).await.unwrap());
    assert_eq!(engine.wait_exit(&id, SOON).await.unwrap().exit_code, 0);
    assert!(engine.start(&id).await.unwrap());
    assert!(engine.kill(&id).await.unwrap());
    assert_eq!(engine.wait_exit(&id, SOON).await.unwrap().exit_code, 137);
    assert!(engine.remove(&id, false).await.unwrap());
    assert!(!engine.remove(&id, false).await.unwrap());
    assert!(engine.inspect(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_absent_container_is_not_found() {
    let engine = engine().await;
    for error in [
        engine.start("absent").await.unwrap_err(),
        engine.stop("absent", Duration::ZERO).await.unwrap_err(),
        engine.kill("absent").await.unwrap_err(),
        engine.rename("absent", "other").await.unwrap_err(),
        engine.health("absent").await.unwrap_err(),
        engine.logs("absent", 1).await.unwrap_err(),
        engine.create("made", &json!({ "Image": "absent:1" })).await.unwrap_err(),
    ] {
        assert!(error.is_not_found() && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("/v1."), "{error}");
    }
}

#[tokio::test]
async fn a_name_in_use_is_a_name_conflict() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let name = unique_name("cms");
    let id = engine.create(&name, &body(&image, &["run"])).await.unwrap();
    let error = engine.create(&name, &body(&image, &["run"])).await.unwrap_err();
    let Error::NameConflict { name: taken, .. } = &error else { panic!("{error}") };
    assert_eq!(*taken, name);

    let other = create(&engine, &body(&image, &["run"])).await;
    assert!(matches!(engine.rename(&other, &name).await, Err(Error::NameConflict { .. })));
    engine.rename(&id, &format!("{name}-kept")).await.unwrap();
    engine.rename(&other, &name).await.unwrap();
    assert_eq!(engine.inspect(&name).await.unwrap().unwrap()["Id"], other.as_str());
}

#[tokio::test]
async fn containers_in_every_state_are_found_by_label() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let job = unique_name("job");
    let mut labelled = body(&image, &["run"]);
    labelled["Labels"] = json!({ "backout.job": job });
    let created = create(&engine, &labelled).await;
    let running = create(&engine, &labelled).await;
    engine.start(&running).await.unwrap();
    create(&engine, &body(&image, &["run"])).await;

    let mut found = engine.find_by_label("backout.job", &job).await.unwrap();
    found.sort_by(|a, b| a.state.cmp(&b.state));
    let states: Vec<_> = found.iter().map(|c| (c.id.as_str(), c.state.as_str())).collect();
    assert_eq!(states, [(created.as_str(), "created"), (running.as_str(), "running")]);
    assert!(found[0].name().starts_with("c_"));
    assert_eq!(found[0].image_id, image.id);
    assert!(engine.find_by_label("backout.job", "other").await.unwrap().is_empty());
    engine.remove(&running, true).await.unwrap();
}

#[tokio::test]
async fn containers_in_every_state_are_found_by_a_part_of_their_name() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let (one, other) = (unique_name("shop"), unique_name("shop"));
    let kept = engine.create(&format!("{one}.kept-1.down"), &body(&image, &["run"])).await.unwrap();
    engine.create(&format!("{other}.kept-1"), &body(&image, &["run"])).await.unwrap();
    // The point stands for itself.
    engine.create(&format!("{one}-kept-1"), &body(&image, &["run"])).await.unwrap();

    let found = engine.find_by_name(&format!("{one}.kept-1")).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [kept.as_str()]);
    assert!(matches!(engine.find_by_name("a|b").await, Err(Error::InvalidName { .. })));
}

#[tokio::test]
async fn a_container_that_runs_is_listed_with_the_ports_that_it_publishes() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let port = testkit::ReservedPort::new().unwrap();
    let network = unique_name("net");
    let client = reqwest::Client::builder().unix_socket(testkit::shared_docker().socket()).no_proxy().build().unwrap();
    let made = client.post("http://docker/networks/create").json(&json!({ "Name": network })).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
    let mut publishing = body(&image, &["run"]);
    publishing["ExposedPorts"] = json!({ "80/tcp": {} });
    publishing["HostConfig"] =
        json!({ "PortBindings": { "80/tcp": [{ "HostPort": port.number().to_string() }] }, "NetworkMode": network });
    let id = create(&engine, &publishing).await;
    let ports = || async {
        let running = engine.running().await.unwrap();
        let one = running.into_iter().find(|one| one.id == id);
        one.map(|one| one.ports.into_iter().map(|port| (port.public_port, port.protocol)).collect::<Vec<_>>())
    };
    assert_eq!(ports().await, None);
    engine.start(&id).await.unwrap();
    let published = ports().await.unwrap();
    assert!(published.contains(&(Some(port.number()), "tcp".to_owned())), "{published:?}");
    engine.remove(&id, true).await.unwrap();
    assert_eq!(ports().await, None);
    // Its interface would outlive the engine.
    client.delete(format!("http://docker/networks/{network}")).send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn logs_are_the_last_lines_of_both_streams_with_or_without_a_terminal() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let mut say = body(&image, &["say", "30", "line"]);
    assert_eq!(output(&engine, &say).await.lines().count(), 30);
    say["Tty"] = json!(true);
    assert_eq!(output(&engine, &say).await.lines().last(), Some("line 29"));

    let id = create(&engine, &body(&image, &["say", "30", "line"])).await;
    engine.start(&id).await.unwrap();
    engine.wait_exit(&id, SOON).await.unwrap();
    assert_eq!(engine.logs(&id, 2).await.unwrap(), "line 28\nline 29\n");

    let id = create(&engine, &body(&image, &["exit", "3"])).await;
    engine.start(&id).await.unwrap();
    assert_eq!(engine.wait_exit(&id, SOON).await.unwrap().exit_code, 3);
    assert_eq!(engine.logs(&id, 2).await.unwrap(), "going down\n");
}

#[tokio::test]
async fn a_restart_policy_is_changed_in_place_and_back() {
    let engine = engine().await;
    let image = image(&engine, PLAIN).await;
    let mut spec = body(&image, &["run"]);
    spec["HostConfig"]["RestartPolicy"] = json!({ "Name": "on-failure", "MaximumRetryCount": 3 });
    let id = create(&engine, &spec).await;
    let original = RestartPolicy::of(&engine.inspect(&id).await.unwrap().unwrap());
    assert_eq!(original, RestartPolicy { name: "on-failure".to_owned(), maximum_retry_count: 3 });

    for policy in [RestartPolicy::none(), original] {
        engine.update_restart_policy(&id, &policy).await.unwrap();
        assert_eq!(RestartPolicy::of(&engine.inspect(&id).await.unwrap().unwrap()), policy);
    }
}
