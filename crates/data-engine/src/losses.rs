//! What a script would take away, in numbers, counted on the data store as it is.

use std::time::Duration;

use driver_mariadb::{ObjectRef, Session, SessionOptions, quote_identifier};
use futures::FutureExt;
use mongo_script::{Compiled, Effect, Settings, compile};
use serde_json::{Value, json};

use crate::engine::{DataEngine, DataTarget};
use crate::error::Result;
use crate::examine::mongo::{Treatment as MongoTreatment, treatment};
use crate::examine::sql::{Treatment, units};

/// The most that counting one thing may take: what is larger is told without a number.
const LIMIT: Duration = Duration::from_secs(2);
/// MariaDB's "max_statement_time exceeded", and MongoDB's `MaxTimeMSExpired`.
const OUT_OF_TIME: (u16, i32) = (1969, 50);

/// Something that a script takes away; it is put aside first.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// What, as plans name it, e.g. `column users.two_factor_secret`.
    pub object: String,
    /// Rows or documents that hold something there; none where counting takes too long, or only the script itself can tell.
    pub rows: Option<u64>,
    /// Some of them.
    pub samples: Vec<Value>,
}

impl DataEngine {
    /// What the script would take away now, with at most that many samples of each. It reads only. A script that cannot be
    /// listed beforehand has no losses that could be told.
    pub async fn losses(&self, script: &str, samples: u32) -> Result<Vec<Loss>> {
        match self.target() {
            DataTarget::MariaDb(target) => of_mariadb(target, script, samples).boxed().await,
            DataTarget::MongoDb(target) => of_mongodb(target, script, samples).boxed().await,
        }
    }
}

async fn of_mariadb(target: &driver_mariadb::Target, script: &str, samples: u32) -> Result<Vec<Loss>> {
    let Ok(units) = units(script) else { return Ok(Vec::new()) };
    let database = target.database();
    let mut session = target.connect(&SessionOptions::default()).await?;
    session.execute(&format!("SET SESSION max_statement_time = {}", LIMIT.as_secs())).await?;
    let mut losses: Vec<Loss> = Vec::new();
    for unit in units {
        match unit.treatment {
            Treatment::KeepColumns { table, columns } => {
                let own = ObjectRef::new(database, &table);
                let key = session.primary_key(own).await?;
                let present = session.columns(own).await?;
                for name in columns {
                    let is_it =
                        |one: &&driver_mariadb::Column| one.name.eq_ignore_ascii_case(&name) && one.generated.is_none();
                    let Some(column) = present.iter().find(is_it) else { continue };
                    let quoted = quote_identifier(&column.name);
                    let differs = column.default.as_ref().map(|default| {
                        // BINARY: what a collation takes for equal is not the same.
                        format!("WHERE NOT (BINARY {quoted} <=> BINARY ({default}))")
                    });
                    let shown =
                        key.iter().map(|name| quote_identifier(name)).chain([quoted]).collect::<Vec<_>>().join(", ");
                    let from = format!("{} {}", own.quoted(), differs.unwrap_or_default());
                    losses.push(
                        count(&mut session, format!("column {table}.{}", column.name), &shown, &from, samples).await?,
                    );
                }
            }
            Treatment::KeepTable { table } => {
                let own = ObjectRef::new(database, &table);
                if session.table_exists(own).await? {
                    losses.push(count(&mut session, format!("table {table}"), "*", &own.quoted(), samples).await?);
                }
            }
            Treatment::KeepRows { tables } => {
                losses.extend(tables.into_iter().map(|table| untold(format!("rows of {table}"))));
            }
            Treatment::Convert(conversion) => losses.extend(conversion.objects().into_iter().map(untold)),
            Treatment::Plain | Treatment::Unknown(_) | Treatment::Refuse { .. } => {}
        }
    }
    session.close().await;
    losses.dedup_by(|next, before| next.object == before.object);
    Ok(losses)
}

/// Only the script itself can tell how many they are.
fn untold(object: String) -> Loss {
    Loss { object, rows: None, samples: Vec::new() }
}

