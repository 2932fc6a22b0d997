//! Keeps the documents that one statement changes, works out what becomes of them, and writes them.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{Bson, Document, doc};
use sentence::{Sentence, sentence};

use crate::{
    error::{Error, Result},
    images::{ABOUT, DONE, DocumentChange, DocumentWrite, Entry, KEPT, Written},
    keep::{by_id, id_key},
    pages::Pages,
    paths,
    target::{LONG, Target, number},
    value,
    watch::Turn,
};

/// Documents written at the same time. Each is a statement of its own: only its reply says whether it took effect.
const AT_ONCE: usize = 16;
/// How many unclear documents are named.
const NAMED: usize = 5;

/// What has become of an entry that was about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written,
    NotWritten,
    Unclear,
}

/// A change, and where what it changes is kept.
pub(crate) struct ImageJob<'a> {
    pub(crate) target: &'a Target,
    pub(crate) change: &'a DocumentChange,
    pub(crate) keep: &'a str,
}

impl ImageJob<'_> {
    /// Keeps what is not kept yet; how many documents that were.
    pub(crate) async fn copy(&self) -> Result<u64> {
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
    pub(crate) async fn settle_interrupted(&self) -> Result<Vec<String>> {
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
    pub(crate) async fn write_kept(&self) -> Result<u64> {
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

    /// What all that is kept amounts to.
    pub(crate) async fn written(&self) -> Result<Written> {
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
