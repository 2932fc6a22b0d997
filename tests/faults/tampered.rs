//! A registered script is changed in the control database.

use domain::job::JobState;
use domain::view::JobView;
use testkit::{Backout, World};

use super::Before;
use crate::support::table_in_use::execute;
use crate::support::{Proxied, Scene, problem};

/// A control database on a server that the test can reach, and the service on it.
pub(crate) async fn served() -> (Backout, String) {
    let mariadb = &World::shared().await.mariadb;
    let database = mariadb.create_database("backout").unwrap();
    (Backout::serve(&[("BACKOUT_DATABASE_URL", &mariadb.url(&database))]).unwrap(), database)
}

pub(crate) async fn tamper(control: &str, scene: &Scene) {
    let sql = format!(
        "UPDATE migrations SET down = 'DROP TABLE users;' WHERE version = '20250110001' AND store = 'main' \
         AND application_id = (SELECT id FROM applications WHERE name = '{}')",
        scene.app
    );
    assert_eq!(execute(control, &sql).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_down_script_blocks_the_plan_and_does_not_run_in_one_accepted_before() {
    let (backout, control) = served().await;
    let proxied = Proxied::on_v082(&backout).await.unwrap();
    let scene = &proxied.scene;
    let before = Before::of(scene).await.unwrap();

    // The job is inside an earlier step when the script changes.
    proxied.docker.hold_reply_to(b"/stop");
    let job: JobView = scene.start_rollback("v0.8.1").await.unwrap();
    proxied.docker.held().await;
    tamper(&control, scene).await;
    proxied.docker.pass();
    let job = scene.rested(job.id).await.unwrap();
    assert!(matches!(job.state, JobState::Undone), "{:?}", job.error);
    let reason = job.error.clone().unwrap().message.to_string();
    assert!(reason.contains("20250110001") && reason.contains("not the ones that were registered"), "{reason}");
    before.is_undone(scene, &job).await.unwrap();

    let plan = scene.plan_rollback("v0.8.1").await.unwrap();
    let codes: Vec<&str> = plan.blockers().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["script-tampered"]);
    assert_eq!(problem(scene.start_rollback("v0.8.1").await), (409, "plan-blocked".into()));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}
