//! A journal in memory that can let its caller die, and migrations to run.

pub(crate) mod journal;
pub(crate) mod mariadb;
pub(crate) mod mongodb;
pub(crate) mod pairs;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use data_engine::{DataEngine, Migrated, Scripts};
use domain::ids::{JobId, MigrationId, WorkerId};
use domain::ledger::{Direction, MigrationRef};
use saga::{Held, Probe, StepContext, StepError};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(crate) use journal::{Death, Memory};

/// A migration of scripts written in a test.
pub(crate) fn scripts(version: &str, up: &str, down: &str) -> Scripts {
    let hash = |text: &str| hex::encode(Sha256::digest(text.as_bytes()));
    Scripts {
        reference: MigrationRef {
            id: registration(version, up, down),
            version: version.to_owned(),
            name: format!("migration_{version}"),
            up_sha256: hash(up),
            down_sha256: Some(hash(down)),
        },
        up: up.to_owned(),
        down: Some(down.to_owned()),
    }
}

/// The same for the same scripts, as where releases are registered.
fn registration(version: &str, up: &str, down: &str) -> MigrationId {
    let digest = Sha256::digest(format!("{version}\0{up}\0{down}"));
    MigrationId(uuid::Builder::from_slice(&digest[..16]).unwrap().into_uuid())
}

/// A migration of the example application.
pub(crate) fn example(store: &str, name: &str, extension: &str) -> Scripts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cms-backend/migrations").join(store);
    let read =
        |direction: &str| std::fs::read_to_string(folder.join(format!("{name}.{direction}.{extension}"))).unwrap();
    let (version, _) = name.split_once('_').unwrap();
    scripts(version, &read("up"), &read("down"))
}

/// Jobs on one data store, as the saga would run them.
pub(crate) struct Jobs {
    pub(crate) journal: Arc<Memory>,
    pub(crate) engine: DataEngine,
}

/// One job; each claim of it has a higher fence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job(pub(crate) JobId);

impl Job {
    pub(crate) fn new() -> Self {
        Self(JobId::generate())
    }
}

impl Jobs {
    /// A claim of the job by a new worker.
    pub(crate) fn claim(&self, job: Job) -> StepContext {
        let fence = self.journal.next_fence();
        let held = Held { job: job.0, worker: WorkerId::generate(), fence };
        StepContext::new(held, 1, Arc::clone(&self.journal) as Arc<dyn saga::Journal>, CancellationToken::new())
    }

    /// Runs to the end without disturbance.
    pub(crate) async fn run(&self, direction: Direction, migrations: &[Scripts]) -> (Job, Migrated) {
        let job = Job::new();
        let migrated = self.engine.migrate(&self.claim(job), direction, migrations).await.unwrap();
        (job, migrated)
    }

    /// Begins a job and lets it die; another worker then probes and goes on. Says whether it died at all.
    pub(crate) async fn run_dying(
        &self,
        death: Death,
        direction: Direction,
        migrations: &[Scripts],
    ) -> (Job, Option<Migrated>) {
        let job = Job::new();
        self.journal.die(death);
        let cx = self.claim(job);
        let ran = self.journal.until_dead(self.engine.migrate(&cx, direction, migrations)).await;
        if let Some(ran) = ran {
            return (job, Some(ran.unwrap()));
        }
        (job, None)
    }

    /// What a worker does that takes the job over.
    pub(crate) async fn resume(
        &self,
        job: Job,
        direction: Direction,
        migrations: &[Scripts],
    ) -> Result<Migrated, StepError> {
        let cx = self.claim(job);
        match self.engine.probe(&cx, direction, migrations).await? {
            Probe::Done(migrated) => Ok(migrated),
            Probe::NotDone => {
                let migrated = self.engine.migrate(&cx, direction, migrations).await?;
                let probed = self.engine.probe(&cx, direction, migrations).await?;
                assert_eq!(probed, Probe::Done(migrated.clone()));
                Ok(migrated)
            }
            Probe::Unknown(why) => Err(StepError::unknown(why)),
        }
    }

    pub(crate) async fn undo(&self, job: Job, direction: Direction, migrations: &[Scripts]) {
        self.engine.undo(&self.claim(job), direction, migrations).await.unwrap();
    }
}

/// How many points of death the short matrix leaves out; odd, so that it takes those before and those after
/// a write in turn. With `BACKOUT_TEST_CHAOS` in the environment none is left out.
const STRIDE: usize = 5;

/// Runs `scenario` for points of death from `first` on, until one was not reached any more.
pub(crate) async fn at_deaths<F, Fut>(first: u32, scenario: F)
where
    F: FnMut(Death) -> Fut,
    Fut: Future<Output = bool>,
{
    let short = std::env::var_os("BACKOUT_TEST_CHAOS").is_none();
    let (first, stride) = if short { (first, STRIDE) } else { (0, 1) };
    at_points(first, stride, scenario).await;
}

/// [`at_deaths`] with no point left out.
pub(crate) async fn at_every_death<F, Fut>(scenario: F)
where
    F: FnMut(Death) -> Fut,
    Fut: Future<Output = bool>,
{
    at_points(0, 1, scenario).await;
}

async fn at_points<F, Fut>(first: u32, stride: usize, mut scenario: F)
where
    F: FnMut(Death) -> Fut,
    Fut: Future<Output = bool>,
{
    for point in (first..400).step_by(stride) {
        let death = if point % 2 == 0 { Death::Before(point / 2) } else { Death::After(point / 2) };
        if !scenario(death).await {
            assert!(point > 6, "the scenario hardly wrote anything");
            return;
        }
    }
    panic!("the scenario has no end");
}
