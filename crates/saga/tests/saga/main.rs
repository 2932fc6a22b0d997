//! What the saga promises, on an in-memory journal and a world of counted effects, under planned faults.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

mod answers;
mod cancelling;
mod crashing;
mod failing;
mod graph;
mod outage;
mod random;
mod resuming;
mod stopping;
mod support;
