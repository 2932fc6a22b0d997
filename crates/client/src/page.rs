//! Pages of lists.

use serde::Serialize;

/// A page that is asked for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PageRequest {
    /// How many items, 1 to 200; the service's own choice if absent.
    pub limit: Option<u32>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The first page, with at most that many items.
    pub fn first(limit: u32) -> Self {
        Self { limit: Some(limit), cursor: None }
    }
}
