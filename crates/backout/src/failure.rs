//! Why a command of the service ended, as it is told and as scripts see it.

use std::path::Path;

use i18n::Language;
use sentence::{ToValue, sentence};

use crate::keyed::Keyed;
use crate::{data_directory, embedded, keys};

/// The exit codes of `serve`, `worker` and `admin`, of sysexits.h as far as it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It would have to overwrite something and was not told to.
    Refused = 3,
    /// A setting or a file cannot be used (EX_CONFIG is 78; the everyday commands say 64 too).
    Settings = 64,
    /// Something that it needs is not there: a server, a port, the data directory.
    Unavailable = 69,
    /// A failure of ours.
    Internal = 70,
}

/// Why it ended.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What the sentences have in common, if there may be several.
    heading: Option<Keyed>,
    sentences: Vec<Keyed>,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// One sentence.
    pub(crate) fn new(exit: Exit, sentence: Keyed) -> Self {
        Self { exit, heading: None, sentences: vec![sentence] }
    }

    /// Settings that cannot be used, all of them.
    pub(crate) fn settings(mistakes: Vec<Keyed>) -> Self {
        Self { exit: Exit::Settings, heading: Some(Keyed::new("serve.settings-wrong")), sentences: mistakes }
    }

    /// Something that is needed does not work.
    pub(crate) fn unavailable(reason: impl ToValue) -> Self {
        Self::new(Exit::Unavailable, Keyed::new("serve.unavailable").with("reason", reason))
    }

    /// Something of ours failed.
    pub(crate) fn internal(reason: impl ToValue) -> Self {
        Self::new(Exit::Internal, Keyed::new("serve.internal").with("reason", reason))
    }

    /// The control database is not whole.
    pub(crate) fn restore_unfinished(data_directory: &Path) -> Self {
        let sentence = Keyed::new("serve.restore-unfinished").with("path", data_directory);
        Self::new(Exit::Unavailable, sentence)
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        self.exit as u8
    }

    /// What a person reads, one line a mistake.
    pub(crate) fn text(&self, language: Language) -> String {
        let lines = self.heading.iter().chain(&self.sentences).map(|sentence| sentence.text(language));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl From<data_directory::Error> for Failure {
    fn from(error: data_directory::Error) -> Self {
        let sentence = match &error {
            data_directory::Error::Held { path, holder } => {
                Keyed::new("serve.held").with("path", path).with("holder", holder)
            }
            data_directory::Error::Io(error) => Keyed::new("serve.unavailable").with("reason", error.sentence()),
        };
        Self::new(Exit::Unavailable, sentence)
    }
}

impl From<embedded::Error> for Failure {
    fn from(error: embedded::Error) -> Self {
        Self::unavailable(error.sentence())
    }
}

impl From<driver_mariadb::Error> for Failure {
    fn from(error: driver_mariadb::Error) -> Self {
        Self::unavailable(error.sentence())
    }
}

impl From<keys::Error> for Failure {
    fn from(error: keys::Error) -> Self {
        Self::new(Exit::Settings, Keyed::new("serve.keys-unusable").with("reason", error.sentence()))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let reason = error.sentence();
        if error.is_unavailable() { Self::unavailable(reason) } else { Self::internal(reason) }
    }
}

impl From<control::Error> for Failure {
    fn from(error: control::Error) -> Self {
        let reason = sentence!("{name}: {problem}", name = error.problem.slug(), problem = error.detail);
        if error.problem == domain::problem::ProblemType::Unavailable {
            Self::unavailable(reason)
        } else {
            Self::internal(reason)
        }
    }
}
