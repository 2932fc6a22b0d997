//! Documents that a statement changes or removes: kept whole as they were and as they become, and each written once.
//!
//! A keep collection holds an entry for each document: its `_id`, `before` (absent for one that is inserted), `after`
//! (absent for one that is removed) and how far it is. What an update makes of a document the server works out on a
//! copy of ours, so that an update that must not be applied twice (`$inc`, `$push`, a pipeline, the server's clock)
//! is applied once, there; the application's document is then given the value worked out, only while it equals
//! `before`. One that the application changed meanwhile is copied again.
//!
//! An entry is `kept`, then `about` to be written, then `done`. After a crash, entries that are `about` are compared
//! with their document: it has what was written, or what was there before. Where the application changed it
//! meanwhile, the fields that the statement changes tell; where it changed these as well, nobody can, and a person
//! has to look. No entry is written back without having been read from the server.

use mongodb::bson::{Bson, Document, doc};
use sentence::sentence;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    image_job::ImageJob,
    keep::{DUPLICATE, Kept, require_own},
    pages::Pages,
    target::{LONG, Target, number},
    value::Checksum,
};

pub(crate) const KEPT: &str = "kept";
pub(crate) const ABOUT: &str = "about";
pub(crate) const DONE: &str = "done";
/// It came back.
pub(crate) const BACK: &str = "back";

/// What a statement does to documents. All values are canonical extended JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentChange {
    /// Their collection.
    pub collection: String,
    /// Which documents.
    pub filter: Value,
    /// Every document that matches, or the first.
    pub many: bool,
    /// The order in which the first is looked for.
    pub sort: Option<Value>,
    /// How texts are compared.
    pub collation: Option<Value>,
    /// Variables of the filter and the update (`let`).
    pub variables: Option<Value>,
    /// Whether the collection's validator is passed by.
    pub unvalidated: bool,
    /// What becomes of them.
    pub write: DocumentWrite,
}

/// What becomes of documents.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentWrite {
    /// They are removed.
    Delete,
    /// They are changed.
    Update {
        /// Operators, a replacement, or a pipeline.
        update: Value,
        /// Conditions for elements of arrays.
        array_filters: Option<Value>,
        /// Whether one is inserted where none matches.
        upsert: bool,
    },
}

/// What writing did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Documents concerned, those inserted among them.
    pub documents: u64,
    /// Of these, how many are different now.
    pub modified: u64,
    /// Of these, how many were inserted.
    pub inserted: u64,
    /// Documents of which nobody can tell whether they were written before an interruption; the first of them.
    pub unclear: Vec<String>,
}

/// An entry of a keep collection.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: Bson,
    pub(crate) before: Option<Document>,
    pub(crate) after: Option<Document>,
    pub(crate) state: String,
}

impl Entry {
    pub(crate) fn read(entry: &Document) -> Self {
        Self {
            id: entry.get("_id").cloned().unwrap_or(Bson::Null),
            before: entry.get_document("before").ok().cloned(),
            after: entry.get_document("after").ok().cloned(),
            state: entry.get_str("state").unwrap_or(KEPT).to_owned(),
        }
    }

    pub(crate) fn document(&self) -> Document {
        let mut entry = doc! { "_id": self.id.clone(), "state": &self.state };
        if let Some(before) = &self.before {
            entry.insert("before", before.clone());
        }
        if let Some(after) = &self.after {
            entry.insert("after", after.clone());
        }
        entry
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.state != KEPT
    }
}

impl Target {
    /// Keeps what `change` is about to change or remove in `keep`, whose name begins with
    /// [`OWN_PREFIX`](crate::OWN_PREFIX), and reads it back. Can be repeated, also after a part has been written. Says
    /// how many documents were copied by this call.
    pub async fn keep_images(&self, change: &DocumentChange, keep: &str) -> Result<u64> {
        require_own(keep)?;
        ImageJob { target: self, change, keep }.copy().await
    }

    /// Counts and sums up the documents that a keep collection has as they were.
    pub async fn kept_images(&self, keep: &str) -> Result<Kept> {
        let what = sentence!("reading {collection}", collection = keep);
        let mut pages = Pages::find(self, &what, keep, Document::new(), None).await?;
        let (mut checksum, mut documents) = (Checksum::default(), 0);
        while let Some(page) = pages.next().await? {
            for entry in page {
                documents += 1;
                if let Some(before) = Entry::read(&entry).before {
                    checksum.add(before);
                }
            }
        }
        Ok(Kept { documents, checksum: checksum.hex() })
    }

