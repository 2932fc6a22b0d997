//! Keeping whole documents before a script changes or deletes them, and putting them back. The
//! server copies by itself; nothing passes through here.

use mongodb::bson::{Document, doc};
use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::{
    error::Result,
    keep::{Kept, require_own},
    target::{LONG, Target},
    value,
    watch::Turn,
};

/// What happens to a document that is there when its copy is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays as it is: for documents that were deleted.
    Never,
    /// It becomes what it was: for documents that were changed. Changes of the application since
    /// then are lost.
    Always,
}

impl Target {
    /// Copies the documents that match `filter` into collection `keep`, whose name begins with
    /// [`OWN_PREFIX`](crate::OWN_PREFIX). Can be repeated; a copy follows its original.
    pub async fn keep_documents(&self, collection: &str, filter: &Value, keep: &str) -> Result<Kept> {
        require_own(keep)?;
        let what = sentence!("keeping documents of {collection}", collection);
        let filter = value::document(&sentence!("a filter"), filter)?;
        self.merge(&what, collection, filter, keep, Overwrite::Always).await?;
        self.kept(keep).await
    }

    /// Puts the documents kept in `keep` back into `collection`. Can be repeated.
    pub async fn restore_documents(&self, keep: &str, collection: &str, overwrite: Overwrite) -> Result<()> {
        let what = sentence!("restoring documents of {collection}", collection);
        self.merge(&what, keep, Document::new(), collection, overwrite).await
    }

    async fn merge(
        &self,
        what: &Sentence,
        from: &str,
        filter: Document,
        into: &str,
        overwrite: Overwrite,
    ) -> Result<()> {
        let when_matched = match overwrite {
            Overwrite::Never => "keepExisting",
            Overwrite::Always => "replace",
        };
        let command = doc! {
            "aggregate": from,
            "pipeline": [
                { "$match": filter },
                { "$merge": {
                    "into": into, "on": "_id",
                    "whenMatched": when_matched, "whenNotMatched": "insert",
                } },
            ],
            "cursor": {},
        };
        self.ask(Turn::Write).await?;
        self.write(what, command, LONG).await.map(drop)
    }
}
