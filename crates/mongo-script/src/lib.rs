//! Runs scripts written for `mongosh` in a sandbox and turns every database call into a database
//! command as data.
//!
//! The sandbox is a `QuickJS` interpreter with a `db` of our own: no driver, no network, no files,
//! and limits on memory, time, output and operations. [`compile`] runs a script without a server:
//! a script that never looks at a result becomes a list of [`Operation`]s, which can be shown,
//! hashed, approved and journalled before anything happens. [`run_live`] runs a script whose course
//! depends on what the server answers; its [`Host`] carries out each operation.
//!
//! Differences from the shell, all of them on purpose: an unknown method, global or option is an
//! error instead of a surprise at run time; `bulkWrite` keeps its order and is one operation for each
//! statement; there are no sessions, and neither `load` nor `require`; `_id`s that the shell would
//! invent come from the script and the clock, so that they can be shown beforehand.

mod compile;
mod effect;
mod engine;
mod error;
mod lexer;
mod live;
mod names;
mod operation;
mod settings;
mod source;

pub use compile::{Compiled, compile};
pub use effect::{Effect, IndexReference, IndexSpecification};
pub use error::{ErrorKind, ScriptError};
pub use live::{Host, HostError, RunReport, StopSign, run_live};
pub use operation::Operation;
pub use settings::{Limits, Settings};
