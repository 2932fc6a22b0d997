//! Between BSON and canonical extended JSON.

use mongodb::bson::{Bson, Document};
use sentence::{Sentence, sentence};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A document from canonical extended JSON.
pub(crate) fn document(what: &Sentence, value: &Value) -> Result<Document> {
    match bson(what, value)? {
        Bson::Document(document) => Ok(document),
        other => Err(Error::Value {
            what: what.clone(),
            message: sentence!("a document is needed, not {value}", value = other.to_string()),
        }),
    }
}

/// Any value from canonical extended JSON.
pub(crate) fn bson(what: &Sentence, value: &Value) -> Result<Bson> {
    Bson::try_from(value.clone())
        .map_err(|error| Error::Value { what: what.clone(), message: Sentence::verbatim(error.to_string()) })
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
