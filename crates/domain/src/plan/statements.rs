//! What a step that migrates does, statement by statement.

use super::facts::MigrationFacts;
use super::schema::StoreMove;
use super::{PlannedStatement, PlannedStep};
use crate::ledger::Direction;

/// What is shown of one step; scripts that fill tables have thousands.
const SHOWN: usize = 100;

/// Says of the step that carries out a change what it destroys, keeps and runs, and how long that took in rehearsals.
pub(super) fn describe(step: &mut PlannedStep, change: &StoreMove) {
    let direction = change.direction;
    for migration in &change.migrations {
        let script = match direction {
            Direction::Down => &migration.down,
            Direction::Up => &migration.up,
        };
        step.destroys.extend(script.destroys.iter().cloned());
        step.preserves.extend(script.preserves.iter().cloned());
        for (index, statement) in script.statements.iter().enumerate() {
            if step.statements.len() == SHOWN {
                step.more_statements = step.more_statements.saturating_add(1);
                continue;
            }
            let mut known = migration.rehearsed.iter().flat_map(|rehearsed| &rehearsed.statements);
            let known = known.find(|one| one.direction == direction && usize::try_from(one.index) == Ok(index));
            step.statements.push(PlannedStatement {
                migration: migration.reference.version.clone(),
                position: statement.position.clone(),
                does: statement.does.clone(),
                class: known.and_then(|known| known.class),
                expected_ms: known.map(|known| known.expected_ms),
            });
        }
    }
    let rehearsed = |migration: &MigrationFacts| migration.rehearsed.as_ref()?.expected_ms(direction);
    // The data of this environment, as opposed to steps of the same kind that did something else.
    let expected = change.migrations.iter().map(rehearsed).sum::<Option<u64>>();
    step.expected_ms = expected.or(step.expected_ms);
}
