//! MongoDB as a target of migrations and rollbacks: commands as data, a lock, the application's own
//! ledger, fingerprints of the structure, archives, and keeping what a down script would destroy.
//!
//! Everything this crate writes beside the application's data is in collections whose names begin
//! with [`OWN_PREFIX`]; they are left out of fingerprints and archives.

mod archive;
mod archive_format;
mod collections;
mod error;
mod fields;
mod image_job;
mod images;
mod images_restore;
mod keep;
mod keep_documents;
mod keep_groups;
mod ledger;
mod lock;
mod pages;
mod paths;
mod restore;
mod schema;
mod scratch;
mod target;
mod value;
mod watch;

pub use archive::Archive;
pub use archive_format::verify;
pub use error::{Error, Result};
pub use images::{DocumentChange, DocumentWrite, Written};
pub use images_restore::ScriptWrites;
pub use keep::{Kept, Restored, Unset, Verified};
pub use keep_documents::Overwrite;
pub use ledger::Entry;
pub use lock::{Acquired, Holder};
pub use restore::{Existing, Loaded};
pub use schema::{Change, Difference, Fingerprint};
pub use scratch::{SCRATCH_PREFIX, Sampled};
pub use target::Target;
pub use watch::Turn;

/// How the names of this product's own collections begin.
pub const OWN_PREFIX: &str = "backout_";
