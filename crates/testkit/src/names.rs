//! Names that no other test has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `prefix` with a suffix of lower-case letters, digits and `_` that no other call in this process,
/// in another test process or in an earlier run returns. Fit for a database of MariaDB (at most 64
/// characters, so keep `prefix` under 30) and of MongoDB, and for a container.
pub fn unique_name(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    format!("{prefix}_{:x}_{micros:x}_{count}", std::process::id())
}
