//! Use cases: one file a resource or verb. Nothing here knows HTTP.

mod applications;
mod caller;
mod data_stores;
mod deployments;
mod environments;
mod error;
mod health;
mod idempotency;
mod jobs;
mod maintenance;
mod releases;
mod rollbacks;
mod tokens;

pub use caller::{Caller, permission};
pub use error::{Error, Result};
pub use health::Dependency;
pub use idempotency::{IdempotencyKey, Recorded, Reservation};
pub use jobs::JobFilter;
pub use releases::ReleaseFilter;

/// A page that was asked for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// How many items, 1 to 200; 50 if absent.
    pub limit: Option<u32>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
}

/// The control plane: every use case is a method. Cheap to clone.
#[derive(Clone)]
pub struct Control {}
