use sentence::{Sentence, sentence};

use crate::{
    engine::{self, Mode},
    error::ScriptError,
    operation::Operation,
    settings::Settings,
    source::Source,
};

/// What can be known of a script without a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiled {
    /// The script does exactly these operations, whatever the server answers, and stops at the
    /// first that fails.
    Predictable(Vec<Operation>),
    /// What the script does depends on what the server answers.
    Live {
        /// What makes it so.
        reason: Sentence,
        /// Line in the source, from 1; 0 where it is not known.
        line: u32,
        /// Column in the source, from 1; 0 where it is not known.
        column: u32,
    },
}

/// Runs a script without a server and records its operations.
///
/// Looking at a result (a property of a write's reply, a document, a count) makes the script
/// [`Compiled::Live`], and so does handling errors with `try`. A result that is thrown away does
/// not: `db.migrations.find().limit(1);` as a statement is recorded as a read.
pub fn compile(source: &str, settings: &Settings) -> Result<Compiled, ScriptError> {
    let source = Source::read(source)?;
    let handles_errors = source.handles_errors;
    let finished = engine::run(source, settings, Mode::Record)?;
    if let Some(used) = finished.used {
        return Ok(Compiled::Live { reason: used.reason, line: used.line, column: used.column });
    }
    match handles_errors {
        Some((line, column)) if !finished.operations.is_empty() => Ok(Compiled::Live {
            reason: sentence!("the script handles errors itself, so its course depends on them"),
            line,
            column,
        }),
        _ => Ok(Compiled::Predictable(finished.operations)),
    }
}
