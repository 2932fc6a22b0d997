//! What happens around handlers, each thing in one file.

mod answer_once;
mod authenticate;
mod body;
mod context;
mod in_time;
mod nothing_there;
mod panic;
mod parameters;
mod rate;
mod render;
mod to_the_end;

pub(crate) use answer_once::answer_once;
pub(crate) use authenticate::{Gate, authenticate};
pub(crate) use body::{BodyRules, take_body};
pub(crate) use context::{RequestContext, in_context};
pub(crate) use in_time::answer_in_time;
pub(crate) use nothing_there::{no_such_method, no_such_path};
pub(crate) use panic::answer_panic;
pub(crate) use parameters::{KnownParameters, refuse_unknown_parameters};
pub(crate) use render::render;
pub(crate) use to_the_end::run_to_the_end;

#[cfg(test)]
mod tests;
