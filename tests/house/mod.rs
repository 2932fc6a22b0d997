//! The arrows of the house: which member may know which. `docs/architecture.md` has the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What each member may depend on, besides libraries. Development dependencies are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("i18n", &["domain"]),
    ("saga", &["domain"]),
    ("store", &["domain", "saga"]),
    ("sql-script", &[]),
    ("mongo-script", &[]),
    ("drivers/docker", &[]),
    ("drivers/gateway", &[]),
    // Whose ledger a table is, and how far its entries are, has one set of words.
    ("drivers/mariadb", &["domain"]),
    ("drivers/mongodb", &["domain"]),
    ("drivers/redis", &[]),
    ("data-engine", &["domain", "saga", "sql-script", "mongo-script", "driver-mariadb", "driver-mongodb"]),
    (
        "planner",
        &[
            "domain",
            "store",
            "data-engine",
            "driver-docker",
            "driver-gateway",
            "driver-mariadb",
            "driver-mongodb",
            "driver-redis",
        ],
    ),
    (
        "steps",
        &[
            "domain",
            "saga",
            "data-engine",
            "driver-docker",
            "driver-gateway",
            "driver-mariadb",
            "driver-mongodb",
            "driver-redis",
        ],
    ),
    ("control", &["domain", "saga", "store", "planner", "steps", "data-engine", "driver-docker", "driver-redis"]),
    ("report", &["domain", "i18n"]),
    ("api", &["domain", "i18n", "control", "report"]),
    ("client", &["domain"]),
    ("backout", &["domain", "i18n", "store", "control", "report", "api", "client", "driver-gateway", "driver-mariadb"]),
    ("testkit", &[]),
];

/// Libraries that only some members may use.
const RESERVED: &[(&str, &[&str])] = &[
    ("axum", &["api", "backout", "bench"]),
    ("sqlx", &["store", "drivers/mariadb", "testkit", "backout", "bench"]),
    ("mongodb", &["drivers/mongodb", "testkit"]),
    ("redis", &["drivers/redis", "testkit"]),
];

#[test]
fn members_know_only_what_is_below_them() {
    let members: BTreeSet<&str> = ARROWS.iter().flat_map(|(_, below)| below.iter().copied()).collect();
    for (member, below) in ARROWS {
        let used = dependencies(member);
        let wrong: Vec<&String> =
            used.iter().filter(|name| members.contains(name.as_str()) && !below.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "crates/{member} may not depend on {wrong:?}");
    }
}

#[test]
fn each_server_is_spoken_to_in_one_place() {
    let members: Vec<&str> = ARROWS.iter().map(|(member, _)| *member).collect();
    for (library, allowed) in RESERVED {
        for member in members.iter().filter(|member| !allowed.contains(member)) {
            assert!(!dependencies(member).contains(*library), "crates/{member} may not use {library}");
        }
    }
}

fn dependencies(member: &str) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(member).join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let manifest: BTreeMap<String, toml::Value> = toml::from_str(&text).unwrap();
    let table = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    table.keys().cloned().collect()
}
