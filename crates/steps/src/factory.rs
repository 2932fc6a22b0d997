//! From a step's specification to the step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::JobId;
use domain::ledger::Direction;
use domain::plan::StepSpec;
use saga::{BoundStep, Erased, Step, StepError, StepFactory};

use crate::backup::Backup;
use crate::check_health::CheckHealth;
use crate::finish::Finish;
use crate::flush_cache::FlushCache;
use crate::maintenance_off::MaintenanceOff;
use crate::maintenance_on::MaintenanceOn;
use crate::migrate::Migrate;
use crate::page::Page;
use crate::preflight::Preflight;
use crate::provider::Provider;
use crate::restore::Restore;
use crate::resume_service::ResumeService;
use crate::start_service::StartService;
use crate::stop_service::StopService;
use crate::verify::Verify;

/// Binds specifications to steps that ask for their drivers only when they run: a host that is away delays
/// a step, and does not keep it from being bound.
pub struct Factory {
    provider: Arc<dyn Provider>,
}

impl Factory {
    /// A factory whose steps get their drivers from `provider`.
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider }
    }
}

fn erased<S: Step + 'static>(step: S) -> Box<dyn BoundStep> {
    Box::new(Erased(step))
}

#[async_trait]
impl StepFactory for Factory {
    async fn bind(&self, _job: JobId, spec: &StepSpec) -> Result<Box<dyn BoundStep>, StepError> {
        let provider = Arc::clone(&self.provider);
        Ok(match spec.clone() {
            StepSpec::Preflight { preconditions } => erased(Preflight { provider, preconditions }),
            StepSpec::Backup { store, engine, anew } => erased(Backup { provider, store, engine, anew }),
            StepSpec::Restore { store, backup, path, sha256, database, check: is_check, .. } => {
                let path = path.into();
                erased(Restore { provider, store, backup, path, sha256, database, is_check })
            }
            StepSpec::StopService { at } => erased(StopService { provider, at }),
            StepSpec::MaintenanceOn { page } => erased(MaintenanceOn { provider, page: Page::at(page) }),
            StepSpec::MigrateDown { store, migrations, .. } => {
                erased(Migrate { provider, store, direction: Direction::Down, migrations })
            }
            StepSpec::MigrateUp { store, migrations, .. } => {
                erased(Migrate { provider, store, direction: Direction::Up, migrations })
            }
            StepSpec::FlushCache { store, patterns } => erased(FlushCache { provider, store, patterns }),
            StepSpec::MaintenanceOff { page } => erased(MaintenanceOff { provider, page: Page::at(page) }),
            StepSpec::ResumeService { at, stopped_by } => erased(ResumeService { provider, at, stopped_by }),
            StepSpec::StartService { at, release, image, image_id, config_sha256, replaces } => {
                erased(StartService { provider, at, release, image, image_id, config_sha256, replaces })
            }
            StepSpec::CheckHealth { at, port, path, deadline_seconds } => {
                let within = Duration::from_secs(deadline_seconds.into());
                erased(CheckHealth { provider, at, port, path, within })
            }
            StepSpec::Verify { version, from_deployment: _ } => erased(Verify { provider, version }),
            StepSpec::Finish { retired } => erased(Finish { provider, retired }),
        })
    }
}
