//! What a rollback takes away, with samples for those who may see data.

use domain::plan::{Loss, PlannedLoss, StepSpec};
use domain::problem::ProblemType;
use domain::view::{LossView, RollbackRequest};
use steps::Provider as _;

use crate::provider::StoreProvider;
use crate::{Caller, Control, Error, Result, permission};

/// How many rows or documents are shown of each.
const SAMPLES: u32 = 3;

impl Control {
    /// What the target of a rollback would not know, each with some of its rows or documents.
    pub async fn sample_losses(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: &RollbackRequest,
    ) -> Result<Vec<LossView>> {
        caller.require(permission::DATA_READ)?;
        let (stored, plan) = self.rollback_plan(application, environment, request).await?;
        let unreachable = |why| Error::new(ProblemType::Unavailable, why).with_command("backout doctor");
        let mut views = Vec::new();
        for step in &plan.steps {
            let StepSpec::MigrateDown { store, migrations, .. } = &step.spec else { continue };
            let Some(data_store) = stored.spec.data_store(store) else { continue };
            let engine = self
                .targets()
                .data_engine(stored.id, data_store)
                .await
                .map_err(|error| unreachable(error.sentence()))?;
            let scripts = StoreProvider::new(self.clone())
                .scripts(migrations)
                .await
                .map_err(|error| Error::new(ProblemType::Internal, error.message))?;
            for script in &scripts {
                let Some(down) = &script.down else { continue };
                let losses = engine.losses(down, SAMPLES).await.map_err(|error| unreachable(error.sentence()))?;
                views.extend(losses.into_iter().map(|loss| LossView {
                    loss: PlannedLoss {
                        store: store.clone(),
                        migration: script.reference.version.clone(),
                        loss: Loss { object: loss.object, rows: loss.rows },
                    },
                    samples: loss.samples,
                }));
            }
        }
        Ok(views)
    }
}
