//! What the structure of a database is, so that it can be compared: collections, options with
//! validators, and indexes.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use sentence::sentence;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    error::Result,
    target::{Target, is_applications},
    value,
};

/// The structure of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// SHA-256 over all objects, in hexadecimal.
    pub sha256: String,
    /// Each object (`collection articles`, `index articles.title_1`) and its definition.
    pub objects: BTreeMap<String, String>,
}

/// How an object differs between two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the second has it.
    Added(String),
    /// Only the first has it.
    Removed(String),
    /// Both have it, defined differently.
    Changed {
        /// In the first.
        before: String,
        /// In the second.
        after: String,
    },
}

/// An object that differs between two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The object, such as `index articles.title_1`.
    pub object: String,
    /// How it differs.
    pub change: Change,
}

impl Fingerprint {
    /// The fingerprint of these objects.
    pub fn of(objects: BTreeMap<String, String>) -> Self {
        let mut hasher = Sha256::new();
        for (name, definition) in &objects {
            // Lengths keep neighbouring texts apart.
            for text in [name, definition] {
                hasher.update(text.len().to_le_bytes());
                hasher.update(text);
            }
        }
        Self { sha256: hex::encode(hasher.finalize()), objects }
    }

    /// What is different in `later`, by the objects' names.
    pub fn diff(&self, later: &Self) -> Vec<Difference> {
        let removed = self
            .objects
            .iter()
            .filter(|(name, _)| !later.objects.contains_key(*name))
            .map(|(name, definition)| (name, Change::Removed(definition.clone())));
        let added_or_changed = later.objects.iter().filter_map(|(name, after)| {
            let change = match self.objects.get(name) {
                None => Change::Added(after.clone()),
                Some(before) if before == after => return None,
                Some(before) => Change::Changed { before: before.clone(), after: after.clone() },
            };
            Some((name, change))
        });
        let mut differences: Vec<Difference> = removed
            .chain(added_or_changed)
            .map(|(object, change)| Difference { object: object.clone(), change })
            .collect();
        differences.sort_by(|a, b| a.object.cmp(&b.object));
        differences
    }
}

impl Target {
    /// The structure as it is now, without the collections in `except` (such as the application's
    /// ledger, which comes into being with its first entry).
    pub async fn fingerprint(&self, except: &[&str]) -> Result<Fingerprint> {
        let mut objects = BTreeMap::new();
        for collection in self.collection_documents().await? {
            let name = collection.get_str("name").unwrap_or_default();
            if except.contains(&name) {
                continue;
            }
            let kind = collection.get_str("type").unwrap_or("collection");
            let options = collection.get_document("options").cloned();
            objects.insert(format!("{kind} {name}"), text(options.unwrap_or_default()));
            if kind == "view" {
                continue;
            }
            for index in self.index_documents(name).await? {
                let index_name = index.get_str("name").unwrap_or_default();
                objects.insert(format!("index {name}.{index_name}"), definition(&index));
            }
        }
        Ok(Fingerprint::of(objects))
    }

    /// The application's collections and views as the server lists them.
    pub(crate) async fn collection_documents(&self) -> Result<Vec<Document>> {
        let mut found = self.list(&sentence!("listing collections"), doc! { "listCollections": 1 }).await?;
        found.retain(|collection| collection.get_str("name").is_ok_and(is_applications));
        Ok(found)
    }
}

/// An index without what says nothing about it: its format version, and what older servers add.
pub(crate) fn definition_document(index: &Document) -> Document {
    index
        .iter()
        .filter(|(field, _)| !matches!(field.as_str(), "v" | "ns" | "background"))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn definition(index: &Document) -> String {
    let mut definition = definition_document(index);
    definition.remove("name");
    text(definition)
}

/// The text of a definition, with options in the order of their names. Below that, order can matter
/// (the fields of an index) and is kept.
fn text(definition: Document) -> String {
    let mut fields: Vec<(String, Bson)> = definition.into_iter().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    value::json(fields.into_iter().collect()).to_string()
}
