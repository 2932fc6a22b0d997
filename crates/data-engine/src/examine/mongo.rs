//! MongoDB scripts: what each operation would destroy.

use domain::plan::{ScriptFacts, ScriptStatement};
use mongo_script::{Compiled, Effect, IndexReference, Operation, Settings, compile};
use sentence::{Sentence, sentence};
use serde_json::Value;

use super::{is_ledger, lost, put_aside, refusal};

/// What has to happen around an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Nothing is lost.
    Plain,
    /// These fields are copied first.
    KeepFields { collection: String, filter: Value, fields: Vec<String> },
    /// The collection is renamed in place of the drop.
    KeepCollection { collection: String },
    /// The documents are copied whole first, with what becomes of them.
    KeepDocuments { collection: String },
    /// What makes the indexes anew is written down first.
    KeepIndexes { collection: String, indexes: Vec<IndexReference> },
    /// The collection that another one replaces is renamed first.
    KeepReplaced { from: String, to: String },
    /// The collection that is written anew is renamed first.
    KeepOutput { collection: String },
    /// Not understood; a person has been warned.
    Unknown,
    /// Not run.
    Refuse { reason: Sentence, destroys: Sentence },
}

pub(super) fn examine(script: &str) -> ScriptFacts {
    let mut facts = ScriptFacts::default();
    match compile(script, &Settings::new("database")) {
        Err(error) => facts.refusals.push(refusal(error.line, error.column, &error.message)),
        // What it does is looked at when it does it.
        Ok(Compiled::Live { .. }) => {}
        Ok(Compiled::Predictable(operations)) => {
            facts.predictable = true;
            for operation in operations {
                facts.statements.push(ScriptStatement {
                    position: format!("{}:{}", operation.line, operation.column),
                    does: operation.collection.iter().chain([&operation.method]).cloned().collect::<Vec<_>>().join("."),
                });
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
            put_aside(facts, fields.iter().map(|field| format!("field {collection}.{field}")));
        }
        Treatment::KeepCollection { collection } | Treatment::KeepOutput { collection } => {
            put_aside(facts, [format!("collection {collection}")]);
        }
        Treatment::KeepDocuments { collection } => put_aside(facts, [format!("documents of {collection}")]),
        Treatment::KeepIndexes { collection, indexes } => {
            for index in indexes {
                let name = match index {
                    IndexReference::Name(name) => name,
                    IndexReference::Key(key) => key.to_string(),
                    IndexReference::All => "*".to_owned(),
                };
                put_aside(facts, [format!("index {collection}.{name}")]);
            }
        }
        Treatment::KeepReplaced { to, .. } => put_aside(facts, [format!("collection {to}")]),
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
        | Effect::ModifyCollection { .. }
        | Effect::RenameCollection { drop_target: false, .. } => Treatment::Plain,
        Effect::DropIndex { collection, indexes } => Treatment::KeepIndexes { collection, indexes },
        Effect::UnsetFields { collection, filter, fields, many: true } if are_paths(&fields) => {
            Treatment::KeepFields { collection, filter, fields }
        }
        Effect::DropCollection { collection } if !is_ledger(&collection) => Treatment::KeepCollection { collection },
        Effect::DropCollection { collection } => refuse(sentence!("ledger {ledger}", ledger = collection)),
        Effect::Update { filter, update, many: true, upsert: false, .. } if only_adds(&filter, &update) => {
            Treatment::Plain
        }
        Effect::UnsetFields { collection, .. }
        | Effect::RenameFields { collection, .. }
        | Effect::Update { collection, .. }
        | Effect::Delete { collection, .. } => Treatment::KeepDocuments { collection },
        Effect::RenameCollection { from, to, drop_target: true } => match (from.split_once('.'), to.split_once('.')) {
            (Some((database, from)), Some((same, to))) if database == same => {
                Treatment::KeepReplaced { from: from.to_owned(), to: to.to_owned() }
            }
            _ => refuse(sentence!("collection {collection}", collection = to)),
        },
        Effect::WriteInto { collection, replaces: true } => Treatment::KeepOutput { collection },
        Effect::WriteInto { .. } if keeps_existing(operation) => Treatment::Plain,
        Effect::WriteInto { collection, .. } => refuse(sentence!(
            "what $merge overwrites in {collection}; updateMany and replaceOne keep it, and so does whenMatched: \
             \"keepExisting\"",
            collection
        )),
        Effect::Other { .. } => Treatment::Unknown,
        Effect::DropDatabase => refuse(sentence!(
            "the database, with its ledger and the data that is put aside in it; drop its collections one by one"
        )),
    }
}

fn refuse(what: Sentence) -> Treatment {
    Treatment::Refuse { reason: lost(&what), destroys: what }
}

/// Whether an update writes nothing but fields that the documents it asks for do not have.
fn only_adds(filter: &Value, update: &Value) -> bool {
    let operators = update.as_object().filter(|operators| operators.len() == 1);
    let fields = operators.and_then(|operators| operators.get("$set")).and_then(Value::as_object);
    fields.is_some_and(|fields| fields.keys().all(|field| is_absent(filter, field)))
}

fn is_absent(filter: &Value, field: &str) -> bool {
    filter.get(field).and_then(|condition| condition.get("$exists")).is_some_and(|exists| exists == false)
}

/// Whether fields can be kept by their paths; elements of arrays cannot.
fn are_paths(fields: &[String]) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && !name.contains('$') && !name.bytes().all(|byte| byte.is_ascii_digit());
    fields.iter().all(|field| field.split('.').all(is_name) && field.split('.').next() != Some("_id"))
}

/// Whether a `$merge` leaves documents alone that are there.
fn keeps_existing(operation: &Operation) -> bool {
    let stage = operation.command["pipeline"].as_array().and_then(|stages| stages.last());
    stage.is_some_and(|stage| stage["$merge"]["whenMatched"] == "keepExisting")
}
