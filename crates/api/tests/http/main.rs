//! The interface as it is served: the real router behind the real listener, over a real control database.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

mod bad_input;
mod editing;
mod following;
mod limits;
mod repeated;
mod service;
