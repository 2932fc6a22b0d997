//! The driver on a real server.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise, also in its helpers")]

mod archives;
mod images;
mod keeping;
mod ledgers;
mod locking;
mod structure;
mod support;
mod target;
