//! Splits MariaDB scripts into statements and says what each statement does.
//!
//! No IO and no server: [`split`] knows strings, comments, `DELIMITER` and compound bodies, so that
//! a migration can be run and journalled one statement at a time; [`classify`] names the objects a
//! statement touches, and whatever it does not understand is [`Effect::Unknown`], never "safe".
//!
//! Both assume the server's default `sql_mode`: with `ANSI_QUOTES` or `NO_BACKSLASH_ESCAPES` the
//! text of a string literal ends elsewhere.

mod alter;
mod classify;
mod compound;
mod create_drop;
mod cursor;
mod dml;
mod effect;
mod reach;
mod rewrite;
mod split;
mod token;

pub use classify::classify;
pub use effect::{
    AlterAction, Classified, Effect, PartitionAction, RoutineKind, TableName, TableRename, quote_identifier,
};
pub use reach::{reaches_out, without_definer};
pub use rewrite::{NonAtomic, Rewrite, non_atomic};
pub use split::{SplitError, SplitErrorKind, Statement, split};
