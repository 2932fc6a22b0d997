//! Between BSON and canonical extended JSON.

use mongodb::bson::{Bson, Document};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A document from canonical extended JSON.
pub(crate) fn document(what: &str, value: &Value) -> Result<Document> {
    let refused = |message: String| Error::Value { what: what.into(), message };
    match Bson::try_from(value.clone()).map_err(|error| refused(error.to_string()))? {
        Bson::Document(document) => Ok(document),
        other => Err(refused(format!("a document is needed, not {other}"))),
    }
}

/// Canonical extended JSON of a document.
pub(crate) fn json(document: Document) -> Value {
    Bson::Document(document).into_canonical_extjson()
}

/// A checksum over documents that does not depend on their order: the exclusive or of the SHA-256 of
/// each document's canonical extended JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksum([u8; 32]);

impl Checksum {
    pub(crate) fn add(&mut self, document: Document) {
        let digest = Sha256::digest(json(document).to_string());
        for (sum, byte) in self.0.iter_mut().zip(digest) {
            *sum ^= byte;
        }
    }

    pub(crate) fn hex(&self) -> String {
        hex::encode(self.0)
    }
}
