//! Runs the steps of a plan durably.
//!
//! A step is journalled as started before its effect and as finished after it; every journal write
//! is guarded by the fence number of the worker's claim. Whoever takes a job over probes what it finds
//! started and never runs it blindly. Before the pivot a failure unwinds, after it the job goes on
//! forward or is stuck. This crate knows no Docker, no SQL and no HTTP.

mod bind;
mod context;
mod drive;
mod error;
mod journal;
mod limits;
mod once;
mod statement;
mod step;

pub use context::StepContext;
pub use drive::{Outcome, drive};
pub use error::{Abandoned, ErrorKind, JournalError, StepError};
pub use journal::{Held, JobNote, JobRecord, Journal, StepNote, StepRecord};
pub use statement::{AppliedUp, Keeper, LedgerRecord, Preservation, StatementEntry, StatementJournal, StatementKey};
pub use step::{BoundStep, Erased, Probe, Step, StepFactory};
