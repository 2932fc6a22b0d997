//! A migration's scripts, checked against the hashes under which they were registered.

use domain::ledger::Direction;
use saga::{StatementKey, StepError};
use sentence::{Sentence, sentence};
use sha2::{Digest, Sha256};

use crate::engine::Scripts;

/// One of a migration's scripts, on its way to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script<'a> {
    pub(crate) scripts: &'a Scripts,
    /// Which of the two.
    pub(crate) direction: Direction,
    /// Whether it runs to undo the step.
    pub(crate) undo: bool,
    pub(crate) text: &'a str,
}

impl<'a> Script<'a> {
    /// The script of that direction; an error where there is none, or its bytes are not the registered ones.
    pub(crate) fn of(scripts: &'a Scripts, direction: Direction, undo: bool) -> Result<Self, StepError> {
        let reference = &scripts.reference;
        let (text, registered) = match direction {
            Direction::Up => (Some(scripts.up.as_str()), Some(reference.up_sha256.as_str())),
            Direction::Down => (scripts.down.as_deref(), reference.down_sha256.as_deref()),
        };
        let missing = || {
            let (version, direction) = (&reference.version, direction.as_str());
            StepError::permanent(sentence!("migration {version} has no {direction} script", version, direction))
        };
        let (text, registered) = (text.ok_or_else(missing)?, registered.ok_or_else(missing)?);
        if sha256(text.as_bytes()) != registered {
            return Err(StepError::permanent(sentence!(
                "the {direction} script of migration {version} is not the one that was registered: its SHA-256 differs",
                direction = direction.as_str(),
                version = &reference.version
            )));
        }
        Ok(Self { scripts, direction, undo, text })
    }

    pub(crate) fn version(&self) -> &'a str {
        &self.scripts.reference.version
    }

    pub(crate) fn key(&self, index: u32, sha256: &str) -> StatementKey {
        StatementKey {
            undo: self.undo,
            migration: self.version().to_owned(),
            direction: self.direction,
            index,
            sha256: sha256.to_owned(),
        }
    }

    /// The entry behind the last statement: ledger, fingerprint and kept data are settled too.
    pub(crate) fn end(&self, statements: usize) -> StatementKey {
        self.key(number(statements), &sha256(self.text.as_bytes()))
    }

    /// For messages: `migration 20250110001 (down)`.
    pub(crate) fn name(&self) -> Sentence {
        sentence!("migration {version} ({direction})", version = self.version(), direction = self.direction.as_str())
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A number of statements; no script has more than fit.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(crate) fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Up => Direction::Down,
        Direction::Down => Direction::Up,
    }
}
