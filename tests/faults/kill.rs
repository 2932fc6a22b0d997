//! SIGKILL of the shipped binary at the steps of a rollback.

use anyhow::{Context, Result, bail, ensure};
use domain::job::JobState;
use domain::ledger::Direction;
use futures::StreamExt;
use testkit::Backout;

use crate::support::{ENVIRONMENT, Scene};

/// When the process dies, seen from one step.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Its start is in the journal; the effect may or may not have begun.
    Started,
    /// Its end is in the journal.
    Finished,
}

#[tokio::test]
async fn a_rollback_survives_the_death_of_its_worker_at_every_step() {
    let backout = Backout::serve(&[]).unwrap();
    let scene = Scene::on_v082(&backout).await.unwrap();
    let steps = scene.plan_rollback("v0.8.1").await.unwrap().steps.len();
    for step in 0..steps {
        let moment = if step % 2 == 0 { Moment::Started } else { Moment::Finished };
        let step = u32::try_from(step).unwrap();
        die(&backout, &scene, step, moment)
            .await
            .with_context(|| format!("the worker died when step {step} was {moment:?}"))
            .unwrap();
    }
}

async fn die(backout: &Backout, scene: &Scene, step: u32, moment: Moment) -> Result<()> {
    let secret = scene.secret().await?;
    let downs_before = downs(scene).await?;
    let job = scene.start_rollback("v0.8.1").await?;
    let wanted = match moment {
        Moment::Started => "started",
        Moment::Finished => "finished",
    };
    let mut events = scene.client.job_events(job.id, 0);
    loop {
        let Some(event) = events.next().await else { bail!("the job ended before step {step} was {wanted}") };
        let event = event?;
        if event.kind == "step" && event.step == Some(step) && event.data["state"] == wanted {
            break;
        }
    }
    drop(events);
    backout.server().kill9()?;
    backout.restart()?;

    let job = scene.rested(job.id).await?;
    ensure!(job.state == JobState::Succeeded, "the job is {:?}: {:?}", job.state, job.error);
    ensure!(scene.answering().await? == "v0.8.1", "the older version has to answer");
    let containers = scene.containers().await?;
    ensure!(containers.len() == 1, "no container is doubled, no page is left: {containers:?}");
    ensure!(downs(scene).await? == downs_before + 1, "every down is in the ledger once");

    scene.deploy("v0.8.2").await?;
    ensure!(scene.secret().await? == secret, "the second factor's secret has to be back");
    Ok(())
}

async fn downs(scene: &Scene) -> Result<usize> {
    let ledger = scene.client.get_ledger(&scene.app, ENVIRONMENT, "main").await?;
    Ok(ledger.rows.iter().filter(|row| row.direction == Direction::Down && row.version == "20250110001").count())
}
