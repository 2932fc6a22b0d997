//! The file of a backup: a tar archive of a manifest, the keys and the compressed dump, in this order.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::io_error::{Doing, IoError};

const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const KEYS: &str = "keys";
const DUMP: &str = "control.sql.zst";
const MAX_MANIFEST_BYTES: u64 = 1 << 16;
const MAX_KEYS_BYTES: u64 = 1 << 20;

/// Why a backup cannot be written or used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub(super) enum Error {
    /// The operating system says no.
    Io(#[from] IoError),
    /// It is not what it should be.
    Unusable { path: PathBuf, reason: Sentence },
}

impl Error {
    /// What people are told.
    pub(super) fn sentence(&self) -> Sentence {
        match self {
            Self::Io(error) => error.sentence(),
            Self::Unusable { path, reason } => sentence!("the backup {path} cannot be used: {reason}", path, reason),
        }
    }
}

type Result<T> = std::result::Result<T, Error>;

/// What the archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// The version of Backout that wrote it.
    pub(super) backout: String,
    /// When the dump was begun.
    pub(super) created_at: DateTime<Utc>,
    /// Tables in the dump.
    pub(super) tables: u64,
    /// The keys; none where a database without them was put aside.
    keys: Option<Entry>,
    dump: Entry,
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Entry {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

/// A dump that was written and verified.
pub(super) struct Dump<'a> {
    pub(super) file: &'a Path,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) tables: u64,
    pub(super) created_at: DateTime<Utc>,
}

/// Writes an archive. It appears under its name when it is complete, on disk, and was read again; a file of that name
/// is never replaced.
pub(super) fn write(dest: &Path, keys: Option<&str>, dump: &Dump<'_>) -> Result<u64> {
    let fail = |error| IoError::of(Doing::Write, dest)(error);
    let folder = match dest.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let manifest = Manifest {
        format: FORMAT,
        backout: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: dump.created_at,
        tables: dump.tables,
        keys: keys.map(|keys| Entry::of(keys.as_bytes())),
        dump: Entry { bytes: dump.bytes, sha256: dump.sha256.clone() },
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| fail(error.into()))?;
    // Readable by its owner only, as all temporary files of this kind are: it holds the keys.
    let file = NamedTempFile::with_prefix_in(".backout-backup-", folder).map_err(fail)?;
    let mut archive = tar::Builder::new(io::BufWriter::new(file.as_file()));
    append(&mut archive, MANIFEST, text.len() as u64, &text[..], dump.created_at).map_err(fail)?;
    if let Some(keys) = keys {
        append(&mut archive, KEYS, keys.len() as u64, keys.as_bytes(), dump.created_at).map_err(fail)?;
    }
    let source = File::open(dump.file).map_err(fail)?;
    append(&mut archive, DUMP, dump.bytes, source, dump.created_at).map_err(fail)?;
    archive.into_inner().and_then(|mut writer| writer.flush()).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    read(file.path(), &mut io::sink())?;
    let bytes = file.as_file().metadata().map_err(fail)?.len();
    file.persist_noclobber(dest).map_err(|error| fail(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
    Ok(bytes)
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: u64,
    from: impl Read,
    time: DateTime<Utc>,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(time.timestamp()).unwrap_or(0));
    header.set_cksum();
    // Cut at the size that the header names, else what follows would be read as the next file.
    archive.append_data(&mut header, name, from.take(bytes))
}

/// An archive that was read wholly and is what its manifest says.
pub(super) struct Unpacked {
    pub(super) manifest: Manifest,
    pub(super) keys: Option<String>,
    /// The dump, in a folder that goes away with this value.
    pub(super) dump: PathBuf,
    pub(super) dump_sha256: String,
    _folder: TempDir,
}

/// Reads an archive wholly, checks every hash, and puts the dump into a new folder below `folder`.
pub(super) fn unpack(path: &Path, folder: &Path) -> Result<Unpacked> {
    let fail = |error| IoError::of(Doing::Write, folder)(error);
    let scratch = tempfile::Builder::new().prefix("restore-").tempdir_in(folder).map_err(fail)?;
    let dump = scratch.path().join(DUMP);
    let mut file = File::create_new(&dump).map_err(fail)?;
    let (manifest, keys) = read(path, &mut file)?;
    Ok(Unpacked { dump_sha256: manifest.dump.sha256.clone(), manifest, keys, dump, _folder: scratch })
}

/// Reads an archive wholly, checks every hash, and copies the dump into a sink.
fn read(path: &Path, dump: &mut impl Write) -> Result<(Manifest, Option<String>)> {
    let fail = IoError::of(Doing::Read, path);
    let unusable = |reason: Sentence| Error::Unusable { path: path.to_owned(), reason };
    let broken =
        |error: io::Error| Error::Unusable { path: path.to_owned(), reason: Sentence::verbatim(error.to_string()) };
    let mut archive = tar::Archive::new(BufReader::new(File::open(path).map_err(fail)?));
    let mut entries = archive.entries().map_err(broken)?;
    let mut next = |name: &str, limit: u64| {
        let entry =
            entries.next().ok_or_else(|| unusable(sentence!("it ends before {name}", name)))?.map_err(broken)?;
        let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if found != name || !entry.header().entry_type().is_file() {
            return Err(unusable(sentence!("it has {found} in the place of {name}", found, name)));
        }
        if entry.size() > limit {
            return Err(unusable(sentence!("{name} is larger than {limit} bytes", name, limit)));
        }
        Ok(entry)
    };
    let mut text = Vec::new();
    next(MANIFEST, MAX_MANIFEST_BYTES)?.read_to_end(&mut text).map_err(broken)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
        unusable(sentence!("{name} cannot be read: {error}", name = MANIFEST, error = error.to_string()))
    })?;
    if manifest.format != FORMAT {
        return Err(unusable(sentence!(
            "its format is {format}, known is {known}",
            format = manifest.format,
            known = FORMAT
        )));
    }
    let keys = match &manifest.keys {
        Some(expected) => {
            let mut keys = Vec::new();
            copy(next(KEYS, MAX_KEYS_BYTES)?, &mut keys, expected).map_err(broken)?;
            Some(String::from_utf8(keys).map_err(|_| unusable(sentence!("{name} is no text", name = KEYS)))?)
        }
        None => None,
    };
    copy(next(DUMP, manifest.dump.bytes)?, dump, &manifest.dump).map_err(broken)?;
    Ok((manifest, keys))
}

