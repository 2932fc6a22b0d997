//! Processes die, stand still and servers are away: jobs end well, and nothing is done twice.

mod away;
mod call_off;
mod kill;
mod kill_at_effect;
pub(crate) mod tampered;
mod unwinding;
mod zombie;

use anyhow::{Result, ensure};
use domain::job::JobState;
use domain::view::JobView;

use crate::support::Scene;

/// What a scene on v0.8.2 was like before its rollback to v0.8.1.
struct Before {
    secret: String,
    downs: usize,
}

impl Before {
    async fn of(scene: &Scene) -> Result<Self> {
        Ok(Self { secret: scene.secret().await?, downs: scene.downs().await? })
    }

    /// The older version answers, nothing was done twice, and going forward again brings the data back.
    async fn is_rolled_back(&self, scene: &Scene, job: &JobView) -> Result<()> {
        ensure!(job.state == JobState::Succeeded, "the job is {:?}: {:?}", job.state, job.error);
        ensure!(scene.answering().await? == "v0.8.1", "the older version has to answer");
        alone(scene).await?;
        ensure!(scene.downs().await? == self.downs + 1, "the down is in the ledger once");
        scene.deploy("v0.8.2").await?;
        ensure!(scene.secret().await? == self.secret, "the second factor's secret has to be back");
        Ok(())
    }

    /// The newer version answers with its data, as if nothing had happened.
    async fn is_undone(&self, scene: &Scene, job: &JobView) -> Result<()> {
        ensure!(job.state == JobState::Undone, "the job is {:?}: {:?}", job.state, job.error);
        ensure!(scene.answering().await? == "v0.8.2", "the newer version has to answer");
        alone(scene).await?;
        ensure!(scene.secret().await? == self.secret, "the second factor's secret has to be there");
        let applied = scene.applied().await?;
        ensure!(applied.last().is_some_and(|last| last == "20250110001"), "the ledger has {applied:?}");
        Ok(())
    }
}

/// No container is doubled or left aside, and there is no page.
async fn alone(scene: &Scene) -> Result<()> {
    let containers = scene.containers().await?;
    ensure!(containers.len() == 1, "one container is left: {containers:?}");
    Ok(())
}
