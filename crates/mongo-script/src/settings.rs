use std::time::{Duration, SystemTime};

/// What a script may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory of the interpreter, and separately of the operations recorded, in bytes.
    pub memory_bytes: usize,
    /// Time the script itself may take. Time spent by the [`Host`](crate::Host) does not count.
    pub time: Duration,
    /// Bytes printed that are kept; what a script prints beyond them is dropped and reported as
    /// truncated.
    pub output_bytes: usize,
    /// Operations a script may issue.
    pub operations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 * 1024 * 1024,
            time: Duration::from_secs(10),
            output_bytes: 256 * 1024,
            operations: 1_000_000,
        }
    }
}

/// What a script finds around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database in which the script starts: the one the connection string names.
    pub database: String,
    /// The time the script sees, for `new Date()` and generated ids. With a fixed clock, compiling
    /// the same script twice gives the same operations; `None` is the machine's clock.
    pub clock: Option<SystemTime>,
    /// What the script may use up.
    pub limits: Limits,
}

impl Settings {
    /// The machine's clock and default limits, starting in `database`.
    pub fn new(database: impl Into<String>) -> Self {
        Self { database: database.into(), clock: None, limits: Limits::default() }
    }
}
