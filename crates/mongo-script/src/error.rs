use sentence::{Sentence, sentence};

/// What kind of thing went wrong in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The source is not JavaScript.
    Syntax,
    /// A method or a global that does not exist in the sandbox.
    UnknownName,
    /// A call with arguments that make no command.
    Argument,
    /// The script threw an error of its own, or ran into a JavaScript error.
    Thrown,
    /// The server refused an operation and the script did not handle it.
    Server {
        /// The server's error code.
        code: Option<i32>,
    },
    /// The host stopped the script: connection or lease lost, deadline passed.
    Stopped,
    /// The time limit passed.
    Time,
    /// The memory limit was reached.
    Memory,
    /// More operations, or a larger source, than the limits allow.
    TooLarge,
    /// The sandbox itself failed.
    Internal,
}

/// A script that cannot be compiled or did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ScriptError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What happened, for a person.
    pub message: Sentence,
    /// Line in the source, from 1; 0 where it is not known.
    pub line: u32,
    /// Column in the source, from 1; 0 where it is not known.
    pub column: u32,
}

impl ScriptError {
    /// What happened and where, for a person.
    pub fn sentence(&self) -> Sentence {
        let Self { message, line, column, .. } = self;
        match line {
            0 => message.clone(),
            _ => sentence!("line {line}, column {column}: {error}", line, column, error = message),
        }
    }

    pub(crate) fn new(kind: ErrorKind, message: Sentence) -> Self {
        Self { kind, message, line: 0, column: 0 }
    }

    pub(crate) fn at(mut self, position: Option<(u32, u32)>) -> Self {
        if let Some((line, column)) = position {
            self.line = line;
            self.column = column;
        }
        self
    }
}
