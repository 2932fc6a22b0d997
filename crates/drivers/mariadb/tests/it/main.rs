//! Facts about the driver, on a real MariaDB.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod dump;
mod errors;
mod fingerprint;
mod ledger;
mod ledger_tools;
mod ledgers;
mod lock;
mod rows;
mod schema;
mod scripts;

use driver_mariadb::{Session, SessionOptions, Target};
use testkit::shared_mariadb;

/// A new, empty database.
pub(crate) fn database(prefix: &str) -> Target {
    let name = shared_mariadb().create_database(prefix).unwrap();
    target(&name)
}

/// An existing database.
pub(crate) fn target(database: &str) -> Target {
    Target::new(shared_mariadb().url(database).into()).unwrap()
}

pub(crate) async fn connect(target: &Target) -> Session {
    target.connect(&SessionOptions::default()).await.unwrap()
}

pub(crate) async fn run(session: &mut Session, script: &str) {
    for statement in sql_script::split(script).unwrap() {
        session.execute(&statement.text).await.unwrap_or_else(|error| panic!("{error} in {}", statement.text));
    }
}
