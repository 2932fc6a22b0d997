//! Typed client of the REST API, used by the command line and by the tests.
//!
//! One method for each use case of the control plane. Every call has a time limit and a size limit; calls that
//! may be sent twice without harm are repeated a few times when the connection is lost.

mod applications;
mod backups;
mod call;
mod data_stores;
mod deployments;
mod envelope;
mod environments;
mod error;
mod events;
mod health;
mod http;
mod jobs;
mod maintenance;
mod migrations;
mod page;
mod preserved;
mod rehearsals;
mod releases;
mod rollbacks;
mod series;
mod sse;
mod tls;
mod tokens;

pub use deployments::DeploymentFilter;
pub use error::{Error, Problem, Result};
pub use health::{Dependency, Readiness};
pub use http::{Client, Settings};
pub use jobs::JobFilter;
pub use page::{PageRequest, every, rest};
pub use preserved::ExportFormat;
pub use releases::ReleaseFilter;