    /// Gives each document kept the value worked out for it, or removes it, only while it is as it was kept: what the
    /// application writes meanwhile is copied again first. Can be repeated; no document is written twice.
    /// [`Error::StillChanging`] where documents are left that change all the time.
    pub async fn write_images(&self, change: &DocumentChange, keep: &str, max_passes: u32) -> Result<Written> {
        require_own(keep)?;
        let job = ImageJob { target: self, change, keep };
        let unclear = job.settle_interrupted().await?;
        if !unclear.is_empty() {
            return Ok(Written { unclear, ..Written::default() });
        }
        for pass in 0..max_passes {
            if pass > 0 && job.copy().await? == 0 {
                return job.written().await;
            }
            let refused = job.write_kept().await?;
            // The others came into being meanwhile, which an update of many does not promise to see.
            if refused == 0 && pass + 1 == max_passes {
                return job.written().await;
            }
        }
        Err(Error::StillChanging { collection: change.collection.clone(), passes: max_passes })
    }

    /// Writes `to` in place of `from`, where there still is `from`. Without `from` it is inserted, without `to` it is
    /// removed. Says whether it was so.
    pub(crate) async fn swap(
        &self,
        collection: &str,
        id: &Bson,
        (from, to): (Option<&Document>, Option<&Document>),
        unvalidated: bool,
    ) -> Result<bool> {
        let what = sentence!("writing a document of {collection}", collection);
        let mut command = match (from, to) {
            (None, None) => return Ok(true),
            (None, Some(to)) => doc! { "insert": collection, "documents": [to.clone()] },
            (Some(from), Some(to)) => {
                let statement = doc! { "q": equals(id, from), "u": to.clone(), "collation": { "locale": "simple" } };
                doc! { "update": collection, "updates": [statement] }
            }
            (Some(from), None) => {
                let statement = doc! { "q": equals(id, from), "limit": 1, "collation": { "locale": "simple" } };
                doc! { "delete": collection, "deletes": [statement] }
            }
        };
        if unvalidated && to.is_some() {
            command.insert("bypassDocumentValidation", true);
        }
        match self.write(&what, command, LONG).await {
            // Not one with another `_id` that a unique index refuses.
            Err(error) if from.is_none() && error.code() == Some(DUPLICATE) => {
                match self.count_documents(collection, doc! { "_id": { "$eq": id.clone() } }).await? {
                    0 => Err(error),
                    _ => Ok(false),
                }
            }
            Err(error) => Err(error),
            Ok(reply) => Ok(number(&reply, "n") == Some(1)),
        }
    }

    /// Gives entries of a keep collection another state.
    pub(crate) async fn mark_entries(&self, keep: &str, ids: &[Bson], state: &str) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let what = sentence!("writing {collection}", collection = keep);
        let statement = doc! { "q": { "_id": { "$in": ids } }, "u": { "$set": { "state": state } }, "multi": true };
        self.write(&what, doc! { "update": keep, "updates": [statement] }, LONG).await.map(drop)
    }
}

/// A condition that holds while a document is this very one.
fn equals(id: &Bson, document: &Document) -> Document {
    let by_id = doc! { "_id": { "$eq": id.clone() } };
    let (odd, plain): (Vec<_>, Vec<_>) =
        document.iter().filter(|(field, _)| *field != "_id").partition(|(_, value)| has_nan(value));
    if odd.is_empty() {
        return doc! { "_id": { "$eq": id.clone() }, "$expr": { "$eq": ["$$ROOT", { "$literal": document.clone() }] } };
    }
    // Not-a-number equals itself in a filter; not every server says so of an expression.
    let names: Vec<&String> = document.keys().collect();
    let are_all = doc! { "$map": { "input": { "$objectToArray": "$$ROOT" }, "in": "$$this.k" } };
    let mut conditions = vec![doc! { "$eq": [are_all, { "$literal": names }] }];
    conditions
        .extend(plain.into_iter().map(|(field, value)| doc! { "$eq": [format!("${field}"), { "$literal": value }] }));
    let mut all = vec![by_id, doc! { "$expr": { "$and": conditions } }];
    all.extend(odd.into_iter().map(|(field, value)| doc! { field: { "$eq": value } }));
    doc! { "$and": all }
}

fn has_nan(value: &Bson) -> bool {
    match value {
        Bson::Double(number) => number.is_nan(),
        Bson::Decimal128(number) => number.to_string().to_ascii_lowercase().contains("nan"),
        Bson::Array(items) => items.iter().any(has_nan),
        Bson::Document(inner) => inner.values().any(has_nan),
        _ => false,
    }
}
