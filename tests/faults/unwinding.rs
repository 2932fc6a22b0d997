//! SIGKILL of the shipped binary while a job is being taken back.

use anyhow::{Context, Result};
use testkit::Backout;

use super::Before;
use crate::support::{Scene, broken_release, is_chaos};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_being_undone_survives_the_death_of_its_worker() {
    let backout = Backout::serve(&[]).unwrap();
    let scene = Scene::new(&backout).await.unwrap();
    scene.client.register_release(&scene.app, &broken_release().unwrap()).await.unwrap();
    scene.settle_on_v082().await.unwrap();
    let all = [
        "start_service",
        "maintenance_off",
        "migrate_down content",
        "migrate_down main",
        "maintenance_on",
        "stop_service",
    ];
    let short = ["migrate_down main"];
    for step in if is_chaos() { &all[..] } else { &short[..] } {
        die(&backout, &scene, step).await.with_context(|| format!("the worker died undoing {step}")).unwrap();
    }
}

async fn die(backout: &Backout, scene: &Scene, step: &str) -> Result<()> {
    let before = Before::of(scene).await?;
    let job = scene.start_rollback("v0.8.1-broken").await?;
    scene.step(&job, step, "undoing").await?;
    backout.server().kill9()?;
    backout.restart()?;
    before.is_undone(scene, &scene.rested(job.id).await?).await
}
