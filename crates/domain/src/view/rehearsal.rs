//! Rehearsals as callers see them.

use chrono::{DateTime, Utc};
use sentence::Sentence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Version;
use crate::ids::RehearsalId;
use crate::rehearsal::{RehearsalState, StoreRehearsal};

/// A rehearsal of a release's migrations beside an environment's data stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalView {
    /// Its id.
    pub id: RehearsalId,
    /// Whose migrations.
    pub release: Version,
    /// Where it stands.
    pub state: RehearsalState,
    /// Who asked.
    pub requested_by: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// How often a worker has begun it.
    pub attempt: u32,
    /// When it was begun last.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why, where that is not said by a data store.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Sentence>,
    /// The data stores.
    pub stores: Vec<StoreRehearsal>,
}

/// Asks for a rehearsal.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalRequest {
    /// The release whose migrations are to be tried.
    pub release: String,
}

/// What is known of a release's way back in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WayBack {
    /// The environment.
    pub environment: String,
    /// The newest rehearsal there.
    pub rehearsal: RehearsalId,
    /// Where it stands; a release that failed is not to be rolled back from.
    pub state: RehearsalState,
    /// Why, unless it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Sentence>,
}
