//! A database of ours to try things on, with the structure of another one and some of its documents.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};
use sentence::sentence;

use crate::{
    error::{Error, Result},
    pages::Pages,
    target::{LONG, SHORT, Target, is_applications},
};

/// How the names of scratch databases begin.
pub const SCRATCH_PREFIX: &str = "backout_scratch_";

/// How many documents a collection was given, and how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// In the scratch database.
    pub copied: u64,
    /// In the database that it was made of.
    pub all: u64,
}

impl Target {
    /// Gives this database, which has to be a scratch database and empty, the collections, indexes and views of another one,
    /// and of each collection the newest `limit` documents (of those named in `whole`, all).
    pub async fn fill_scratch(&self, source: &Target, limit: u32, whole: &[&str]) -> Result<BTreeMap<String, Sampled>> {
        self.assert_scratch()?;
        let what = sentence!("listing collections");
        let listed = source.list(&what, doc! { "listCollections": 1 }).await?;
        let (views, collections): (Vec<Document>, Vec<Document>) = listed
            .into_iter()
            .filter(|found| found.get_str("name").is_ok_and(is_applications))
            .partition(|found| found.get_str("type") == Ok("view"));
        let mut sampled = BTreeMap::new();
        for collection in &collections {
            let name = collection.get_str("name").unwrap_or_default();
            self.create_of(collection, name).await?;
            let all = source.count_documents(name, Document::new()).await?;
            let limit = if whole.contains(&name) { 0 } else { i64::from(limit) };
            let copied = self.copy_newest(source, name, limit).await?;
            let indexes: Vec<Document> = source.index_documents(name).await?;
            let indexes: Vec<Document> = indexes
                .iter()
                .filter(|index| index.get_str("name") != Ok("_id_"))
                .map(crate::schema::definition_document)
                .collect();
            if !indexes.is_empty() {
                let what = sentence!("creating indexes of {collection}", collection = name);
                self.write(&what, doc! { "createIndexes": name, "indexes": indexes }, LONG).await?;
            }
            sampled.insert(name.to_owned(), Sampled { copied, all });
        }
        for view in &views {
            self.create_of(view, view.get_str("name").unwrap_or_default()).await?;
        }
        Ok(sampled)
    }

    async fn create_of(&self, found: &Document, name: &str) -> Result<()> {
        let mut create = doc! { "create": name };
        if let Ok(options) = found.get_document("options") {
            create.extend(options.clone());
        }
        self.write(&sentence!("creating collection {name}", name), create, SHORT).await.map(drop)
    }

    async fn copy_newest(&self, source: &Target, name: &str, limit: i64) -> Result<u64> {
        let what = sentence!("sampling {collection}", collection = name);
        let mut find = doc! { "find": name, "sort": { "_id": -1 }, "batchSize": 200 };
        if limit > 0 {
            find.insert("limit", limit);
        }
        let mut pages = Pages::of_command(source, &what, find).await?;
        let mut copied = 0;
        while let Some(page) = pages.next().await? {
            if page.is_empty() {
                continue;
            }
            copied += page.len() as u64;
            // Documents may be older than a validator.
            let command = doc! { "insert": name, "documents": page, "bypassDocumentValidation": true };
            self.write(&what, command, LONG).await?;
        }
        Ok(copied)
    }

    /// Removes this database, which has to be a scratch database. Can be repeated.
    pub async fn drop_scratch(&self) -> Result<()> {
        self.assert_scratch()?;
        self.write(&sentence!("dropping {keep}", keep = self.database()), doc! { "dropDatabase": 1 }, LONG)
            .await
            .map(drop)
    }

    fn assert_scratch(&self) -> Result<()> {
        if self.database().starts_with(SCRATCH_PREFIX) {
            return Ok(());
        }
        let what = sentence!("working on database {database}", database = self.database());
        Err(Error::unsafe_to(what, sentence!("it is not one of ours")))
    }
}
