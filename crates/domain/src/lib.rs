//! The words and rules of Backout: versions, releases, environments, plans, jobs and their states.
//!
//! Nothing here does IO. What the rest of the house reads from stores and servers arrives as
//! [`plan::Facts`], and what it does is written down as [`plan::Plan`].

pub mod deployment;
mod env_value;
pub mod environment;
pub mod finding;
pub mod ids;
pub mod job;
pub mod ledger;
pub mod limits;
pub mod plan;
pub mod problem;
pub mod rehearsal;
pub mod release;
pub mod reservation;
pub mod secret;
pub mod series;
pub mod step;
pub mod version;
pub mod view;

pub use secret::Secret;
pub use version::Version;
