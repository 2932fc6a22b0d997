//! What the other crates' tests rely on.

#[path = "testkit/databases.rs"]
mod databases;
#[path = "testkit/docker.rs"]
mod docker;
#[path = "testkit/process.rs"]
mod process;
#[path = "testkit/proxy.rs"]
mod proxy;
#[path = "testkit/wait.rs"]
mod wait;
