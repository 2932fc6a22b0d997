//! What the API answers: one shape for server, client, command line and tests.

mod data;
mod job;
mod requests;
mod resources;

pub use data::{BackupView, BackupsView, DataStoreView, KeptView, LedgerRowView, LedgerView, RecoveryPoint};
pub use job::{ErrorView, JobEventView, JobView, Measurements, StepView};
pub use requests::{
    CancelRequest, DeployRequest, MaintenanceRequest, NewApplication, NewEnvironment, NewToken, ResolveRequest,
    RollbackRequest, StuckChoice,
};
pub use resources::{
    ApplicationView, CurrentView, DeploymentView, EnvironmentView, MintedToken, Page, ReleaseDetail, ReleaseView,
    TokenView,
};
