//! The driver against a real Docker Engine.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

mod build;
mod carry_over;
mod containers;
mod faults;
mod fixture;
mod health;
