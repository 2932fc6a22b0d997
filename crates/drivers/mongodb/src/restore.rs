//! Reading a backup back into a database.

use std::{collections::BTreeMap, path::Path};

use mongodb::bson::{Document, doc};
use sentence::sentence;
use tokio::sync::mpsc;

use crate::{
    archive_format::{CollectionHeader, Line, archive_error, read_lines},
    error::{Error, Result},
    target::{LONG, SHORT, Target},
    value,
};

const BATCH_DOCUMENTS: usize = 1000;
/// Of extended JSON, which is longer than what is sent.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
const LINES_UNDER_WAY: usize = 16;

/// What happens when a collection of an archive is in the database already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing is restored.
    Refuse,
    /// It is dropped first.
    Replace,
}

/// What was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The collections and views, with the number of their documents.
    pub collections: BTreeMap<String, u64>,
}

impl Target {
    /// Reads the archive at `path` into this database, whatever database it came from.
    ///
    /// The archive must have the SHA-256 `sha256` and is checked as a whole before anything is
    /// changed. Not atomic: after an error some collections may be there and others not, and
    /// [`Existing::Replace`] starts over. Collections that the archive does not hold are left alone.
    pub async fn restore(&self, path: &Path, sha256: &str, existing: Existing) -> Result<Loaded> {
        let collections = crate::archive_format::verify(path, sha256).await?;
        if existing == Existing::Refuse {
            for name in collections.keys() {
                if self.exists(name).await? {
                    return Err(Error::unsafe_to(
                        sentence!("restoring collection {name}", name),
                        sentence!("it exists already"),
                    ));
                }
            }
        }
        let (sender, mut lines) = mpsc::channel(LINES_UNDER_WAY);
        let file = path.to_owned();
        let reader = tokio::task::spawn_blocking(move || read_lines(&file, |line| sender.blocking_send(line).is_ok()));
        let loaded = self.load(&mut lines, existing).await;
        // Ends the reader if loading failed.
        drop(lines);
        let read = reader.await.map_err(|error| Error::unreadable(&sentence!("reading an archive"), &error))?;
        loaded?;
        let (found, _) = read?;
        if found != sha256 {
            return Err(archive_error(path, sentence!("it changed while it was read")));
        }
        for (name, expected) in &collections {
            let what = sentence!("restoring collection {name}", name);
            if !self.exists(name).await? {
                return Err(Error::protocol(&what, sentence!("it is not there afterwards")));
            }
            // A view counts what other collections hold.
            if *expected > 0 && self.count_documents(name, Document::new()).await? != *expected {
                return Err(Error::protocol(&what, sentence!("the number of documents differs")));
            }
        }
        Ok(Loaded { collections })
    }

    async fn load(&self, lines: &mut mpsc::Receiver<Line>, existing: Existing) -> Result<()> {
        let mut views = Vec::new();
        let mut current: Option<CollectionHeader> = None;
        let mut batch = Batch::default();
        while let Some(line) = lines.recv().await {
            match line {
                Line::Archive(_) => {}
                Line::Collection(next) => {
                    self.complete(current.take(), &mut batch).await?;
                    if next.kind == "view" {
                        views.push(next);
                    } else {
                        self.create(&next, existing).await?;
                        current = Some(next);
                    }
                }
                Line::Document(document) => {
                    if let Some(collection) = &current {
                        let length = document.to_string().len();
                        if batch.is_full_with(length) {
                            self.insert(&collection.name, &mut batch).await?;
                        }
                        batch.bytes += length;
                        batch.documents.push(value::document(&sentence!("a document"), &document)?);
                    }
                }
                Line::End(_) => {
                    self.complete(current.take(), &mut batch).await?;
                    for view in &views {
                        self.create(view, existing).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn create(&self, collection: &CollectionHeader, existing: Existing) -> Result<()> {
        let name = &collection.name;
        let what = sentence!("creating collection {name}", name);
        if existing == Existing::Replace {
            match self.write(&what, doc! { "drop": name }, LONG).await {
                Err(error) if error.code() != Some(26) => return Err(error),
                _ => {}
            }
        }
        let mut command = doc! { "create": name };
        command.extend(value::document(&sentence!("collection options"), &collection.options)?);
        self.write(&what, command, SHORT).await.map(drop)
    }

    /// Writes the rest of a collection's documents, then its indexes.
    async fn complete(&self, collection: Option<CollectionHeader>, batch: &mut Batch) -> Result<()> {
        let Some(collection) = collection else {
            return Ok(());
        };
        self.insert(&collection.name, batch).await?;
        if collection.indexes.is_empty() {
            return Ok(());
        }
        let indexes: Vec<Document> = collection
            .indexes
            .iter()
            .map(|index| value::document(&sentence!("an index"), index))
            .collect::<Result<_>>()?;
        let what = sentence!("creating indexes of {collection}", collection = &collection.name);
        let command = doc! { "createIndexes": &collection.name, "indexes": indexes };
        self.write(&what, command, LONG).await.map(drop)
    }

    async fn insert(&self, collection: &str, batch: &mut Batch) -> Result<()> {
        let documents = std::mem::take(batch).documents;
        if documents.is_empty() {
            return Ok(());
        }
        // Documents may be older than a validator; they are restored as they were.
        let command = doc! {
            "insert": collection, "documents": documents, "bypassDocumentValidation": true,
        };
        let what = sentence!("restoring documents of {collection}", collection);
        self.write(&what, command, LONG).await.map(drop)
    }
}

#[derive(Default)]
struct Batch {
    documents: Vec<Document>,
    bytes: usize,
}

impl Batch {
    /// Whether a document of this length would be one too many.
    fn is_full_with(&self, length: usize) -> bool {
        self.documents.len() >= BATCH_DOCUMENTS || (!self.documents.is_empty() && self.bytes + length > BATCH_BYTES)
    }
}
