//! What a rollback takes away, with samples.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::plan::PlannedLoss;

/// Something that a rollback takes away, with some of its rows or documents. It is put aside first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LossView {
    /// What, where, and how much.
    #[serde(flatten)]
    pub loss: PlannedLoss,
    /// Some of it: rows with their keys, or documents in canonical extended JSON.
    pub samples: Vec<Value>,
}
