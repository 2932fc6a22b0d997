//! Facts about the data engine, on real servers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail as the test itself does")]

mod corpus;
mod examine;
mod losses;
mod mariadb;
mod mariadb_corpus;
mod mariadb_deaths;
mod mariadb_kill;
mod mariadb_large;
mod mariadb_rows;
mod mariadb_types;
mod mariadb_undo;
mod mariadb_writer;
mod mongodb;
mod mongodb_corpus;
mod mongodb_pages;
mod mongodb_types;
mod mongodb_writer;
mod rehearsal;
mod restore;
mod support;
