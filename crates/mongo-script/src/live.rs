use std::sync::Arc;

use sentence::Sentence;
use serde_json::Value;

use crate::{
    engine::{self, Mode},
    error::ScriptError,
    operation::Operation,
    settings::Settings,
    source::Source,
};

/// Carries out the operations of a script that runs live.
pub trait Host {
    /// Runs one operation and returns the server's reply in canonical extended JSON. Blocks the
    /// script meanwhile; deadlines are the host's business. Called on the thread of [`run_live`].
    fn execute(&mut self, operation: &Operation) -> Result<Value, HostError>;

    /// What tells that the script has to end: asked before each operation, and all along while the script
    /// computes. Nothing by default.
    fn stop_sign(&self) -> StopSign {
        Arc::new(|| false)
    }
}

/// Whether to stop. Asked often, and on the interpreter's thread.
pub type StopSign = Arc<dyn Fn() -> bool + Send + Sync>;

/// Why an operation was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The server refused it; the script may handle that with `try`.
    #[error("{message}")]
    Server {
        /// The server's error code.
        code: Option<i32>,
        /// The server's error name, such as `IndexNotFound`.
        name: Option<String>,
        /// What the server said.
        message: String,
    },
    /// The script has to end here and cannot prevent it: connection or lease lost, cancelled.
    #[error("{0}")]
    Stop(Sentence),
}

/// What a script did that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// How many operations were carried out.
    pub operations: u32,
    /// The lines printed.
    pub output: Vec<String>,
    /// Whether more was printed than the limit allows.
    pub output_truncated: bool,
}

/// Runs a script against a server through `host`.
///
/// Cursors are read in the batches the server gives; those never read send nothing, as in `mongosh`.
/// The interpreter has a thread of its own, so this must be called where blocking is allowed.
pub fn run_live(source: &str, host: &mut dyn Host, settings: &Settings) -> Result<RunReport, ScriptError> {
    let source = Source::read(source)?;
    let finished = engine::run(source, settings, Mode::Live(host))?;
    Ok(RunReport { operations: finished.count, output: finished.output, output_truncated: finished.output_truncated })
}
