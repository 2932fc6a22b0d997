//! The steps of a deployment or rollback, one file a step.
//!
//! Containers carry labels (`io.backout.job`, `.step`, …), so that whoever takes a job over finds what an
//! earlier worker did. The container that a service ran in before is kept under a name made from the
//! job's id until the job is past its pivot; see `retired.rs` for how it stays down and yet keeps its
//! restart policy. Docker has no compare-and-set, so the job's claim is checked right before each change.

mod backup;
mod body;
mod check_health;
mod container;
mod error;
mod factory;
mod finish;
mod flush_cache;
mod host;
mod http;
mod labels;
mod maintenance_off;
mod maintenance_on;
mod masks;
mod migrate;
mod page;
mod page_container;
mod page_gateway;
mod preflight;
mod provider;
mod restore;
mod resume_service;
mod retired;
mod start_service;
mod stop_service;
mod verify;

pub use error::docker_error;
pub use factory::Factory;
pub use provider::{OpenService, Provider};
