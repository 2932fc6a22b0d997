//! How much of a caller's text and time can be stored.

use chrono::{DateTime, Datelike, Utc};

/// The longest text of prose, bytes: what a `TEXT` column holds.
pub const MAX_TEXT: usize = 65_535;

/// The longest reason, bytes.
pub const MAX_REASON: usize = 2_000;

/// The most migrations that one repair may speak of: they are written while the environment's row is locked.
pub const MAX_MARKS: usize = 1_000;

/// Whether a `DATETIME` column holds the moment; RFC 3339 can write others.
pub fn is_storable_time(at: DateTime<Utc>) -> bool {
    (1000..=9999).contains(&at.year())
}
