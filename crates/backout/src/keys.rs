//! The file of keys that seal secrets in the control database.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use sentence::{Sentence, sentence};
use store::Keyring;

use crate::io_error::{Doing, IoError};
use crate::settings::Settings;

/// Thousands of keys.
const MAX_BYTES: u64 = 1 << 20;

/// Why the file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) enum Error {
    /// It cannot be read or written.
    Io(#[from] IoError),
    /// It holds something else.
    Content {
        path: PathBuf,
        #[source]
        source: store::SealError,
    },
}

impl Error {
    /// What people are told.
    pub(crate) fn sentence(&self) -> Sentence {
        match self {
            Self::Io(error) => error.sentence(),
            Self::Content { path, source } => sentence!("{path}: {error}", path, error = source.sentence()),
        }
    }
}

/// A file of keys, with its text as it is.
pub(crate) struct KeyFile {
    pub(crate) text: SecretString,
    pub(crate) keyring: Keyring,
}

impl KeyFile {
    /// A file with one new key, which is nowhere yet.
    pub(crate) fn generate() -> Result<Self, store::SealError> {
        Self::parse(Keyring::generate())
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: String) -> Result<Self, store::SealError> {
        let keyring = Keyring::parse(&text)?;
        Ok(Self { text: SecretString::from(text), keyring })
    }

    /// Puts the file at a path in one move, readable by its owner only, and makes sure that it is on disk.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let write = || {
            self.beside(path)?.persist(path).map_err(|error| error.error)?;
            sync_folder_of(path)
        };
        Ok(write().map_err(IoError::of(Doing::Write, path))?)
    }

    /// The same where there is no file yet; false where another process was faster.
    pub(crate) fn write_new(&self, path: &Path) -> Result<bool, Error> {
        let write = || match self.beside(path)?.persist_noclobber(path) {
            Ok(_) => sync_folder_of(path).map(|()| true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        };
        Ok(write().map_err(IoError::of(Doing::Write, path))?)
    }

    fn beside(&self, path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::with_prefix_in(".keys-", folder_of(path))?;
        file.write_all(self.text.expose_secret().as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder_of(path))?.sync_all()
}

/// Where the keys are.
pub(crate) fn path(settings: &Settings) -> PathBuf {
    settings.key_file.clone().unwrap_or_else(|| settings.data_directory.join("keys"))
}

/// Reads the file of keys; none if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<KeyFile>, Error> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IoError::of(Doing::Read, path)(error).into()),
    };
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(IoError::of(Doing::Read, path))?;
    let content = |source| Error::Content { path: path.to_owned(), source };
    KeyFile::parse(text).map(Some).map_err(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_written_file_reads_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        assert!(read(&path).unwrap().is_none());
        let made = KeyFile::generate().unwrap();
        made.write(&path).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().text.expose_secret(), made.text.expose_secret());
        assert!(!KeyFile::generate().unwrap().write_new(&path).unwrap(), "a file that is there is kept");
        assert_eq!(read(&path).unwrap().unwrap().text.expose_secret(), made.text.expose_secret());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_with_something_else_is_told_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "hunter2").unwrap();
        let told = read(&path).err().unwrap().to_string();
        assert!(told.contains("entry 1") && !told.contains("hunter2"), "{told}");
    }
}
