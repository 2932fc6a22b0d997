//! Where the peers are that `peers/install` put below `target/tools/peers`.

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

pub(crate) fn dbmate() -> Option<PathBuf> {
    there(tools().join("node_modules/@dbmate/linux-x64/bin/dbmate"))
}

pub(crate) fn migrate_mongo() -> Option<PathBuf> {
    there(tools().join("node_modules/migrate-mongo/bin/migrate-mongo.js"))
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
