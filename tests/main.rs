//! End-to-end tests of Backout: the shipped binary, real servers, the public API.

mod api;
mod faults;
mod rollback;
mod support;
