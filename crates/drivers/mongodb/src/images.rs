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

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{Bson, Document, doc};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    keep::{DUPLICATE, Kept, by_id, id_key, require_own},
    pages::Pages,
    paths,
    target::{LONG, Target, number},
    value::{self, Checksum},
    watch::Turn,
};

/// Documents written at the same time. Each is a statement of its own: only its reply says whether it took effect.
const AT_ONCE: usize = 16;
/// How many unclear documents are named.
const NAMED: usize = 5;

pub(crate) const KEPT: &str = "kept";
const ABOUT: &str = "about";
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

    fn is_settled(&self) -> bool {
        self.state != KEPT
    }
}

/// What has become of an entry that was about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written,
    NotWritten,
    Unclear,
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

/// A change, and where what it changes is kept.
struct ImageJob<'a> {
    target: &'a Target,
    change: &'a DocumentChange,
    keep: &'a str,
}

impl ImageJob<'_> {
    async fn copy(&self) -> Result<u64> {
        if !self.change.many && self.entries(doc! { "state": { "$ne": KEPT } }).await? > 0 {
            // The one that is changed has been chosen.
            return Ok(0);
        }
        let (mut found, mut copied) = (0, 0);
        let mut pages = self.matching().await?;
        while let Some(page) = pages.next().await? {
            found += page.len();
            copied += self.copy_page(page).await?;
        }
        let upserts = matches!(self.change.write, DocumentWrite::Update { upsert: true, .. });
        if upserts && found == 0 && self.entries(Document::new()).await? == 0 {
            let inserted = self.after(&[]).await?;
            let entries = inserted.into_iter().map(|after| Entry {
                id: after.get("_id").cloned().unwrap_or(Bson::Null),
                before: None,
                after: Some(after),
                state: KEPT.into(),
            });
            copied += self.keep_entries(&entries.collect::<Vec<_>>()).await?;
        }
        Ok(copied)
    }

    /// The documents that the statement would find, as it would.
    async fn matching(&self) -> Result<Pages> {
        let what = sentence!("reading documents of {collection}", collection = &self.change.collection);
        let mut command = doc! { "find": &self.change.collection, "filter": self.filter()? };
        let options =
            [("sort", &self.change.sort), ("collation", &self.change.collation), ("let", &self.change.variables)];
        for (name, option) in options {
            if let Some(option) = option {
                command.insert(name, value::document(&what, option)?);
            }
        }
        if !self.change.many {
            command.insert("limit", 1);
            command.insert("singleBatch", true);
        }
        Pages::of_query(self.target, &what, command).await
    }

    fn filter(&self) -> Result<Document> {
        value::document(&sentence!("a filter"), &self.change.filter)
    }

    async fn copy_page(&self, page: Vec<Document>) -> Result<u64> {
        let copies = self.target.by_id(self.keep, &page, None).await?;
        let is_new = |document: &Document| {
            copies
                .get(&id_key(document))
                .map(Entry::read)
                .is_none_or(|entry| !entry.is_settled() && !paths::same_document(entry.before.as_ref(), Some(document)))
        };
        let page: Vec<Document> = page.into_iter().filter(is_new).collect();
        if page.is_empty() {
            return Ok(0);
        }
        let mut after: HashMap<String, Document> = match self.change.write {
            DocumentWrite::Delete => HashMap::new(),
            DocumentWrite::Update { .. } => {
                self.after(&page).await?.into_iter().map(|document| (id_key(&document), document)).collect()
            }
        };
        let mut entries = Vec::with_capacity(page.len());
        for document in page {
            let key = id_key(&document);
            let becomes = after.remove(&key);
            if becomes.is_none() && self.change.write != DocumentWrite::Delete {
                return Err(self.refused(sentence!("what becomes of document {id} cannot be worked out", id = key)));
            }
            entries.push(Entry {
                id: document.get("_id").cloned().unwrap_or(Bson::Null),
                before: Some(document),
                after: becomes,
                state: KEPT.into(),
            });
        }
        self.keep_entries(&entries).await
    }

    /// What the server makes of these documents, or of none. Worked out on a copy.
    async fn after(&self, page: &[Document]) -> Result<Vec<Document>> {
        let DocumentWrite::Update { update, array_filters, upsert } = &self.change.write else {
            return Ok(Vec::new());
        };
        let what =
            sentence!("working out what becomes of documents of {collection}", collection = &self.change.collection);
        let scratch = format!("{}_scratch", self.keep);
        self.target.ask(Turn::Write).await?;
        self.target.drop_kept(&scratch).await?;
        let mut create = doc! { "create": &scratch };
        if let Some(collation) = self.target.collation_of(&self.change.collection).await? {
            create.insert("collation", collation);
        }
        self.target.write(&what, create, LONG).await?;
        if !page.is_empty() {
            let command = doc! { "insert": &scratch, "documents": page };
            self.target.write(&what, command, LONG).await?;
        }
        let mut statement = doc! { "q": self.filter()?, "u": value::bson(&what, update)?, "multi": self.change.many };
        if *upsert && page.is_empty() {
            statement.insert("upsert", true);
        }
        if let Some(filters) = array_filters {
            statement.insert("arrayFilters", value::bson(&what, filters)?);
        }
        if let Some(collation) = &self.change.collation {
            statement.insert("collation", value::bson(&what, collation)?);
        }
        let mut command = doc! { "update": &scratch, "updates": [statement] };
        if let Some(variables) = &self.change.variables {
            command.insert("let", value::bson(&what, variables)?);
        }
        let reply = self.target.write(&what, command, LONG).await?;
        let concerned = if page.is_empty() { u64::from(*upsert) } else { page.len() as u64 };
        if number(&reply, "n") != Some(concerned) {
            return Err(self.refused(sentence!("a copy of its documents is not found by the same filter")));
        }
        let mut pages = Pages::find(self.target, &what, &scratch, Document::new(), None).await?;
        let mut after = Vec::with_capacity(page.len());
        while let Some(page) = pages.next().await? {
            after.extend(page);
        }
        self.target.drop_kept(&scratch).await?;
        Ok(after)
    }

    /// Writes entries, and reads them again.
    async fn keep_entries(&self, entries: &[Entry]) -> Result<u64> {
        let what = sentence!("keeping documents of {collection}", collection = &self.change.collection);
        self.target.ask(Turn::Write).await?;
        let documents: Vec<Document> = entries.iter().map(Entry::document).collect();
        let statement = |entry: &Document| doc! { "q": by_id(entry), "u": entry.clone(), "upsert": true };
        let statements: Vec<Document> = documents.iter().map(statement).collect();
        self.target.write(&what, doc! { "update": self.keep, "updates": statements }, LONG).await?;
        let kept = self.target.by_id(self.keep, &documents, None).await?;
        let differs = |entry: &&Document| !paths::same_document(kept.get(&id_key(entry)), Some(entry));
        match documents.iter().filter(differs).count() {
            0 => Ok(entries.len() as u64),
            count => Err(self.refused(sentence!("{count} copies are not what was copied", count))),
        }
    }

    /// Looks what has become of the entries that an earlier worker was about to write. Those that nobody can tell.
    async fn settle_interrupted(&self) -> Result<Vec<String>> {
        let what = sentence!("reading {collection}", collection = self.keep);
        let mut pages = Pages::find(self.target, &what, self.keep, doc! { "state": ABOUT }, None).await?;
        let mut unclear = Vec::new();
        while let Some(page) = pages.next().await? {
            let now = self.target.by_id(&self.change.collection, &page, None).await?;
            let (mut written, mut open) = (Vec::new(), Vec::new());
            for document in &page {
                let entry = Entry::read(document);
                match outcome(&entry, now.get(&id_key(document))) {
                    Outcome::Written => written.push(entry.id),
                    Outcome::NotWritten => open.push(entry.id),
                    Outcome::Unclear if unclear.len() < NAMED => unclear.push(entry.id.to_string()),
                    Outcome::Unclear => {}
                }
            }
            self.target.ask(Turn::Write).await?;
            self.target.mark_entries(self.keep, &written, DONE).await?;
            self.target.mark_entries(self.keep, &open, KEPT).await?;
        }
        Ok(unclear)
    }

    /// Writes what is kept. How many documents were not as they were kept; their entries are gone.
    async fn write_kept(&self) -> Result<u64> {
        let what = sentence!("reading {collection}", collection = self.keep);
        let mut pages = Pages::find(self.target, &what, self.keep, doc! { "state": KEPT }, None).await?;
        let mut all_refused = 0;
        while let Some(page) = pages.next().await? {
            let entries: Vec<Entry> = page.iter().map(Entry::read).collect();
            let ids: Vec<Bson> = entries.iter().map(|entry| entry.id.clone()).collect();
            self.target.ask(Turn::Write).await?;
            self.target.mark_entries(self.keep, &ids, ABOUT).await?;
            // Made before the stream, so that the stream holds no closure: the compiler could not tell that it may be sent.
            let writes: Vec<_> = entries.iter().map(|entry| self.write_entry(entry)).collect();
            let outcomes: Vec<bool> = stream::iter(writes).buffered(AT_ONCE).try_collect().await?;
            let of = |wanted: bool| -> Vec<Bson> {
                let chosen = ids.iter().zip(&outcomes).filter(|(_, written)| **written == wanted);
                chosen.map(|(id, _)| id.clone()).collect()
            };
            self.target.mark_entries(self.keep, &of(true), DONE).await?;
            let refused = of(false);
            all_refused += refused.len() as u64;
            if !refused.is_empty() {
                let statement = doc! { "q": { "_id": { "$in": refused } }, "limit": 0 };
                self.target.write(&what, doc! { "delete": self.keep, "deletes": [statement] }, LONG).await?;
            }
        }
        Ok(all_refused)
    }

    async fn write_entry(&self, entry: &Entry) -> Result<bool> {
        if paths::same_document(entry.before.as_ref(), entry.after.as_ref()) {
            return Ok(true);
        }
        let images = (entry.before.as_ref(), entry.after.as_ref());
        self.target.swap(&self.change.collection, &entry.id, images, self.change.unvalidated).await
    }

    async fn written(&self) -> Result<Written> {
        let what = sentence!("reading {collection}", collection = self.keep);
        let mut pages = Pages::find(self.target, &what, self.keep, Document::new(), None).await?;
        let mut written = Written::default();
        while let Some(page) = pages.next().await? {
            for entry in page.iter().map(Entry::read) {
                written.documents += 1;
                written.inserted += u64::from(entry.before.is_none());
                let is_same = paths::same_document(entry.before.as_ref(), entry.after.as_ref());
                written.modified += u64::from(entry.before.is_some() && !is_same);
            }
        }
        Ok(written)
    }

    async fn entries(&self, filter: Document) -> Result<u64> {
        self.target.count_documents(self.keep, filter).await
    }

    fn refused(&self, reason: Sentence) -> Error {
        Error::unsafe_to(sentence!("keeping documents of {collection}", collection = &self.change.collection), reason)
    }
}

fn outcome(entry: &Entry, now: Option<&Document>) -> Outcome {
    if paths::same_document(entry.after.as_ref(), now) {
        return Outcome::Written;
    }
    if paths::same_document(entry.before.as_ref(), now) {
        return Outcome::NotWritten;
    }
    match (&entry.before, &entry.after, now) {
        // Deleted by the application: nothing is left to be changed.
        (_, Some(_), None) => Outcome::Written,
        (Some(before), Some(after), Some(now)) => {
            let changed = paths::changed(before, after);
            if changed.iter().all(|path| paths::same_at(path, Some(after), Some(now))) {
                Outcome::Written
            } else if changed.iter().all(|path| paths::same_at(path, Some(before), Some(now))) {
                Outcome::NotWritten
            } else {
                Outcome::Unclear
            }
        }
        _ => Outcome::Unclear,
    }
}
