//! Runs scripts written for `mongosh` in a sandbox and turns every database call into a database
//! command as data.
//!
//! The sandbox is a `QuickJS` interpreter with a `db` of our own: no driver, no network, no files,
//! and limits on memory, time, output and operations. [`compile`] runs a script without a server:
//! a script that never looks at a result becomes a list of [`Operation`]s, which can be shown,
//! hashed, approved and journalled before anything happens. [`run_live`] runs a script whose course
//! depends on what the server answers; its [`Host`] carries out each operation.

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
pub use live::{Host, HostError, RunReport, run_live};
pub use operation::Operation;
pub use settings::{Limits, Settings};
