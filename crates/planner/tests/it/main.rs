//! Plans made from facts of real servers, and what jobs leave behind for the next plan.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

mod containers;
mod drift;
mod ledgers;
mod scripts;
mod settings;
mod support;
