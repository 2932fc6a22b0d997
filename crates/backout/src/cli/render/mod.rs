//! How plans, findings, differences and jobs look to people.

mod difference;
mod drift;
mod findings;
mod job;
mod plan;

pub(crate) use difference::{difference, git};
pub(crate) use drift::drift;
pub(crate) use findings::findings;
pub(crate) use job::outcome;
pub(crate) use plan::plan;
