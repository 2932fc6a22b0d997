//! A person calls a job off.

use domain::view::CancelRequest;

use super::Before;
use crate::support::{Proxied, Scene, TableInUse, problem, shared_backout};

fn request() -> CancelRequest {
    CancelRequest { reason: "the wrong environment".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_cancelled_in_the_middle_is_taken_back() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let before = Before::of(&scene).await.unwrap();
    let in_use = TableInUse::begin(&scene.site).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    in_use.kept_waiting().await.unwrap();
    scene.client.cancel_job(job.id, &request()).await.unwrap();
    in_use.end().await.unwrap();
    before.is_undone(&scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_past_its_pivot_cannot_be_cancelled_and_goes_on() {
    let proxied = Proxied::on_v082(shared_backout().await).await.unwrap();
    let scene = &proxied.scene;
    let before = Before::of(scene).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    scene.step(&job, "stop_service", "finished").await.unwrap();
    // The next removal is the page's, the one after it the old container's, in the step behind the pivot.
    scene.step(&job, "maintenance_off", "finished").await.unwrap();
    proxied.docker.hold_reply_to(b"DELETE /");
    proxied.docker.held().await;
    assert_eq!(problem(scene.client.cancel_job(job.id, &request()).await), (409, "job-state".into()));
    proxied.docker.pass();
    before.is_rolled_back(scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}
