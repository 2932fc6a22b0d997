//! Full backups: `mariadb-dump`, compressed and hashed on the way, and the way back.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::process::Child;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::target::{Access, Target};
use crate::tool::{Tool, bounded};

/// The last line that a complete dump has.
const TRAILER: &[u8] = b"-- Dump completed";
const CREATE_TABLE: &[u8] = b"CREATE TABLE `";
const CHUNK: usize = 128 * 1024;

/// How much a dump may take.
#[derive(Debug, Clone)]
pub struct DumpLimits {
    /// Largest compressed size, in bytes.
    pub max_bytes: u64,
    /// Longest duration.
    pub timeout: Duration,
}

/// A finished dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpReport {
    /// Size of the SQL, in bytes.
    pub bytes_raw: u64,
    /// Size of the file, in bytes.
    pub bytes_compressed: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Tables in it.
    pub tables: u64,
    /// How long it took.
    pub duration: Duration,
}

/// A dump that was read again, wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Size of the SQL, in bytes.
    pub bytes_raw: u64,
    /// Tables in it.
    pub tables: u64,
}

/// Writes a consistent dump of the database to `dest`, with routines, triggers and events. No DDL
/// may run meanwhile: it would break the dump (error 1412). The file appears only when it is
/// complete and on disk; where the call fails or is cancelled, nothing is left. `read` counts the bytes of SQL
/// that have come so far.
///
/// # Errors
/// [`Error::Tool`] where `mariadb-dump` fails, [`Error::Timeout`], [`Error::DumpUnusable`] where
/// the dump is cut short or too large, [`Error::Io`].
pub async fn dump(target: &Target, dest: &Path, limits: DumpLimits, read: &Arc<AtomicU64>) -> Result<DumpReport> {
    let started = Instant::now();
    let access = &target.access;
    let mut tool = Tool::new("mariadb-dump", access)?;
    tool.command
        .args([
            "--single-transaction",
            "--quick",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
            "--skip-dump-date",
            "--default-character-set=utf8mb4",
            "--",
            &access.database,
        ])
        .stdout(Stdio::piped());
    let mut child = tool.spawn()?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| pipe_missing(dest))?
        .into_owned_fd()
        .map_err(|source| Error::io(sentence!("cannot read the dump for {path}", path = shown(dest)), source))?;
    let owned_dest = dest.to_owned();
    let counter = Arc::clone(read);
    let writing = tokio::task::spawn_blocking(move || compress(stdout, &owned_dest, limits.max_bytes, &counter));
    let compressed = finish(&tool, child, writing, limits.timeout, access).await?;
    if !compressed.scan.is_complete() {
        return Err(unusable(dest, sentence!("it is cut short")));
    }
    let dest = dest.to_owned();
    tokio::task::spawn_blocking(move || compressed.keep(&dest, started.elapsed()))
        .await
        .map_err(|error| panicked(&error))?
}

/// Reads a dump wholly again: its hash, that it decompresses, and that its last line is there.
///
/// # Errors
/// [`Error::DumpUnusable`] where anything is wrong with it, [`Error::Io`].
pub async fn verify(path: &Path, expected_sha256: &str) -> Result<Verified> {
    let path = path.to_owned();
    let expected = expected_sha256.to_owned();
    tokio::task::spawn_blocking(move || read_dump(&path, &expected, io::sink()))
        .await
        .map_err(|error| panicked(&error))?
}

/// Verifies a dump and runs it into the target's database, which should be empty: tables of the
/// same names are replaced, others stay.
///
/// # Errors
/// Those of [`verify`]; [`Error::Tool`] where `mariadb` fails, [`Error::Timeout`].
pub async fn restore(target: &Target, path: &Path, expected_sha256: &str, timeout: Duration) -> Result<Verified> {
    verify(path, expected_sha256).await?;
    let access = &target.access;
    let mut tool = Tool::new("mariadb", access)?;
    tool.command.args(["--default-character-set=utf8mb4", "--batch", "--"]).arg(&access.database).stdin(Stdio::piped());
    let mut child = tool.spawn()?;
    let stdin = child
        .stdin
        .take()
        .ok_or_else(|| pipe_missing(path))?
        .into_owned_fd()
        .map_err(|source| Error::io(sentence!("cannot write the dump from {path}", path = shown(path)), source))?;
    let owned_path = path.to_owned();
    let expected = expected_sha256.to_owned();
    // Hashed again on the way: the file could have been exchanged after it was verified.
    let writing = tokio::task::spawn_blocking(move || read_dump(&owned_path, &expected, File::from(stdin)));
    finish(&tool, child, writing, timeout, access).await
}

/// Waits for the tool and for the thread at the other end of its pipe. The tool's own failure is
/// reported first: a broken pipe only follows from it.
async fn finish<T>(
    tool: &Tool,
    mut child: Child,
    piping: JoinHandle<Result<T>>,
    timeout: Duration,
    access: &Access,
) -> Result<T> {
    let stderr = child.stderr.take();
    let work = async {
        let said = async {
            match stderr {
                Some(stderr) => bounded(stderr).await,
                None => Vec::new(),
            }
        };
        tokio::join!(piping, said, child.wait())
    };
    let Ok((piped, said, status)) = tokio::time::timeout(timeout, work).await else {
        // Dropping the child kills it, which ends the thread.
        return Err(Error::Timeout { doing: sentence!("running {tool}", tool = tool.name), limit: timeout });
    };
    let status = status.map_err(|source| Error::Tool {
        tool: tool.name,
        status: sentence!("it could not be waited for"),
        stderr: source.to_string(),
    })?;
    let piped = piped.map_err(|error| panicked(&error))?;
    if !status.success() && !matches!(piped, Err(Error::DumpUnusable { .. })) {
        return Err(tool.failed(status, &said, access));
    }
    piped
}

