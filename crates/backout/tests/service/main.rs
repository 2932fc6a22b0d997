//! The service as it is shipped: the binary, its private database, its backups.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

mod backup;
mod everyday;
mod home;
mod lifecycle;
mod settings;
mod shared;
