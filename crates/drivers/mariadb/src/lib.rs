//! Drives a target MariaDB: one pinned connection that holds the lock and runs the statements,
//! what the schema looks like, the target's own ledger, and dumps.
//!
//! Only this crate talks to target servers through `sqlx`, `mariadb-dump` and `mariadb`. It knows
//! nothing of plans and jobs. Every wait has a limit, and no error shows the password.

mod checksum;
mod definitions;
mod dump;
mod error;
mod fingerprint;
mod json;
mod ledger;
mod lock;
mod name;
mod rows;
mod schema;
mod session;
mod target;
mod tool;

pub use checksum::Checksum;
pub use definitions::{Definition, Definitions, Reference, TableDefinition};
pub use dump::{DumpLimits, DumpReport, Verified, dump, restore, verify};
pub use error::{Error, Result};
pub use fingerprint::{Change, Difference, Fingerprint, fingerprint};
pub use ledger::{Ledger, LedgerForm, ledgers};
pub use name::{ObjectRef, quote_identifier};
pub use rows::RawRow;
pub use schema::{Cascade, Column, ForeignKey, OnDelete, RoutineKind, Trigger};
pub use session::{Executed, ResultSet, Session, SessionOptions};
pub use target::{Killed, Target};
