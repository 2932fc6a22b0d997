//! The directory in which a process keeps everything, and the lock that says whose it is.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sentence::{Sentence, sentence};
use tempfile::NamedTempFile;

use crate::io_error::{Doing, IoError};

const LOCK: &str = "lock";
const RESTORING: &str = "restoring";
const MAX_HOLDER_BYTES: u64 = 4096;

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) enum Error {
    /// Another process works in it.
    Held { path: PathBuf, holder: Sentence },
    /// The operating system says no.
    Io(#[from] IoError),
}

impl Error {
    /// What people are told.
    pub(crate) fn sentence(&self) -> Sentence {
        match self {
            Self::Held { path, holder } => sentence!("the data directory {path} is in use by {holder}", path, holder),
            Self::Io(error) => error.sentence(),
        }
    }
}

/// How many processes may work in it at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// One: the private database server has one master.
    Alone,
    /// Any number, none of which is alone: they keep only locks, keys and backups in it.
    Shared,
}

/// A data directory that is ours, alone or with others of our kind, as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    lock: File,
    sharing: Sharing,
}

impl DataDirectory {
    /// Makes the directory if it is not there (only its owner may enter it) and takes its lock, which ends with the
    /// process, however it ends.
    pub(crate) fn open(path: &Path, sharing: Sharing) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(IoError::of(Doing::Make, path))?;
        let path = fs::canonicalize(path).map_err(IoError::of(Doing::Find, path))?;
        let file = path.join(LOCK);
        let fail = |doing| IoError::of(doing, &file);
        let mut options = File::options();
        let mut lock =
            options.create(true).truncate(false).read(true).write(true).open(&file).map_err(fail(Doing::Open))?;
        let operation = match sharing {
            Sharing::Alone => FlockOperation::NonBlockingLockExclusive,
            Sharing::Shared => FlockOperation::NonBlockingLockShared,
        };
        match rustix::fs::flock(&lock, operation) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Held { path, holder: holder(&mut lock) }),
            Err(error) => return Err(fail(Doing::Lock)(error.into()).into()),
        }
        if sharing == Sharing::Alone {
            let name = format!("process {} ({})", std::process::id(), command());
            let write = |lock: &mut File| {
                lock.set_len(0)?;
                lock.rewind()?;
                lock.write_all(name.as_bytes())
            };
            write(&mut lock).map_err(fail(Doing::Write))?;
        }
        Ok(Self { path, lock, sharing })
    }

    /// The directory itself, without symbolic links in it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where workers on this machine show each other that they live.
    pub(crate) fn lock_directory(&self) -> PathBuf {
        self.path.join("locks")
    }

    /// Notes that a restore of that database begins, or that it is done.
    pub(crate) fn set_restoring(&self, database: Option<&str>) -> Result<(), Error> {
        let path = note_of_restore(&self.path);
        let done = match database {
            Some(database) => NamedTempFile::new_in(&self.path).and_then(|mut file| {
                file.write_all(database.as_bytes())?;
                file.as_file().sync_all()?;
                file.persist(&path).map(drop).map_err(|error| error.error)
            }),
            None => fs::remove_file(&path),
        };
        Ok(done.and_then(|()| File::open(&self.path)?.sync_all()).map_err(IoError::of(Doing::Write, &path))?)
    }
}

/// The file that names the database whose restore was begun.
pub(crate) fn note_of_restore(data_directory: &Path) -> PathBuf {
    data_directory.join(RESTORING)
}

/// The database whose restore was begun from that data directory and not brought to its end; empty where an earlier
/// version wrote the note.
pub(crate) fn restoring(data_directory: &Path) -> Option<String> {
    match fs::read_to_string(note_of_restore(data_directory)) {
        Ok(database) => Some(database),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        // It is there, whatever it says.
        Err(_) => Some(String::new()),
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // Whoever shared it next must not be taken for this process. A failure leaves a stale name, no stale lock.
        if self.sharing == Sharing::Alone {
            let _ = self.lock.set_len(0);
        }
    }
}

/// Who holds it, as they wrote it down.
fn holder(lock: &mut File) -> Sentence {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.take(MAX_HOLDER_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() => Sentence::verbatim(text),
        _ => sentence!("other processes of Backout"),
    }
}

fn command() -> String {
    std::env::args_os().take(2).map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_owner_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = DataDirectory::open(&path, Sharing::Alone).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        for sharing in [Sharing::Alone, Sharing::Shared] {
            let told = DataDirectory::open(&path, sharing).unwrap_err().to_string();
            assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
        }
        drop(first);
        DataDirectory::open(&path, Sharing::Alone).unwrap();
    }

    #[test]
    fn those_who_share_it_keep_out_whoever_wants_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDirectory::open(folder.path(), Sharing::Alone).unwrap());
        let _one = DataDirectory::open(folder.path(), Sharing::Shared).unwrap();
        let _two = DataDirectory::open(folder.path(), Sharing::Shared).unwrap();
        let told = DataDirectory::open(folder.path(), Sharing::Alone).unwrap_err().to_string();
        assert!(told.contains("other processes of Backout"), "{told}");
    }

    #[test]
    fn a_restore_that_was_begun_is_remembered_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(folder.path(), Sharing::Alone).unwrap();
        assert_eq!(restoring(folder.path()), None);
        directory.set_restoring(Some("db:3306/control")).unwrap();
        assert_eq!(restoring(folder.path()).as_deref(), Some("db:3306/control"));
        directory.set_restoring(None).unwrap();
        assert_eq!(restoring(folder.path()), None);
    }
}
