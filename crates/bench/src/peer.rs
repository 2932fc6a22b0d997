//! Where the peers are: huey below `target/tools/peers`, the migration tools where `scripts/ledger-tools` put them.

use std::path::{Path, PathBuf};

const NOT_THERE: &str = "not there (crates/bench/peers/install)";

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers")
}

/// The Python with huey.
pub(crate) fn python() -> Option<PathBuf> {
    there(tools().join("python/bin/python"))
}

/// The script that huey is measured with.
pub(crate) fn huey_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/huey_peer.py")
}

/// A file of a migration tool.
fn ledger_tool(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BACKOUT_LEDGER_TOOLS").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR")
                .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
            target.join("ledger-tools")
        },
        PathBuf::from,
    );
    there(folder.join(file))
}

pub(crate) fn dbmate() -> Option<PathBuf> {
    ledger_tool("npm/node_modules/@dbmate/linux-x64/bin/dbmate")
}

pub(crate) fn migrate_mongo() -> Option<PathBuf> {
    ledger_tool("npm/node_modules/migrate-mongo/bin/migrate-mongo.js")
}

pub(crate) fn alembic() -> Option<PathBuf> {
    ledger_tool("venv/bin/alembic")
}

/// Liquibase itself; its libraries and drivers lie beside it.
pub(crate) fn liquibase() -> Option<PathBuf> {
    ledger_tool("npm/node_modules/liquibase/dist/liquibase/liquibase.jar")
}

/// The machine's Java.
pub(crate) fn java() -> Option<PathBuf> {
    there(PathBuf::from("/usr/bin/java"))
}

/// Debian's, which `peers/install` installs.
pub(crate) fn docker_compose() -> Option<PathBuf> {
    there(PathBuf::from("/usr/bin/docker-compose"))
}

fn there(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

/// What the table says instead of a peer.
pub(crate) fn not_there(name: &str) -> String {
    format!("{name}: {NOT_THERE}")
}
