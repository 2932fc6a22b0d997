use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::operation::Operation;

/// An index as a script names it for dropping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexReference {
    /// By its name.
    Name(String),
    /// By its key, in canonical extended JSON.
    Key(Value),
    /// Every index except the one on `_id`.
    All,
}

/// An index to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpecification {
    /// Its name.
    pub name: String,
    /// Its key, in canonical extended JSON, in order.
    pub key: Value,
    /// The whole specification, with options.
    pub specification: Value,
}

/// What an operation does, as far as its command tells without a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds documents.
    Insert {
        /// Where.
        collection: String,
        /// How many.
        documents: usize,
    },
    /// Removes fields and does nothing else.
    UnsetFields {
        /// Where.
        collection: String,
        /// Which documents, in canonical extended JSON.
        filter: Value,
        /// Dotted paths.
        fields: Vec<String>,
        /// Every matching document, or one of them.
        many: bool,
    },
    /// Renames fields and does nothing else.
    RenameFields {
        /// Where.
        collection: String,
        /// Which documents.
        filter: Value,
        /// Pairs of dotted paths, from and to.
        fields: Vec<(String, String)>,
        /// Every matching document, or one of them.
        many: bool,
    },
    /// Changes documents in some other way.
    Update {
        /// Where.
        collection: String,
        /// Which documents.
        filter: Value,
        /// The update document, replacement or pipeline.
        update: Value,
        /// Every matching document, or one of them.
        many: bool,
        /// Whether a document is inserted where none matches.
        upsert: bool,
    },
    /// Removes documents.
    Delete {
        /// Where.
        collection: String,
        /// Which documents.
        filter: Value,
        /// Every matching document, or one of them.
        many: bool,
    },
    /// Creates a collection or a view.
    CreateCollection {
        /// Its name.
        collection: String,
    },
    /// Removes a collection with its documents and indexes.
    DropCollection {
        /// Its name.
        collection: String,
    },
    /// Renames a collection.
    RenameCollection {
        /// From, as `database.collection`.
        from: String,
        /// To, as `database.collection`.
        to: String,
        /// Whether a collection of the new name is dropped first.
        drop_target: bool,
    },
    /// Changes a collection's options, such as its validator.
    ModifyCollection {
        /// Its name.
        collection: String,
    },
    /// Creates indexes.
    CreateIndex {
        /// Where.
        collection: String,
        /// Which.
        indexes: Vec<IndexSpecification>,
    },
    /// Drops indexes.
    DropIndex {
        /// Where.
        collection: String,
        /// Which.
        indexes: Vec<IndexReference>,
    },
    /// Writes the result of an aggregation into a collection (`$merge`, `$out`).
    WriteInto {
        /// The collection written.
        collection: String,
        /// Whether it is replaced as a whole (`$out`).
        replaces: bool,
    },
    /// Removes a whole database.
    DropDatabase,
    /// A command whose effect is not known, or several changes in one command.
    Other {
        /// The command's name.
        command: String,
    },
}

const READS: [&str; 19] = [
    "find",
    "count",
    "distinct",
    "getMore",
    "killCursors",
    "listIndexes",
    "listCollections",
    "listDatabases",
    "ping",
    "hello",
    "buildInfo",
    "collStats",
    "dbStats",
    "serverStatus",
    "connectionStatus",
    "currentOp",
    "explain",
    "getParameter",
    "hostInfo",
];

