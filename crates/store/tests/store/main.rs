//! The store on a real MariaDB: every query is run at least once, and its promises are held to.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

mod audit;
mod backups;
mod corrections;
mod data;
mod ending;
mod environments;
mod events;
mod fencing;
mod group_commit;
mod idempotency;
mod keys;
mod known_good;
mod lost_answers;
mod outage;
mod pages;
mod preserved;
mod queueing;
mod rehearsals;
mod releases;
mod rescuing;
mod resolving;
mod restored;
mod schema;
mod support;
mod together;
mod tokens;
