//! What the API answers: one shape for server, client, command line and tests.

mod data;
mod job;
mod loss;
mod rehearsal;
mod report;
mod requests;
mod resources;

pub use data::{
    BackupView, BackupsView, CorrectionView, DataStoreView, DriftView, KeptDetail, KeptDrop, KeptSample, KeptState,
    KeptView, LedgerRowView, LedgerView, RecoveryPoint,
};
pub use job::{ErrorView, JobEventView, JobView, Measurements, StepView};
pub use loss::LossView;
pub use rehearsal::{RehearsalRequest, RehearsalView, WayBack};
pub use report::{JobReport, StatementView};
pub use requests::{
    BackupRequest, BaselineRequest, CancelRequest, DeployRequest, DropKeptRequest, MaintenanceRequest, MigrateRequest,
    NewApplication, NewEnvironment, NewToken, RepairRequest, ResolveRequest, RestoreRequest, RollbackRequest,
    StuckChoice,
};
pub use resources::{
    ApplicationView, CurrentView, DeploymentView, EnvironmentView, MintedToken, Page, ReleaseDetail, ReleaseView,
    SeriesView, TokenView,
};
