//! Which of several copies comes back. A copy is made each time a script destroys something, and one that could not
//! come back is still there when the next is made.

use sentence::{Sentence, sentence};
use std::collections::HashSet;

use domain::ids::PreservationId;
use saga::{Keeper, Preservation, StepError};
use serde::{Deserialize, Serialize};

/// What becomes of one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choice {
    pub(crate) id: PreservationId,
    pub(crate) comes: Comes,
}

/// How much of a copy comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Comes {
    Whole,
    /// Only these columns: of the others there is a newer copy.
    Columns(Vec<String>),
    /// Another copy of all of it comes back.
    Nothing,
}

/// Decides about `kept`, oldest first. The newest copy of each thing comes back, and no older one over it. `early`
/// are copies that were made before older data had come back: they hold what a script wrote, and give way to it.
///
/// Fields and indexes come back only where they are missing, so older copies fill what newer ones do not have; rows and
/// documents only where they still are what the script made of them.
pub(crate) fn choose(kept: &[Preservation], early: &HashSet<PreservationId>) -> Vec<Choice> {
    let (late, first): (Vec<_>, Vec<_>) = kept.iter().rev().partition(|one| early.contains(&one.id));
    let mut seen = HashSet::new();
    let mut choices = Vec::with_capacity(kept.len());
    for one in first.into_iter().chain(late) {
        let comes = match &one.keeper {
            Keeper::Fields { .. } | Keeper::Rows { .. } | Keeper::Documents { .. } | Keeper::Indexes { .. } => {
                Comes::Whole
            }
            Keeper::Table { table: whole, .. } | Keeper::Collection { collection: whole, .. } => {
                if seen.insert((whole.as_str(), None)) { Comes::Whole } else { Comes::Nothing }
            }
            Keeper::Columns { table, columns, .. } => {
                let new = |column: &&String| seen.insert((table.as_str(), Some(column.to_lowercase())));
                let left: Vec<String> = columns.iter().filter(new).cloned().collect();
                match left.len() {
                    0 => Comes::Nothing,
                    all if all == columns.len() => Comes::Whole,
                    _ => Comes::Columns(left),
                }
            }
        };
        choices.push(Choice { id: one.id, comes });
    }
    // Columns need their tables.
    choices.sort_by_key(|choice| {
        !kept.iter().any(|one| one.id == choice.id && matches!(one.keeper, Keeper::Table { .. }))
    });
    choices
}

/// Why a copy stays in whose place another one was chosen.
pub(crate) fn older(kept: &Preservation) -> Sentence {
    sentence!("another copy was chosen in its place; this one stays as {place}", place = kept.keeper.place())
}

/// What is told of a copy that stays.
pub(crate) fn stays(kept: &Preservation, why: &Sentence) -> Sentence {
    sentence!("{object} stays put aside: {why}", object = &kept.object, why)
}

/// Reads what [`stays`] told from the note that it was written to; older notes are bare texts.
pub(crate) fn noted(note: &str) -> Sentence {
    serde_json::from_str(note).unwrap_or_else(|_| Sentence::verbatim(note))
}

/// The error of a note about which copies come back that is not understood.
pub(crate) fn unreadable_note(marker: &str, error: &serde_json::Error) -> StepError {
    StepError::permanent(sentence!("the note {marker} cannot be read: {error}", marker, error = error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keeper: Keeper) -> Preservation {
        Preservation {
            id: PreservationId::generate(),
            store: "main".to_owned(),
            migration: "1".to_owned(),
            object: String::new(),
            keeper,
            rows: 1,
            checksum: String::new(),
        }
    }

    fn columns(names: &[&str]) -> Preservation {
        kept(Keeper::Columns {
            table: "t".to_owned(),
            columns: names.iter().map(|name| (*name).to_owned()).collect(),
            key: vec!["id".to_owned()],
            keep_database: "k".to_owned(),
            keep_table: "t1".to_owned(),
        })
    }

    fn table(name: &str) -> Preservation {
        kept(Keeper::Table { table: name.to_owned(), keep_database: "k".to_owned(), keep_table: "t1".to_owned() })
    }

    fn comes(kept: &[Preservation], early: &[usize]) -> Vec<(usize, Comes)> {
        let early = early.iter().map(|at| kept[*at].id).collect();
        let at = |choice: &Choice| kept.iter().position(|one| one.id == choice.id).unwrap();
        choose(kept, &early).into_iter().map(|choice| (at(&choice), choice.comes)).collect()
    }

    #[test]
    fn no_older_copy_comes_over_a_newer_one() {
        let all = [columns(&["a", "b"]), columns(&["A"]), columns(&["b", "a"]), columns(&["c", "a"])];
        let c = Comes::Columns(vec!["b".to_owned()]);
        assert_eq!(comes(&all, &[]), [(3, Comes::Whole), (2, c), (1, Comes::Nothing), (0, Comes::Nothing)]);
    }

    #[test]
    fn what_a_script_wrote_before_older_data_came_back_gives_way_to_it() {
        let all = [table("t"), table("t")];
        assert_eq!(comes(&all, &[1]), [(0, Comes::Whole), (1, Comes::Nothing)]);
    }

    #[test]
    fn tables_come_before_columns_and_the_last_gone_first() {
        let all = [table("a"), columns(&["x"]), table("b")];
        assert_eq!(comes(&all, &[]), [(2, Comes::Whole), (0, Comes::Whole), (1, Comes::Whole)]);
    }

    #[test]
    fn fields_all_come_back_the_newest_first() {
        let fields = |keep: &str| {
            kept(Keeper::Fields {
                collection: "c".to_owned(),
                fields: vec!["f".to_owned()],
                keep_collection: keep.to_owned(),
            })
        };
        let all = [fields("old"), fields("new")];
        assert_eq!(comes(&all, &[]), [(1, Comes::Whole), (0, Comes::Whole)]);
    }
}
