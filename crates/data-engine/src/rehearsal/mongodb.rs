//! Scratch databases on MongoDB.

use std::collections::HashMap;

use domain::ledger::Direction;
use driver_mongodb::Target;
use mongo_script::{Compiled, Settings, compile};
use sentence::{Sentence, sentence};

use super::{Rehearsal, Scratch};
use crate::engine::{DataTarget, Scripts};
use crate::examine::mongo::{Treatment, treatment};
use crate::mongodb::LEDGER;

/// Makes the scratch database, unless one of the scripts could reach beyond it. What the engine refuses on a real database,
/// changes of another one among it, it refuses on this one too.
pub(super) async fn prepare(
    target: &Target,
    rehearsal: &Rehearsal,
    migrations: &[Scripts],
) -> Result<Scratch, Sentence> {
    let database = rehearsal.database(rehearsal.attempt);
    let mut touched = HashMap::new();
    for scripts in migrations {
        let (version, down) = (&scripts.reference.version, scripts.down.as_deref());
        for (direction, text) in [(Direction::Up, Some(scripts.up.as_str())), (Direction::Down, down)] {
            let Some(text) = text else { continue };
            // What cannot be compiled fails when it is run, and is told then.
            let Ok(Compiled::Predictable(operations)) = compile(text, &Settings::new(&database)) else { continue };
            for operation in operations {
                if treatment(&operation) == Treatment::Unknown {
                    return Err(sentence!(
                        "migration {version} ({direction}), line {line}: the command is not understood, so it might reach \
                         beyond a scratch database",
                        version,
                        direction = direction.as_str(),
                        line = operation.line
                    ));
                }
                if let Some(collection) = operation.collection {
                    touched.insert((version.clone(), direction, operation.index), collection);
                }
            }
        }
    }
    let scratch = target.sibling(&database);
    let sampled = scratch.fill_scratch(target, rehearsal.sample, &[LEDGER]).await.map_err(|error| error.sentence())?;
    let factor = |collection: String| sampled.get(&collection).map_or(1, |rows| rows.all / rows.copied.max(1)).max(1);
    Ok(Scratch {
        target: DataTarget::MongoDb(scratch),
        rows: sampled.values().map(|rows| rows.copied).sum(),
        is_partial: sampled.values().any(|rows| rows.copied < rows.all),
        classes: HashMap::new(),
        factors: touched.into_iter().map(|(place, collection)| (place, factor(collection))).collect(),
    })
}
