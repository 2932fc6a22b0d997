//! Real servers on free ports for tests and benchmarks, and the means to disturb them.
//!
//! Every server is private to the test process: it listens on `127.0.0.1` or a unix socket in a
//! scratch directory, and it ends when its handle is dropped or when the test process dies by
//! whatever cause. The `shared_*` functions start one server per test process.
//!
//! This crate is a development dependency only, so its errors are `anyhow` errors meant for a
//! person who reads a failed test.

mod backout;
mod blocking;
mod docker;
mod images;
mod mariadb;
mod mongodb;
mod names;
mod nginx;
pub mod port;
pub mod process;
pub mod proxy;
mod redis;
mod scratch;
pub mod wait;
pub mod world;

pub use backout::Backout;
pub use docker::{Docker, shared_docker};
pub use images::static_binary;
pub use mariadb::{MariaDb, shared_mariadb};
pub use mongodb::{Mongo, shared_mongo};
pub use names::unique_name;
pub use nginx::Nginx;
pub use port::ReservedPort;
pub use process::Server;
pub use proxy::{ChaosProxy, Upstream};
pub use redis::{Redis, shared_redis};
pub use scratch::Scratch;
pub use wait::eventually;
pub use world::{Site, World};
