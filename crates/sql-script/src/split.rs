//! Cuts a script into statements.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};

use crate::compound::Blocks;
use crate::token::{Kind, Tokenizer, Unterminated, is_space};

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The statement without its delimiter and without comments around it.
    pub text: String,
    /// Line of its first character, from 1.
    pub line: u32,
    /// Column of its first character, from 1, in characters.
    pub column: u32,
    /// Byte at which it begins in the script.
    pub offset: usize,
}

/// Why a script cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitErrorKind {
    /// A string has no closing quote.
    UnterminatedString,
    /// A quoted identifier has no closing backtick.
    UnterminatedIdentifier,
    /// A comment has no `*/`.
    UnterminatedComment,
    /// A compound statement has no `END`.
    UnterminatedBlock,
    /// `DELIMITER` without an argument, or with one that holds a backslash.
    InvalidDelimiter,
}

impl SplitErrorKind {
    /// What is wrong, for a person.
    pub fn sentence(self) -> Sentence {
        match self {
            Self::UnterminatedString => sentence!("a string that begins here has no closing quote"),
            Self::UnterminatedIdentifier => sentence!("an identifier that begins here has no closing backtick"),
            Self::UnterminatedComment => sentence!("a comment that begins here has no closing */"),
            Self::UnterminatedBlock => sentence!("a statement that begins here has no closing END"),
            Self::InvalidDelimiter => sentence!("DELIMITER needs an argument without backslash"),
        }
    }
}

/// A script that cannot be split, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct SplitError {
    /// What is wrong.
    pub kind: SplitErrorKind,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl SplitError {
    /// What is wrong and where, for a person.
    pub fn sentence(&self) -> Sentence {
        let Self { kind, line, column } = self;
        sentence!("line {line}, column {column}: {error}", line, column, error = kind.sentence())
    }
}

/// Splits a script as the `mariadb` client would, and moreover keeps compound statements whole
/// where no `DELIMITER` protects them. Empty statements and comments between statements are left
/// out.
///
/// # Errors
/// [`SplitError`] where a string, identifier, comment or compound statement is not closed, or a
/// `DELIMITER` command is malformed.
pub fn split(script: &str) -> Result<Vec<Statement>, SplitError> {
    let mut splitter = Splitter {
        script,
        tokens: Tokenizer::new(script),
        delimiter: ";".to_owned(),
        blocks: Blocks::default(),
        span: None,
        place: Place::default(),
        statements: Vec::new(),
    };
    splitter.run()?;
    Ok(splitter.statements)
}

struct Splitter<'a> {
    script: &'a str,
    tokens: Tokenizer<'a>,
    delimiter: String,
    blocks: Blocks,
    /// First and last significant byte of the statement being read.
    span: Option<(usize, usize)>,
    place: Place,
    statements: Vec<Statement>,
}

impl Splitter<'_> {
    fn run(&mut self) -> Result<(), SplitError> {
        let mut executable_from = 0;
        loop {
            if self.at_delimiter() {
                self.finish();
                self.tokens.pos += self.delimiter.len();
                continue;
            }
            if self.span.is_none() && self.at_line_start() {
                if self.delimiter_command()? {
                    continue;
                }
                // The client drops such lines even without a space after the dashes, and no
                // statement begins with them.
                if self.tokens.rest().starts_with("--") {
                    self.tokens.line_comment();
                    continue;
                }
            }
            let at = self.tokens.pos;
            let token = self.tokens.next(Some(&self.delimiter)).map_err(|open| self.error(open.into(), at))?;
            let Some(token) = token else { break };
            if matches!(token.kind, Kind::Space | Kind::Comment) {
                continue;
            }
            if matches!(token.kind, Kind::ExecutableOpen(_)) {
                executable_from = token.start;
            }
            let first = self.span.map_or(token.start, |(first, _)| first);
            self.span = Some((first, token.end));
            self.blocks.feed(token.kind, &self.script[token.start..token.end]);
        }
        if self.tokens.executable {
            return Err(self.error(SplitErrorKind::UnterminatedComment, executable_from));
        }
        if let Some((first, _)) = self.span
            && self.holds_semicolons()
        {
            return Err(self.error(SplitErrorKind::UnterminatedBlock, first));
        }
        self.finish();
        Ok(())
    }

    /// Whether a `;` belongs to a compound statement rather than ending one. With any other
    /// delimiter the author has said where statements end.
    fn holds_semicolons(&self) -> bool {
        self.delimiter == ";" && self.blocks.is_open()
    }

    fn at_delimiter(&self) -> bool {
        !self.tokens.executable && self.tokens.rest().starts_with(&self.delimiter) && !self.holds_semicolons()
    }

    fn at_line_start(&self) -> bool {
        self.script[..self.tokens.pos].chars().rev().take_while(|&c| c != '\n').all(is_space)
    }

    /// Reads a `DELIMITER` line; false where there is none here.
    fn delimiter_command(&mut self) -> Result<bool, SplitError> {
        const WORD: &str = "delimiter";
        let rest = self.tokens.rest();
        let is_command = rest.get(..WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(WORD))
            && rest[WORD.len()..].chars().next().is_none_or(is_space);
        if !is_command {
            return Ok(false);
        }
        let line = rest.split('\n').next().unwrap_or(rest);
        let argument = line[WORD.len()..].trim_matches(is_space);
        let argument = match argument.chars().next() {
            Some(quote @ ('\'' | '"' | '`')) => argument[1..].split(quote).next().unwrap_or_default(),
            _ => argument.split(is_space).next().unwrap_or_default(),
        };
        if argument.is_empty() || argument.contains('\\') {
            return Err(self.error(SplitErrorKind::InvalidDelimiter, self.tokens.pos));
        }
        argument.clone_into(&mut self.delimiter);
        self.tokens.pos += line.len();
        Ok(true)
    }

    fn finish(&mut self) {
        if let Some((first, last)) = self.span.take() {
            let (line, column) = self.place.at(self.script, first);
            self.statements.push(Statement { text: self.script[first..last].to_owned(), line, column, offset: first });
        }
        self.blocks = Blocks::default();
    }

    fn error(&self, kind: SplitErrorKind, offset: usize) -> SplitError {
        let (line, column) = self.place.clone().at(self.script, offset);
        SplitError { kind, line, column }
    }
}

impl From<Unterminated> for SplitErrorKind {
    fn from(open: Unterminated) -> Self {
        match open {
            Unterminated::String => Self::UnterminatedString,
            Unterminated::Identifier => Self::UnterminatedIdentifier,
            Unterminated::Comment => Self::UnterminatedComment,
        }
    }
}

/// Turns growing offsets into lines and columns in one pass over the script.
#[derive(Debug, Clone)]
struct Place {
    offset: usize,
    line: u32,
    column: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { offset: 0, line: 1, column: 1 }
    }
}

impl Place {
    fn at(&mut self, script: &str, offset: usize) -> (u32, u32) {
        for c in script[self.offset..offset].chars() {
            if c == '\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
        self.offset = offset;
        (self.line, self.column)
    }
}
