//! What scripts do, told without running them, and how each statement is to be treated.

pub(crate) mod mongo;
pub(crate) mod sql;

use domain::environment::Engine;
use domain::plan::{ScriptFacts, ScriptRefusal};
use sentence::{Sentence, sentence};

/// What a script does, as far as it can be told without running it. Redis has no migrations: any script for
/// it is refused.
pub fn examine(engine: Engine, script: &str) -> ScriptFacts {
    match engine {
        Engine::MariaDb => sql::examine(script),
        Engine::MongoDb => mongo::examine(script),
        Engine::Redis => ScriptFacts {
            refusals: vec![refusal(1, 1, &sentence!("Redis has no migrations"))],
            predictable: true,
            ..ScriptFacts::default()
        },
    }
}

/// Whether a table or collection is a ledger, which scripts may keep themselves.
pub(crate) fn is_ledger(name: &str) -> bool {
    matches!(name, "schema_migrations" | "migrations")
}

fn refusal(line: u32, column: u32, reason: &Sentence) -> ScriptRefusal {
    ScriptRefusal { position: format!("{line}:{column}"), reason: reason.clone() }
}

/// Notes what is destroyed and put aside, each object once.
fn put_aside(facts: &mut ScriptFacts, objects: impl IntoIterator<Item = String>) {
    for object in objects {
        if !facts.destroys.contains(&object) {
            facts.preserves.push(object.clone());
            facts.destroys.push(object);
        }
    }
}

fn lost(what: &Sentence) -> Sentence {
    sentence!("this would destroy data that cannot be put aside yet: {what}", what)
}