/// Copies an entry, and refuses one that is not what the manifest says.
fn copy(mut from: impl Read, to: &mut impl Write, expected: &Entry) -> io::Result<()> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; 128 * 1024];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..read]);
        bytes += read as u64;
        to.write_all(&chunk[..read])?;
    }
    let found = Entry { bytes, sha256: hex::encode(hash.finalize()) };
    if found != *expected {
        return Err(io::Error::other(format!(
            "a file in it has {} bytes and SHA-256 {}, recorded were {} bytes and {}",
            found.bytes, found.sha256, expected.bytes, expected.sha256
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(keys: Option<&str>) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("dump");
        let bytes = b"not a dump, but bytes".repeat(1000);
        std::fs::write(&source, &bytes).unwrap();
        let entry = Entry::of(&bytes);
        let dump = Dump {
            file: &source,
            bytes: entry.bytes,
            sha256: entry.sha256,
            tables: 3,
            created_at: DateTime::from_timestamp(1_750_000_000, 0).unwrap(),
        };
        let dest = folder.path().join("backup.tar");
        write(&dest, keys, &dump).unwrap();
        (folder, dest)
    }

    #[test]
    fn what_was_written_is_read_back_and_only_the_owner_may_read_it() {
        let (folder, file) = written(Some("k1:00"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let unpacked = unpack(&file, folder.path()).unwrap();
        assert_eq!((unpacked.manifest.tables, unpacked.keys.as_deref()), (3, Some("k1:00")));
        assert_eq!(std::fs::read(&unpacked.dump).unwrap(), std::fs::read(folder.path().join("dump")).unwrap());
        let scratch = unpacked.dump.clone();
        drop(unpacked);
        assert!(!scratch.exists());
        let (folder, keyless) = written(None);
        assert_eq!(unpack(&keyless, folder.path()).unwrap().keys, None);
    }

    #[test]
    fn any_changed_or_missing_byte_of_the_content_is_noticed() {
        let (folder, file) = written(Some("k1:00"));
        let whole = std::fs::read(&file).unwrap();
        let find = |needle: &[u8]| whole.windows(needle.len()).position(|part| part == needle).unwrap();
        for place in [find(b"k1:00"), find(b"not a dump"), find(b"\"tables\"")] {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&file, changed).unwrap();
            assert!(matches!(unpack(&file, folder.path()), Err(Error::Unusable { .. })), "at {place}");
        }
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(unpack(&file, folder.path()), Err(Error::Unusable { .. })));
        std::fs::write(&file, b"hello").unwrap();
        assert!(matches!(unpack(&file, folder.path()), Err(Error::Unusable { .. })));
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let (folder, file) = written(None);
        let dump = Dump {
            file: &folder.path().join("dump"),
            bytes: 0,
            sha256: hex::encode(Sha256::digest(b"")),
            tables: 0,
            created_at: Utc::now(),
        };
        let before = std::fs::read(&file).unwrap();
        assert!(matches!(write(&file, None, &dump), Err(Error::Io(_))));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