impl Effect {
    pub(crate) fn of(operation: &Operation) -> Self {
        let command = &operation.command;
        let name = operation.command_name();
        let collection = text(&command[name]);
        match name {
            "aggregate" => aggregation(command),
            "insert" => Self::Insert { collection, documents: command["documents"].as_array().map_or(0, Vec::len) },
            "update" => {
                single(&command["updates"]).map_or_else(|| other(name), |statement| update(collection, statement))
            }
            "delete" => single(&command["deletes"]).map_or_else(
                || other(name),
                |statement| Self::Delete {
                    collection,
                    filter: statement["q"].clone(),
                    many: integer(&statement["limit"]) == Some(0),
                },
            ),
            "findAndModify" | "findandmodify" => find_and_modify(collection, command),
            "create" => Self::CreateCollection { collection },
            "drop" => Self::DropCollection { collection },
            "collMod" => Self::ModifyCollection { collection },
            "dropDatabase" => Self::DropDatabase,
            "renameCollection" => Self::RenameCollection {
                from: collection,
                to: text(&command["to"]),
                drop_target: command["dropTarget"].as_bool().unwrap_or(false),
            },
            "createIndexes" => {
                Self::CreateIndex { collection, indexes: list(&command["indexes"]).map(specification).collect() }
            }
            "dropIndexes" | "deleteIndexes" => Self::DropIndex {
                collection,
                indexes: match &command["index"] {
                    Value::Array(names) => names.iter().map(reference).collect(),
                    one => vec![reference(one)],
                },
            },
            _ if READS.contains(&name) => Self::Read,
            _ => other(name),
        }
    }

    /// Whether data or structure that was there before can be gone afterwards. What is not known
    /// counts as destructive.
    pub fn is_destructive(&self) -> bool {
        match self {
            Self::Read | Self::Insert { .. } | Self::CreateCollection { .. } | Self::CreateIndex { .. } => false,
            Self::RenameCollection { drop_target, .. } => *drop_target,
            Self::UnsetFields { .. }
            | Self::RenameFields { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::DropCollection { .. }
            | Self::ModifyCollection { .. }
            | Self::DropIndex { .. }
            | Self::WriteInto { .. }
            | Self::DropDatabase
            | Self::Other { .. } => true,
        }
    }

    /// Whether a second run leaves the same state as the first. It may report that there was
    /// nothing left to do (codes 26 and 27). What is not known counts as not repeatable.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Read
            | Self::CreateIndex { .. }
            | Self::DropIndex { .. }
            | Self::DropCollection { .. }
            | Self::DropDatabase
            | Self::ModifyCollection { .. } => true,
            Self::UnsetFields { filter, many, .. } | Self::Delete { filter, many, .. } => {
                *many || names_one_document(filter)
            }
            Self::Update { filter, update, many, upsert, .. } => {
                !upsert && (*many || names_one_document(filter)) && sets_only(update)
            }
            Self::WriteInto { replaces, .. } => *replaces,
            Self::Insert { .. }
            | Self::RenameFields { .. }
            | Self::CreateCollection { .. }
            | Self::RenameCollection { .. }
            | Self::Other { .. } => false,
        }
    }

    /// The collection concerned, where it is a single one of the operation's database.
    pub fn collection(&self) -> Option<&str> {
        match self {
            Self::Insert { collection, .. }
            | Self::UnsetFields { collection, .. }
            | Self::RenameFields { collection, .. }
            | Self::Update { collection, .. }
            | Self::Delete { collection, .. }
            | Self::CreateCollection { collection }
            | Self::DropCollection { collection }
            | Self::ModifyCollection { collection }
            | Self::CreateIndex { collection, .. }
            | Self::DropIndex { collection, .. }
            | Self::WriteInto { collection, .. } => Some(collection),
            Self::Read | Self::RenameCollection { .. } | Self::DropDatabase | Self::Other { .. } => None,
        }
    }
}

fn other(command: &str) -> Effect {
    Effect::Other { command: command.to_owned() }
}

fn aggregation(command: &Value) -> Effect {
    let stages = list(&command["pipeline"]);
    let Some(last) = stages.last().and_then(Value::as_object) else {
        return Effect::Read;
    };
    let target = last.get("$merge").or_else(|| last.get("$out"));
    match target {
        None => Effect::Read,
        Some(target) => {
            let into = target.get("into").unwrap_or(target);
            // A target in another database is not described by a collection's name alone.
            if into.get("db").is_some() {
                return other("aggregate");
            }
            let collection = into.get("coll").unwrap_or(into);
            Effect::WriteInto { collection: text(collection), replaces: last.contains_key("$out") }
        }
    }
}