/// A dump in a temporary file, which disappears unless it is kept.
struct Compressed {
    file: NamedTempFile,
    sha256: String,
    bytes: u64,
    scan: Scan,
}

impl Compressed {
    fn keep(self, dest: &Path, duration: Duration) -> Result<DumpReport> {
        let fail = |source| Error::io(sentence!("cannot write {path}", path = shown(dest)), source);
        self.file.as_file().sync_all().map_err(fail)?;
        self.file.persist(dest).map_err(|error| fail(error.error))?;
        File::open(folder(dest)).and_then(|folder| folder.sync_all()).map_err(fail)?;
        Ok(DumpReport {
            bytes_raw: self.scan.bytes,
            bytes_compressed: self.bytes,
            sha256: self.sha256,
            tables: self.scan.tables,
            duration,
        })
    }
}

fn compress(from: OwnedFd, dest: &Path, max_bytes: u64, counter: &AtomicU64) -> Result<Compressed> {
    let fail = |source| Error::io(sentence!("cannot write {path}", path = shown(dest)), source);
    let file = NamedTempFile::with_prefix_in(".backout-dump-", folder(dest)).map_err(fail)?;
    let counted = Hashed::new(BufWriter::new(file.as_file()));
    let mut encoder = zstd::Encoder::new(counted, 3).map_err(fail)?;
    encoder.include_checksum(true).map_err(fail)?;
    let mut from = File::from(from);
    let mut scan = Scan::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = read_some(&mut from, &mut chunk).map_err(fail)?;
        if read == 0 {
            break;
        }
        scan.feed(&chunk[..read]);
        counter.store(scan.bytes, Ordering::Relaxed);
        encoder.write_all(&chunk[..read]).map_err(fail)?;
        if encoder.get_ref().bytes > max_bytes {
            return Err(unusable(dest, sentence!("it is larger than {limit} bytes", limit = max_bytes)));
        }
    }
    let mut written = encoder.finish().map_err(fail)?;
    written.flush().map_err(fail)?;
    let (sha256, bytes) = written.result();
    Ok(Compressed { file, sha256, bytes, scan })
}

/// Decompresses a dump into `to`, and says whether it is what it should be.
fn read_dump(path: &Path, expected_sha256: &str, mut to: impl Write) -> Result<Verified> {
    let fail = |source| Error::io(sentence!("cannot read {path}", path = shown(path)), source);
    let file = File::open(path).map_err(fail)?;
    let mut decoder = zstd::Decoder::new(Hashed::new(file)).map_err(fail)?;
    let mut scan = Scan::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = read_some(&mut decoder, &mut chunk)
            .map_err(|error| unusable(path, sentence!("it does not decompress: {error}", error = error.to_string())))?;
        if read == 0 {
            break;
        }
        scan.feed(&chunk[..read]);
        to.write_all(&chunk[..read])
            .map_err(|source| Error::io(sentence!("cannot pass on {path}", path = shown(path)), source))?;
    }
    let mut rest = decoder.finish();
    // Bytes behind the last frame belong to the file's hash as well.
    io::copy(&mut rest, &mut io::sink()).map_err(fail)?;
    let (sha256, _) = rest.into_inner().result();
    if !sha256.eq_ignore_ascii_case(expected_sha256) {
        return Err(unusable(
            path,
            sentence!("its SHA-256 is {sha256}, recorded was {expected}", sha256, expected = expected_sha256),
        ));
    }
    if !scan.is_complete() {
        return Err(unusable(path, sentence!("it is cut short")));
    }
    Ok(Verified { bytes_raw: scan.bytes, tables: scan.tables })
}

fn read_some(from: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Counts and hashes what passes through.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn result(self) -> (String, u64) {
        (hex::encode(self.hash.finalize()), self.bytes)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.pass(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.pass(&buffer[..read]);
        Ok(read)
    }
}

/// Looks at the beginnings of lines. Line breaks in rows are escaped by the dump, so a line that
/// begins like one of these is one.
#[derive(Default)]
struct Scan {
    bytes: u64,
    tables: u64,
    /// The beginning of the current line.
    line: Vec<u8>,
    /// The beginning of the last line that is not empty.
    last: Vec<u8>,
}

impl Scan {
    fn feed(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        for (at, piece) in chunk.split(|&byte| byte == b'\n').enumerate() {
            if at > 0 {
                self.end_line();
            }
            let room = TRAILER.len().max(CREATE_TABLE.len()) - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        if self.line.starts_with(CREATE_TABLE) {
            self.tables += 1;
        }
        self.last.clear();
        self.last.append(&mut self.line);
    }

    fn is_complete(&self) -> bool {
        let last = if self.line.is_empty() { &self.last } else { &self.line };
        last.starts_with(TRAILER)
    }
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn unusable(path: &Path, reason: Sentence) -> Error {
    Error::DumpUnusable { path: path.to_owned(), reason }
}

fn pipe_missing(path: &Path) -> Error {
    Error::io(sentence!("cannot open a pipe for {path}", path = shown(path)), io::ErrorKind::BrokenPipe.into())
}

fn panicked(error: &tokio::task::JoinError) -> Error {
    Error::io(sentence!("cannot finish the work on a dump"), io::Error::other(error.to_string()))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
