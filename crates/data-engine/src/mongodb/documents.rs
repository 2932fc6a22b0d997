//! Statements that change or remove documents.
//!
//! Such a statement never runs as it is written. Its documents are copied whole, the server works out on a copy what
//! becomes of them, and each is then written with the value worked out while it is as it was copied. That makes `$inc`,
//! `$push` and pipelines repeatable after a crash: what is kept tells which documents have been written, and a document
//! of which it does not tell is compared with both of its versions. A marker inside the application's documents would
//! tell as well, but their validators and readers would meet it, and a replacement by the application would take it away.

use driver_mongodb::{DocumentChange, DocumentWrite};
use mongo_script::Operation;
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::locked::Run;
use super::preserve::PASSES;

impl Run {
    /// Keeps documents whole, and writes or removes them. Can be repeated.
    pub(super) async fn change_documents(
        &self,
        at: &Sentence,
        key: &StatementKey,
        collection: &str,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let keep = self.keep_name(key, collection);
        let change = change_of(collection, operation);
        let paged = self.paged(&self.book.marker(key));
        let failed = |error: driver_mongodb::Error| {
            let error = paged.failed(error);
            let message = sentence!("{place}: {error}", place = at, error = error.message);
            StepError { message, ..error }
        };
        paged.target.keep_images(&change, &keep).await.map_err(failed)?;
        let kept = paged.target.kept_images(&keep).await.map_err(failed)?;
        let marker = format!("{}/preserved", self.book.marker(key));
        self.mark(&marker, kept.documents, None, true).await?;
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: key.migration.clone(),
            object: format!("documents of {collection}"),
            keeper: Keeper::Documents { collection: collection.to_owned(), keep_collection: keep.clone() },
            rows: kept.documents,
            checksum: kept.checksum,
        };
        let marker_of_direction = direction_marker(&preservation);
        self.mark(&marker_of_direction, 0, Some(key.direction.as_str()), false).await?;
        self.book.keep(&preservation).await?;
        self.book.intent(key).await?;
        let written = paged.target.write_images(&change, &keep, PASSES).await.map_err(failed)?;
        if !written.unclear.is_empty() {
            return Err(StepError::unknown(sentence!(
                "{at}: of these documents of {collection} nobody can tell whether they were written before the \
                 interruption, since the application has changed them: {documents}",
                at,
                collection,
                documents = written.unclear.join(", ")
            ))
            .with_hint(sentence!(
                "look at them and at {keep}, which has them before and after; set the state of an entry to done where \
                 the document was written and to kept where it was not, then retry",
                keep
            )));
        }
        self.mark(&marker, written.documents, None, true).await?;
        let reply = self.reply(operation, &keep, &written).await?;
        self.book.done(key, written.documents).await?;
        Ok(reply)
    }

    /// What the server would have answered.
    async fn reply(
        &self,
        operation: &Operation,
        keep: &str,
        written: &driver_mongodb::Written,
    ) -> Result<Value, StepError> {
        let number = |count: u64| json!({ "$numberLong": count.to_string() });
        let ok = json!({ "$numberDouble": "1.0" });
        if !matches!(operation.command_name(), "findAndModify" | "findandmodify") {
            let mut reply = json!({ "ok": ok, "n": number(written.documents), "nModified": number(written.modified) });
            if written.inserted > 0 {
                let inserted = self.first_of(keep, None).await?;
                reply["upserted"] = json!([{ "index": { "$numberInt": "0" }, "_id": inserted["_id"] }]);
            }
            return Ok(reply);
        }
        let version = if operation.command["new"] == true { "after" } else { "before" };
        let entry = self.first_of(keep, Some((version, &operation.command["fields"]))).await?;
        Ok(json!({ "ok": ok, "value": entry }))
    }

    /// The first entry of a keep collection, or one version of its document with the fields asked for.
    async fn first_of(&self, keep: &str, version: Option<(&str, &Value)>) -> Result<Value, StepError> {
        let mut pipeline = vec![json!({ "$limit": 1 })];
        if let Some((version, fields)) = version {
            pipeline.push(json!({ "$match": { version: { "$exists": true } } }));
            pipeline.push(json!({ "$replaceRoot": { "newRoot": format!("${version}") } }));
            if fields.as_object().is_some_and(|fields| !fields.is_empty()) {
                pipeline.push(json!({ "$project": fields }));
            }
        }
        let reply = self.command(&json!({ "aggregate": keep, "pipeline": pipeline, "cursor": {} })).await?;
        Ok(reply["cursor"]["firstBatch"][0].clone())
    }
}

/// The marker of the way a script went that changed documents: they come back when it goes the other way.
pub(super) fn direction_marker(kept: &Preservation) -> String {
    format!("direction/{}", kept.id)
}

/// The change that an `update`, `delete` or `findAndModify` with one statement makes.
fn change_of(collection: &str, operation: &Operation) -> DocumentChange {
    let command = &operation.command;
    let given = |value: &Value| (!value.is_null()).then(|| value.clone());
    let (statement, filter, many) = match operation.command_name() {
        "update" => {
            let statement = &command["updates"][0];
            (statement, &statement["q"], statement["multi"] == true)
        }
        "delete" => {
            let statement = &command["deletes"][0];
            (statement, &statement["q"], super::locked::long(&statement["limit"]).unwrap_or_default() == 0)
        }
        _ => (command, &command["query"], false),
    };
    let update = if statement["u"].is_null() { &statement["update"] } else { &statement["u"] };
    let write = if operation.command_name() == "delete" || command["remove"] == true {
        DocumentWrite::Delete
    } else {
        DocumentWrite::Update {
            update: update.clone(),
            array_filters: given(&statement["arrayFilters"]),
            upsert: statement["upsert"] == true,
        }
    };
    DocumentChange {
        collection: collection.to_owned(),
        filter: given(filter).unwrap_or_else(|| json!({})),
        many,
        sort: given(&statement["sort"]),
        collation: given(&statement["collation"]),
        variables: given(&command["let"]),
        unvalidated: command["bypassDocumentValidation"] == true,
        write,
    }
}
