//! Statements that MariaDB does not run as a whole or not at all.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};

use crate::effect::{AlterAction, Classified, Effect, TableName};

/// Why a statement is not atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonAtomic {
    /// `DROP TABLE a, missing` fails and still drops `a`.
    MultiDrop,
    /// The old table is gone before the new one exists.
    CreateOrReplaceTable,
    /// Tables go one by one.
    DropDatabase,
    /// Partitions are files of their own.
    Partitioning,
}

impl NonAtomic {
    /// The reason, for a person.
    pub fn sentence(self) -> Sentence {
        match self {
            Self::MultiDrop => sentence!("a DROP of several objects drops those before the one that fails"),
            Self::CreateOrReplaceTable => {
                sentence!("CREATE OR REPLACE TABLE drops the old table before the new one exists")
            }
            Self::DropDatabase => sentence!("a database is dropped table by table"),
            Self::Partitioning => {
                sentence!("ALTER TABLE … PARTITION changes several files and cannot be taken back as one")
            }
        }
    }
}

/// What to do with a statement that is not atomic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rewrite", rename_all = "snake_case")]
pub enum Rewrite {
    /// Run these instead, one after the other; each is atomic.
    Split {
        /// Why the original is not atomic.
        reason: NonAtomic,
        /// The statements to run instead.
        statements: Vec<String>,
    },
    /// No equivalent is known: the script's author has to write it another way.
    Refuse {
        /// Why it is not atomic.
        reason: NonAtomic,
    },
}

/// Says how a statement that MariaDB does not run atomically is to be run, or `None` where it is
/// atomic or not understood (an unknown statement is refused elsewhere).
pub fn non_atomic(classified: &Classified) -> Option<Rewrite> {
    let split = |verb: &str, if_exists: bool, names: &[TableName]| Rewrite::Split {
        reason: NonAtomic::MultiDrop,
        statements: names
            .iter()
            .map(|name| {
                let guard = if if_exists { "IF EXISTS " } else { "" };
                format!("{verb} {guard}{}", name.quoted())
            })
            .collect(),
    };
    match &classified.effect {
        Effect::DropTable { tables, if_exists, temporary } if tables.len() > 1 => {
            let verb = if *temporary { "DROP TEMPORARY TABLE" } else { "DROP TABLE" };
            Some(split(verb, *if_exists, tables))
        }
        Effect::DropView { views, if_exists } if views.len() > 1 => Some(split("DROP VIEW", *if_exists, views)),
        Effect::CreateTable { or_replace: true, temporary: false, .. } => {
            Some(Rewrite::Refuse { reason: NonAtomic::CreateOrReplaceTable })
        }
        Effect::CreateDatabase { or_replace: true, .. } | Effect::DropDatabase { .. } => {
            Some(Rewrite::Refuse { reason: NonAtomic::DropDatabase })
        }
        Effect::AlterTable { actions, .. }
            if actions.iter().any(|action| matches!(action, AlterAction::Partition { .. })) =>
        {
            Some(Rewrite::Refuse { reason: NonAtomic::Partitioning })
        }
        _ => None,
    }
}
