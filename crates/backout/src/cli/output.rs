//! The only place that writes to standard output and standard error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use super::context::Context;

/// Writes a line for the reader. A reader that went away (`| head`) is no failure.
pub(crate) fn line(text: &str) {
    // Nothing sensible can be done where even standard output is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Writes a line about what went wrong or what is asked.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes a question without ending its line.
pub(crate) fn question(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{text}");
    let _ = stderr.flush();
}

/// Writes what the API answered, for scripts.
pub(crate) fn json(data: &impl Serialize) {
    match serde_json::to_string_pretty(data) {
        Ok(text) => line(&text),
        Err(problem) => error(&problem.to_string()),
    }
}

/// Says how to ask for the next page, where there is one.
pub(crate) fn next_page(context: &Context, cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        line(&context.text("cli.next-page", [("cursor", cursor)]));
    }
}

/// Whether a person looks at standard output.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person can answer questions.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
