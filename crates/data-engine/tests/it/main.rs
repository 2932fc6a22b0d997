//! Facts about the data engine, on real servers.

mod examine;
mod mariadb;
mod mariadb_kill;
mod mariadb_undo;
mod mongodb;
mod support;
