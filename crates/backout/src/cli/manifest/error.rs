//! Files that were given, and what is wrong with them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use i18n::{Language, text};
use sentence::Sentence;
use serde::de::DeserializeOwned;

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) struct FileError {
    path: PathBuf,
    /// From 1; none where it is about the file as a whole.
    line: Option<usize>,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unreadable(std::io::Error),
    TooLarge(u64),
    Wrong(Sentence),
}

impl FileError {
    /// Something is wrong with what the file says.
    pub(crate) fn wrong(path: &Path, line: Option<usize>, detail: Sentence) -> Self {
        Self { path: path.to_owned(), line, reason: Reason::Wrong(detail) }
    }

    /// Where, and what: `v0.8.1.toml:12: there is no folder ../migrations`.
    pub(crate) fn message(&self, language: Language) -> String {
        let path = self.path.display().to_string();
        let at = self.line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
        match &self.reason {
            Reason::Unreadable(error) => {
                text(language, "cli.file-unreadable", [("path", at.as_str()), ("reason", error.to_string().as_str())])
            }
            Reason::TooLarge(limit) => {
                text(language, "cli.file-too-large", [("path", at.as_str()), ("limit", limit.to_string().as_str())])
            }
            Reason::Wrong(detail) => format!("{at}: {}", i18n::sentence(language, detail)),
        }
    }
}

/// The text of a file, with the way back from places to lines.
pub(crate) struct Source {
    path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// Reads a file of at most that many bytes.
    pub(crate) fn read(path: &Path, limit: u64) -> Result<Self, FileError> {
        let of = |reason| FileError { path: path.to_owned(), line: None, reason };
        let size = std::fs::metadata(path).map_err(|error| of(Reason::Unreadable(error)))?.len();
        if size > limit {
            return Err(of(Reason::TooLarge(limit)));
        }
        let text = std::fs::read_to_string(path).map_err(|error| of(Reason::Unreadable(error)))?;
        Ok(Self { path: path.to_owned(), text })
    }

    pub(crate) fn parse_toml<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        toml::from_str(&self.text).map_err(|error| {
            let line = error.span().map(|span| self.line(span.start));
            FileError::wrong(&self.path, line, Sentence::verbatim(error.message()))
        })
    }

    pub(crate) fn parse_json<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        serde_json::from_str(&self.text)
            .map_err(|error| FileError::wrong(&self.path, Some(error.line()), Sentence::verbatim(error.to_string())))
    }

    /// A path that the file names, relative to it.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    pub(super) fn wrong(&self, place: Range<usize>, detail: Sentence) -> FileError {
        FileError::wrong(&self.path, Some(self.line(place.start)), detail)
    }

    pub(super) fn wrong_as_a_whole(&self, detail: Sentence) -> FileError {
        FileError::wrong(&self.path, None, detail)
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}
