//! End-to-end tests of Backout: the shipped binary, real servers, the public API.

#[cfg(test)]
mod api;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod house;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod support;
