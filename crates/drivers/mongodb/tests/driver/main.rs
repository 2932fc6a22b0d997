//! The driver on a real server.

mod archives;
mod keeping;
mod locking;
mod structure;
mod support;
mod target;
