//! Takes data stores from one schema to another and back, one journalled statement at a time.
//!
//! A migration's statements run under the target's lock; each is journalled before and after it runs,
//! and one that was interrupted is probed, never blindly run again. What a statement would destroy is
//! put aside first and comes back when the migration goes the other way.

mod backup;
mod book;
mod engine;
mod error;
mod examine;
mod kept;
mod losses;
mod mariadb;
mod mongodb;
mod preserved;
mod rehearsal;
mod restore;
mod script;
mod space;

pub use backup::BackupReport;
pub use engine::{DataEngine, DataTarget, Migrated, Scripts};
pub use error::{Error, Result};
pub use examine::examine;
pub use losses::Loss;
pub use preserved::{Cell, KeptRows};
pub use rehearsal::Rehearsal;
pub use restore::{Restoration, RestoreReport};
/// How the names of databases begin that are made to try something on, and removed again.
pub const SCRATCH_PREFIX: &str = driver_mongodb::SCRATCH_PREFIX;

pub use space::{Space, available_bytes};