async fn count(session: &mut Session, object: String, shown: &str, from: &str, samples: u32) -> Result<Loss> {
    let counted = session.query_json(&format!("SELECT COUNT(*) AS n FROM {from}"), &[]).await;
    let rows = match counted {
        Ok(counted) => counted.first().and_then(|row| row.get("n")).and_then(Value::as_u64),
        Err(error) if error.code() == Some(OUT_OF_TIME.0) => None,
        Err(error) => return Err(error.into()),
    };
    let mut loss = Loss { object, rows, samples: Vec::new() };
    if samples > 0 && rows != Some(0) {
        let found = session.query_json(&format!("SELECT {shown} FROM {from} LIMIT {samples}"), &[]).await;
        match found {
            Ok(found) => loss.samples = found.into_iter().map(Value::Object).collect(),
            Err(error) if error.code() == Some(OUT_OF_TIME.0) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(loss)
}

async fn of_mongodb(target: &driver_mongodb::Target, script: &str, samples: u32) -> Result<Vec<Loss>> {
    let Ok(Compiled::Predictable(operations)) = compile(script, &Settings::new(target.database())) else {
        return Ok(Vec::new());
    };
    let mut losses: Vec<Loss> = Vec::new();
    for operation in operations {
        let filter = match operation.effect() {
            Effect::Update { filter, .. } | Effect::Delete { filter, .. } => Some(filter),
            _ => None,
        };
        match treatment(&operation) {
            MongoTreatment::KeepFields { collection, filter, fields } => {
                for field in fields {
                    let having = json!({ "$and": [filter, { &field: { "$exists": true } }] });
                    let object = format!("field {collection}.{field}");
                    losses.push(matching(target, object, &collection, &having, samples).await?);
                }
            }
            MongoTreatment::KeepCollection { collection } | MongoTreatment::KeepOutput { collection } => {
                let object = format!("collection {collection}");
                losses.push(matching(target, object, &collection, &json!({}), samples).await?);
            }
            MongoTreatment::KeepReplaced { to, .. } => {
                losses.push(matching(target, format!("collection {to}"), &to, &json!({}), samples).await?);
            }
            MongoTreatment::KeepDocuments { collection } => {
                let object = format!("documents of {collection}");
                losses.push(match filter {
                    Some(filter) => matching(target, object, &collection, &filter, samples).await?,
                    None => untold(object),
                });
            }
            MongoTreatment::KeepIndexes { .. }
            | MongoTreatment::Plain
            | MongoTreatment::Unknown
            | MongoTreatment::Refuse { .. } => {}
        }
    }
    Ok(losses)
}

async fn matching(
    target: &driver_mongodb::Target,
    object: String,
    collection: &str,
    filter: &Value,
    samples: u32,
) -> Result<Loss> {
    let is_late = |error: &driver_mongodb::Error| error.code() == Some(OUT_OF_TIME.1);
    let pipeline = json!([{ "$match": filter }, { "$group": { "_id": 1, "n": { "$sum": 1 } } }]);
    let command = json!({ "aggregate": collection, "pipeline": pipeline, "cursor": {} });
    let rows = match target.run(&command, None, None, LIMIT).await {
        Ok(reply) => Some(number(&reply["cursor"]["firstBatch"][0]["n"])),
        Err(error) if is_late(&error) => None,
        Err(error) => return Err(error.into()),
    };
    let mut loss = Loss { object, rows, samples: Vec::new() };
    if samples > 0 && rows != Some(0) {
        let find = json!({ "find": collection, "filter": filter, "limit": samples, "singleBatch": true });
        match target.run(&find, None, None, LIMIT).await {
            Ok(reply) => loss.samples = reply["cursor"]["firstBatch"].as_array().cloned().unwrap_or_default(),
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(loss)
}

/// A count in canonical extended JSON; there is no group where nothing matches.
fn number(value: &Value) -> u64 {
    let text = ["$numberInt", "$numberLong"].iter().find_map(|kind| value[kind].as_str());
    text.and_then(|text| text.parse().ok()).or_else(|| value.as_u64()).unwrap_or_default()
}
