//! Gathers the facts that a plan is built from: what the store says and what the world really is, asked
//! side by side, each with a deadline. The decision itself is [`domain::plan::build`].

mod gather;
mod releases;
mod targets;

pub use gather::{Question, gather};
pub use targets::{TargetError, Targets, mistake};
