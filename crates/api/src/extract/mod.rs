//! What handlers read from a request, each refusal as a failure of its own type.

mod body;
mod event_id;
mod idempotency_key;
mod if_match;
mod path;
mod query;

pub(crate) use body::{Json, UnreadableBody};
pub(crate) use event_id::LastEventId;
pub(crate) use idempotency_key::idempotency_key;
pub(crate) use if_match::IfMatch;
pub(crate) use path::Path;
pub(crate) use query::{PageQuery, Query, Wait};

use std::error::Error;

/// The innermost reason of a rejection, without what the framework says around it.
fn reason(rejection: &dyn Error) -> String {
    let mut innermost = rejection;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
