//! What the operating system refuses to do with a file, a folder or a program.

use std::path::{Path, PathBuf};

use sentence::{Sentence, sentence};

/// What was to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Find,
    Lock,
    Make,
    MakeFolderIn,
    Move,
    Open,
    Read,
    Run,
    Watch,
    Write,
}

/// What could not be done, to what, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) struct IoError {
    doing: Doing,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl IoError {
    /// For `map_err`.
    pub(crate) fn of(doing: Doing, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }

    /// What people are told.
    pub(crate) fn sentence(&self) -> Sentence {
        let Self { doing, path, source: error } = self;
        match doing {
            Doing::Find => sentence!("cannot find {path}: {error}", path, error),
            Doing::Lock => sentence!("cannot lock {path}: {error}", path, error),
            Doing::Make => sentence!("cannot make {path}: {error}", path, error),
            Doing::MakeFolderIn => sentence!("cannot make a folder in {path}: {error}", path, error),
            Doing::Move => sentence!("cannot move {path}: {error}", path, error),
            Doing::Open => sentence!("cannot open {path}: {error}", path, error),
            Doing::Read => sentence!("cannot read {path}: {error}", path, error),
            Doing::Run => sentence!("cannot run {path}: {error}", path, error),
            Doing::Watch => sentence!("cannot watch {path}: {error}", path, error),
            Doing::Write => sentence!("cannot write {path}: {error}", path, error),
        }
    }
}
