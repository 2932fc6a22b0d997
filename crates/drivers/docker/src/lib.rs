//! Docker Engine, driven over its HTTP API.
//!
//! Inspect and create bodies stay raw JSON, so that a container can be replaced without losing a
//! field that this crate has never heard of. See [`replacement`] for what that takes.

mod build;
mod carry_over;
mod container;
mod engine;
mod error;
mod events;
mod health;
mod image;
mod info;
mod logs;
mod network;
mod request;

pub use build::build_image;
pub use carry_over::{CarriedOver, EnvChange, Overrides, is_removed_on_stop, replacement};
pub use container::{ContainerSummary, Exit, Port, RestartPolicy};
pub use engine::Engine;
pub use error::{Error, Request, Result};
pub use health::Health;
pub use image::{Image, ImageSummary};
pub use info::{DiskSpace, Info, Version};
