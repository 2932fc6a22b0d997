//! The static programs from which tests make images.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Where each program is built, relative to the repository.
const PROGRAMS: [(&str, &str); 2] = [
    ("cms-backend", "examples/cms-backend/target/static/cms-backend"),
    ("maintenance-page", "docker/maintenance-page/target/static/maintenance-page"),
];

/// The statically linked program `name` (`cms-backend` or `maintenance-page`).
pub fn static_binary(name: &str) -> Result<PathBuf> {
    let (_, path) = PROGRAMS
        .iter()
        .find(|(program, _)| *program == name)
        .with_context(|| format!("there is no example program named {name}"))?;
    let path = repository().join(path);
    ensure!(path.is_file(), "{} is not built: run `make examples`", path.display());
    Ok(path)
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
