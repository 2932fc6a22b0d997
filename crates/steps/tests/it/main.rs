//! The steps on a real engine and real stores.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

mod data;
mod finish;
mod gateway;
mod health;
mod ledgers;
mod maintenance;
mod networks;
mod preflight;
mod resume;
mod start;
mod stop;
mod support;
mod verify;
