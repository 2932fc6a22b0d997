//! A lock that the kernel releases when its process ends, however it ends: on the same host a dead worker
//! is recognised by it, at once and without asking for process ids.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use domain::ids::WorkerId;

pub(super) struct LockFile {
    path: PathBuf,
    _file: File,
}

impl LockFile {
    pub(super) fn take(directory: &Path, worker: WorkerId) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{worker}.lock"));
        let file = File::create_new(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::other("a new file is locked already"),
        })?;
        Ok(Self { path, _file: file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The lock goes with the file handle; a file that stays behind only looks like a dead worker's.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the process that held the lock is known to have ended. A file that is not there tells nothing:
/// it may be on another machine.
pub(super) fn owner_is_dead(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// A name for this host that another one does not have, and that changes when it boots.
pub(super) fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    format!("{}/{}", read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_shows_life_and_a_free_one_death() {
        let directory = tempfile::tempdir().unwrap();
        let worker = WorkerId::generate();
        let lock = LockFile::take(directory.path(), worker).unwrap();
        assert!(!owner_is_dead(lock.path()));
        let path = lock.path().to_owned();
        drop(lock);
        assert!(!owner_is_dead(&path), "a file that is gone tells nothing");
        std::fs::write(&path, "").unwrap();
        assert!(owner_is_dead(&path), "a file that nobody locks was left by a dead process");
    }
}
