//! Keeping a whole collection by giving it another name.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use sentence::sentence;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    error::{Error, Result},
    pages::Pages,
    target::{LONG, SHORT, Target},
    value,
    watch::Turn,
};

/// How long whoever reads may take for a document.
const STALLED: Duration = Duration::from_mins(1);

impl Target {
    /// Puts a collection aside under the name `keep`, with its indexes and options; says whether
    /// there was anything to do. Can be repeated.
    pub async fn keep_collection(&self, collection: &str, keep: &str) -> Result<bool> {
        self.rename(collection, keep).await
    }

    /// Gives a collection that was put aside its name back; says whether there was anything to do.
    /// [`Error::Unsafe`] if a collection of that name has come into being meanwhile.
    pub async fn restore_collection(&self, keep: &str, collection: &str) -> Result<bool> {
        self.rename(keep, collection).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<bool> {
        let what = sentence!("renaming collection {from} to {to}", from, to);
        match (self.exists(from).await?, self.exists(to).await?) {
            (true, false) => {
                let namespace = |name: &str| format!("{}.{name}", self.database());
                let command = doc! {
                    "renameCollection": namespace(from),
                    "to": namespace(to),
                    "writeConcern": { "w": "majority" },
                };
                self.ask(Turn::Write).await?;
                self.command(&what, Some("admin"), command, LONG).await?;
                Ok(true)
            }
            (false, true) => Ok(false),
            (true, true) => Err(Error::unsafe_to(what, sentence!("both exist, and neither may be lost"))),
            (false, false) => Err(Error::unsafe_to(what, sentence!("neither exists"))),
        }
    }

    /// Whether there is a collection of that name.
    pub async fn exists(&self, collection: &str) -> Result<bool> {
        let what = &sentence!("looking for a collection");
        let command = doc! { "listCollections": 1, "nameOnly": true, "filter": { "name": collection } };
        Ok(!self.list(what, command).await?.is_empty())
    }

    /// Makes a collection with the options and indexes of another one.
    pub async fn create_like(&self, collection: &str, name: &str) -> Result<()> {
        let what = sentence!("creating collection {name}", name);
        let filter = doc! { "listCollections": 1, "filter": { "name": collection } };
        let found = self.list(&what, filter).await?;
        let mut create = doc! { "create": name };
        if let Some(options) = found.first().and_then(|found| found.get_document("options").ok()) {
            create.extend(options.clone());
        }
        self.write(&what, create, SHORT).await?;
        let indexes: Vec<Document> = self.index_documents(collection).await?;
        let indexes: Vec<Document> = indexes
            .iter()
            .filter(|index| index.get_str("name") != Ok("_id_"))
            .map(crate::schema::definition_document)
            .collect();
        if indexes.is_empty() {
            return Ok(());
        }
        self.write(&what, doc! { "createIndexes": name, "indexes": indexes }, LONG).await.map(drop)
    }

    /// Whether the collection compares texts by rules of its own.
    pub(crate) async fn has_collation(&self, collection: &str) -> Result<bool> {
        Ok(self.collation_of(collection).await?.is_some())
    }

    /// The rules by which the collection compares texts, where they are its own.
    pub(crate) async fn collation_of(&self, collection: &str) -> Result<Option<Document>> {
        let what = sentence!("reading the options of {collection}", collection);
        let command = doc! { "listCollections": 1, "filter": { "name": collection } };
        let found = self.list(&what, command).await?;
        let options = found.first().and_then(|found| found.get_document("options").ok());
        Ok(options.and_then(|options| options.get_document("collation").ok()).cloned())
    }

    /// Hands on the documents of a collection of ours as they come, in canonical extended JSON: the first `limit`, or all.
    /// Ends early, and well, where nobody takes them any more.
    pub async fn stream_kept(
        &self,
        keep: &str,
        limit: Option<u32>,
        documents: &mpsc::Sender<Result<Value>>,
    ) -> Result<()> {
        let what = sentence!("reading {collection}", collection = keep);
        let mut left = limit.unwrap_or(u32::MAX);
        let mut pages = Pages::find(self, &what, keep, Document::new(), None).await?;
        while let Some(page) = pages.next().await? {
            for document in page {
                if limit.is_some() && left == 0 {
                    return Ok(());
                }
                left = left.saturating_sub(1);
                match tokio::time::timeout(STALLED, documents.send(Ok(value::json(document)))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Ok(()),
                    Err(_) => return Err(Error::Timeout { what, after: STALLED }),
                }
            }
        }
        Ok(())
    }

    /// Removes a collection of ours for good, such as one that kept what is no longer needed.
    pub async fn drop_kept(&self, keep: &str) -> Result<()> {
        let what = sentence!("dropping {keep}", keep);
        if !keep.starts_with(crate::OWN_PREFIX) {
            return Err(Error::unsafe_to(what, sentence!("it is not one of ours")));
        }
        match self.write(&what, doc! { "drop": keep }, SHORT).await {
            Err(error) if error.code() != Some(26) => Err(error),
            _ => Ok(()),
        }
    }
}