fn update(collection: String, statement: &Value) -> Effect {
    let filter = statement["q"].clone();
    let change = &statement["u"];
    let many = statement["multi"].as_bool().unwrap_or(false);
    let upsert = statement["upsert"].as_bool().unwrap_or(false);
    if !upsert && let Some(fields) = unset_fields(change) {
        return Effect::UnsetFields { collection, filter, fields, many };
    }
    if !upsert && let Some(Value::Object(renames)) = only_operator(change, "$rename") {
        return Effect::RenameFields {
            collection,
            filter,
            fields: renames.iter().map(|(from, to)| (from.clone(), text(to))).collect(),
            many,
        };
    }
    Effect::Update { collection, filter, update: change.clone(), many, upsert }
}

fn find_and_modify(collection: String, command: &Value) -> Effect {
    let filter = command["query"].clone();
    if command["remove"].as_bool().unwrap_or(false) {
        return Effect::Delete { collection, filter, many: false };
    }
    Effect::Update {
        collection,
        filter,
        update: command["update"].clone(),
        many: false,
        upsert: command["upsert"].as_bool().unwrap_or(false),
    }
}

/// The fields an update removes, where it does nothing else.
fn unset_fields(change: &Value) -> Option<Vec<String>> {
    if let Value::Array(stages) = change {
        let mut fields = Vec::new();
        for stage in stages {
            match only_operator(stage, "$unset")? {
                Value::Array(names) => fields.extend(names.iter().map(text)),
                name => fields.push(text(name)),
            }
        }
        return (!fields.is_empty()).then_some(fields);
    }
    let Value::Object(unset) = only_operator(change, "$unset")? else {
        return None;
    };
    Some(unset.keys().cloned().collect())
}

fn only_operator<'a>(change: &'a Value, operator: &str) -> Option<&'a Value> {
    let fields = change.as_object()?;
    (fields.len() == 1).then(|| fields.get(operator)).flatten()
}

/// Whether an update sets or removes fixed values, so that a second time changes nothing.
fn sets_only(change: &Value) -> bool {
    change
        .as_object()
        .is_some_and(|operators| operators.keys().all(|operator| matches!(operator.as_str(), "$set" | "$unset")))
}

/// Whether a filter can match one document at most: `{_id: value}`.
fn names_one_document(filter: &Value) -> bool {
    let is_plain = |value: &Value| match value {
        Value::Object(fields) => is_extended(fields) || fields.keys().all(|key| !key.starts_with('$')),
        _ => true,
    };
    filter.as_object().and_then(|fields| fields.get("_id")).is_some_and(is_plain)
}

/// Whether an object stands for a typed value that equals only itself.
fn is_extended(fields: &Map<String, Value>) -> bool {
    fields.keys().all(|key| {
        matches!(
            key.as_str(),
            "$oid"
                | "$numberInt"
                | "$numberLong"
                | "$numberDouble"
                | "$numberDecimal"
                | "$date"
                | "$binary"
                | "$timestamp"
        )
    })
}

fn specification(index: &Value) -> IndexSpecification {
    IndexSpecification { name: text(&index["name"]), key: index["key"].clone(), specification: index.clone() }
}

fn reference(index: &Value) -> IndexReference {
    match index {
        Value::String(name) if name == "*" => IndexReference::All,
        Value::String(name) => IndexReference::Name(name.clone()),
        key => IndexReference::Key(key.clone()),
    }
}

fn single(statements: &Value) -> Option<&Value> {
    match statements.as_array().map(Vec::as_slice) {
        Some([one]) => Some(one),
        _ => None,
    }
}

fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An integer in canonical extended JSON.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        value
            .get("$numberInt")
            .or_else(|| value.get("$numberLong"))
            .and_then(Value::as_str)
            .and_then(|digits| digits.parse().ok())
    })
}
