//! MongoDB scripts: what each operation would destroy.

use domain::plan::ScriptFacts;
use mongo_script::{Compiled, Effect, Operation, Settings, compile};
use sentence::{Sentence, sentence};
use serde_json::{Map, Value};

use super::{is_ledger, lost, refusal};

/// What has to happen around an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Nothing is lost.
    Plain,
    /// These fields are copied first.
    KeepFields { collection: String, filter: Value, fields: Vec<String> },
    /// The collection is renamed in place of the drop.
    KeepCollection { collection: String },
    /// Not understood; a person has been warned.
    Unknown,
    /// Not run.
    Refuse { reason: Sentence, destroys: Sentence },
}

/// Update operators that add to what is there, or that can be taken back by their opposite.
const ADDING: [&str; 6] = ["$inc", "$push", "$addToSet", "$setOnInsert", "$rename", "$currentDate"];

pub(super) fn examine(script: &str) -> ScriptFacts {
    let mut facts = ScriptFacts::default();
    match compile(script, &Settings::new("database")) {
        Err(error) => facts.refusals.push(refusal(error.line, error.column, &error.message)),
        Ok(Compiled::Live { line, column, .. }) => facts.unknown.push(format!("{line}:{column}")),
        Ok(Compiled::Predictable(operations)) => {
            facts.predictable = true;
            for operation in operations {
                note(&operation, &mut facts);
            }
        }
    }
    facts
}

fn note(operation: &Operation, facts: &mut ScriptFacts) {
    match treatment(operation) {
        Treatment::Plain => {}
        Treatment::KeepFields { collection, fields, .. } => {
            let objects = fields.iter().map(|field| format!("field {collection}.{field}"));
            facts.preserves.extend(objects.clone());
            facts.destroys.extend(objects);
        }
        Treatment::KeepCollection { collection } => {
            facts.preserves.push(format!("collection {collection}"));
            facts.destroys.push(format!("collection {collection}"));
        }
        Treatment::Unknown => facts.unknown.push(format!("{}:{}", operation.line, operation.column)),
        Treatment::Refuse { reason, destroys } => {
            facts.destroys.push(destroys.to_string());
            facts.refusals.push(refusal(operation.line, operation.column, &reason));
        }
    }
}

pub(crate) fn treatment(operation: &Operation) -> Treatment {
    let effect = operation.effect();
    if effect.collection().is_some_and(is_ledger) && !matches!(effect, Effect::DropCollection { .. }) {
        return Treatment::Plain;
    }
    match effect {
        Effect::Read
        | Effect::Insert { .. }
        | Effect::CreateCollection { .. }
        | Effect::CreateIndex { .. }
        | Effect::DropIndex { .. }
        | Effect::ModifyCollection { .. }
        | Effect::RenameFields { .. }
        | Effect::RenameCollection { drop_target: false, .. } => Treatment::Plain,
        Effect::UnsetFields { collection, filter, fields, many: true } => {
            Treatment::KeepFields { collection, filter, fields }
        }
        Effect::UnsetFields { collection, fields, many: false, .. } => refuse(sentence!(
            "fields {fields} of one document of {collection}; updateMany keeps them",
            fields = fields.join(", "),
            collection
        )),
        Effect::DropCollection { collection } if !is_ledger(&collection) => Treatment::KeepCollection { collection },
        Effect::DropCollection { collection } => refuse(sentence!("ledger {ledger}", ledger = collection)),
        Effect::Update { collection, filter, update, .. } => match overwritten(&filter, &update) {
            None => Treatment::Plain,
            Some(what) => refuse(sentence!("{what} of documents of {collection}", what, collection)),
        },
        Effect::Delete { collection, .. } => refuse(sentence!("documents of {collection}", collection)),
        Effect::RenameCollection { to, drop_target: true, .. } => {
            refuse(sentence!("collection {collection}", collection = to))
        }
        Effect::WriteInto { collection, replaces: true } => {
            refuse(sentence!("collection {collection} ({operator})", collection, operator = "$out"))
        }
        Effect::WriteInto { .. } | Effect::Other { .. } => Treatment::Unknown,
        Effect::DropDatabase => refuse(sentence!("the database")),
    }
}

fn refuse(what: Sentence) -> Treatment {
    Treatment::Refuse { reason: lost(&what), destroys: what }
}

/// What an update would overwrite: `$set` of a field loses nothing where the filter asks for documents that
/// do not have it.
fn overwritten(filter: &Value, update: &Value) -> Option<Sentence> {
    let Some(operators) = update.as_object().filter(|fields| fields.keys().all(|key| key.starts_with('$'))) else {
        return Some(sentence!("what is there"));
    };
    operators.iter().find_map(|(operator, fields)| match operator.as_str() {
        "$set" => set_fields(fields).find(|field| !is_absent(filter, field)).map(Sentence::verbatim),
        operator if ADDING.contains(&operator) => None,
        operator => Some(sentence!("what {operator} changes", operator)),
    })
}

fn set_fields(fields: &Value) -> impl Iterator<Item = &String> {
    fields.as_object().map(Map::keys).into_iter().flatten()
}

fn is_absent(filter: &Value, field: &str) -> bool {
    filter.get(field).and_then(|condition| condition.get("$exists")).is_some_and(|exists| exists == false)
}
