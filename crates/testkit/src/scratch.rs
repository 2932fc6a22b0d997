//! Scratch directories of test processes, swept once their process is gone.
//!
//! A server shared by a whole test process sits in a static, which is never dropped. Its directory
//! therefore stays behind when the process ends, and the next process that wants one removes it:
//! each directory holds a file locked by its owner, and the lock ends with the owner.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process;

const OWNER: &str = "owner.lock";

/// A private directory that is removed on drop, or later by another test process.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    _owner: File,
}

impl Scratch {
    /// Creates a directory whose name begins with `kind`, after sweeping those of dead processes.
    pub fn new(kind: &str) -> Result<Self> {
        let root = root()?.join("run");
        create_directory(&root)?;
        // Creation and the sweep exclude each other, else a sweep could take a directory whose
        // owner has not locked it yet.
        let guard = lock(&root.with_extension("lock"))?;
        let orphans = orphans(&root);
        let directory = tempfile::Builder::new()
            .prefix(&format!("{kind}-"))
            .tempdir_in(&root)
            .with_context(|| format!("cannot create a scratch directory in {}", root.display()))?;
        let owner = lock(&directory.path().join(OWNER))?;
        drop(guard);
        for (orphan, _owner) in orphans {
            process::kill_all_of(&orphan);
            remove_cgroups(&orphan);
            // Another sweep may be at it, or the orphan's server may still be dying: the next sweep
            // removes what is left.
            let _ = fs::remove_dir_all(&orphan);
        }
        Ok(Self { directory, _owner: owner })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The cgroup that belongs to this directory: its own name below the root of each hierarchy.
    pub(crate) fn cgroup(&self) -> String {
        format!("/{}", cgroup_name(self.path()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_cgroups(self.path());
    }
}

/// The directory of everything testkit keeps on this machine for this user.
pub(crate) fn root() -> Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let root = std::env::temp_dir().join(format!("backout-testkit-{user}"));
    create_directory(&root)?;
    Ok(root)
}

/// Opens and locks the file at `path`; waits for another holder. The lock ends with the handle.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = open(path)?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Opens and locks the file at `path`; `None` if another handle holds it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

pub(crate) fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// The directories whose owner is gone, each with its lock, which keeps other sweeps away.
fn orphans(root: &Path) -> Vec<(PathBuf, Option<File>)> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter_map(|directory| {
            let owner = directory.join(OWNER);
            if !owner.exists() {
                return Some((directory, None));
            }
            try_lock(&owner).ok().flatten().map(|file| (directory, Some(file)))
        })
        .collect()
}

fn cgroup_name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("backout-testkit-{name}")
}

/// Removes the cgroups which containers of a killed dockerd leave behind.
fn remove_cgroups(directory: &Path) {
    let name = cgroup_name(directory);
    let mount = Path::new("/sys/fs/cgroup");
    remove_cgroup(&mount.join(&name));
    for hierarchy in fs::read_dir(mount).into_iter().flatten().flatten() {
        remove_cgroup(&hierarchy.path().join(&name));
    }
}

fn remove_cgroup(group: &Path) {
    if !group.is_dir() {
        return;
    }
    for child in fs::read_dir(group).into_iter().flatten().flatten() {
        remove_cgroup(&child.path());
    }
    // Best effort: an empty group that stays costs nothing but its name.
    let _ = fs::remove_dir(group);
}
