//! Redis: flushing caches by pattern, and publish/subscribe as a wake-up.

mod error;
mod flush;
mod pattern;
mod subscribe;
mod target;

pub use error::{Error, Result};
pub use flush::{Budget, Counted, Flushed};
pub use pattern::Patterns;
pub use subscribe::{Subscription, Wake};
pub use target::Target;
