//! The reverse proxy in front of an environment: shows the maintenance page and takes it away.

mod error;
pub mod nginx;
mod page;

pub use error::{Error, Result};
pub use nginx::{Nginx, Prepared};
pub use page::Page;
