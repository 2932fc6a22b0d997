//! `backout doctor` on a service whose container died.

use testkit::{Backout, World, eventually};

use crate::support::{Scene, shared_backout};

/// What it says, and its exit code.
fn doctor(backout: &Backout, app: &str) -> (String, Option<i32>) {
    let output = backout.command(&["doctor", "--app", app]).unwrap().output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[tokio::test]
async fn a_dead_container_is_no_good_health_also_where_there_is_no_way_back() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let container = scene.site.container();
    let (told, code) = doctor(backout, &scene.app);
    assert!(told.contains(" runs on ") && told.contains("Workers that beat: 1"), "{told}");
    assert!(!told.contains(&format!("Container {container}")), "{told}");
    assert_eq!(code, Some(0), "{told}");

    let client = reqwest::Client::builder().unix_socket(World::shared().await.docker.socket()).build().unwrap();
    let kill = format!("http://docker/containers/{container}/kill");
    client.post(kill).send().await.unwrap().error_for_status().unwrap();
    let is_down = || async {
        let found = scene.containers().await.unwrap();
        found.get(container).is_some_and(|state| state == "exited")
    };
    eventually(std::time::Duration::from_secs(20), is_down).await.unwrap();
    let (told, code) = doctor(backout, &scene.app);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("Container {container}")) && told.contains("now exited and was running"), "{told}");
    assert_eq!(told.matches("now exited").count(), 1, "it is said once: {told}");
}
