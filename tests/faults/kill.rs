//! SIGKILL of the shipped binary right after a step's start or end was journalled.

use anyhow::{Context, Result};
use testkit::Backout;

use super::Before;
use crate::support::{Scene, is_chaos};

/// A step, by name and data store, and what the journal says of it when the process dies.
type Moment = (String, &'static str);

/// Around the effects that cost most when they are doubled: the old container, the schema, the new container.
const SHORT: [(&str, &str); 4] = [
    ("stop_service", "started"),
    ("migrate_down main", "finished"),
    ("start_service", "started"),
    ("verify", "finished"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_survives_the_death_of_its_worker_before_and_after_each_step() {
    let backout = Backout::serve(&[]).unwrap();
    let scene = Scene::on_v082(&backout).await.unwrap();
    for (step, state) in moments(&scene).await.unwrap() {
        die(&backout, &scene, &step, state)
            .await
            .with_context(|| format!("the worker died when {step} was {state}"))
            .unwrap();
    }
}

async fn moments(scene: &Scene) -> Result<Vec<Moment>> {
    if !is_chaos() {
        return Ok(SHORT.map(|(step, state)| (step.to_owned(), state)).to_vec());
    }
    let plan = scene.plan_rollback("v0.8.1").await?;
    let steps = plan.steps.iter().map(|step| format!("{} {}", step.spec.name(), step.spec.subject()));
    Ok(steps.flat_map(|step| [(step.clone(), "started"), (step, "finished")]).collect())
}

async fn die(backout: &Backout, scene: &Scene, step: &str, state: &'static str) -> Result<()> {
    let before = Before::of(scene).await?;
    let job = scene.start_rollback("v0.8.1").await?;
    scene.step(&job, step, state).await?;
    backout.server().kill9()?;
    backout.restart()?;
    before.is_rolled_back(scene, &scene.rested(job.id).await?).await
}
