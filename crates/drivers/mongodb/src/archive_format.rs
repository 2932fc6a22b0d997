//! The format of backups, and reading it. This crate's README describes it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

pub(crate) const FORMAT: &str = "backout-mongodb-archive";
pub(crate) const FORMAT_VERSION: u32 = 1;
/// A document of 16 MiB can be this long in extended JSON; longer lines are refused.
const LINE_BYTES: u64 = 256 * 1024 * 1024;

/// A line of an archive.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Archive(Header),
    Collection(CollectionHeader),
    Document(Value),
    End(Trailer),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) database: String,
    pub(crate) server_version: String,
    /// RFC 3339.
    pub(crate) created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CollectionHeader {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) options: Value,
    pub(crate) indexes: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trailer {
    pub(crate) collections: BTreeMap<String, u64>,
}

/// Hashes and counts what passes through.
pub(crate) struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    pub(crate) fn inner(&self) -> &T {
        &self.inner
    }

    /// SHA-256 in hexadecimal, and the number of bytes.
    pub(crate) fn finish(self) -> (String, u64) {
        (hex::encode(self.hasher.finalize()), self.bytes)
    }

    fn count(&mut self, passed: &[u8]) {
        self.hasher.update(passed);
        self.bytes += passed.len() as u64;
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.count(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count(&buffer[..read]);
        Ok(read)
    }
}

/// Checks that `path` has this SHA-256 and is a whole archive whose documents can all be read.
/// Returns its collections with the number of their documents.
pub async fn verify(path: &Path, sha256: &str) -> Result<BTreeMap<String, u64>> {
    let file = path.to_owned();
    let (found, collections) = tokio::task::spawn_blocking(move || read_lines(&file, |_| true))
        .await
        .map_err(|error| Error::unreadable(&sentence!("reading an archive"), &error))??;
    if found == sha256 {
        Ok(collections)
    } else {
        Err(archive_error(path, sentence!("its SHA-256 is not the one recorded")))
    }
}

/// Reads an archive from beginning to end and checks its form; gives each line to `take`, which
/// ends the reading by returning false. Returns the file's SHA-256 and the collections.
pub(crate) fn read_lines(path: &Path, mut take: impl FnMut(Line) -> bool) -> Result<(String, BTreeMap<String, u64>)> {
    let failed = |source| file_error(path, source);
    let refused = |reason| archive_error(path, reason);
    let file = Hashing::new(File::open(path).map_err(failed)?);
    let mut decoder = zstd::Decoder::new(file).map_err(failed)?;
    let mut form = Form::default();
    {
        let mut lines = BufReader::new(&mut decoder);
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut limited = (&mut lines).take(LINE_BYTES);
            let length = limited.read_until(b'\n', &mut text).map_err(failed)?;
            if length == 0 {
                break;
            }
            if text.last() != Some(&b'\n') {
                return Err(refused(sentence!("a line is not whole")));
            }
            let line: Line =
                serde_json::from_slice(&text).map_err(|error| refused(Sentence::verbatim(error.to_string())))?;
            form.accept(&line).map_err(refused)?;
            if !take(line) {
                return Err(refused(sentence!("reading was given up")));
            }
        }
    }
    let collections = form.finish().map_err(refused)?;
    let mut reader = decoder.finish();
    io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
    let file = reader.into_inner();
    Ok((file.finish().0, collections))
}

/// Checks the order of lines and the counts.
#[derive(Default)]
struct Form {
    opened: bool,
    ended: bool,
    current: Option<String>,
    counts: BTreeMap<String, u64>,
}

impl Form {
    fn accept(&mut self, line: &Line) -> std::result::Result<(), Sentence> {
        if self.ended {
            return Err(sentence!("something follows its end"));
        }
        if matches!(line, Line::Archive(_)) == self.opened {
            return Err(sentence!("it does not begin with one header"));
        }
        match line {
            Line::Archive(header) => {
                if header.format != FORMAT || header.version != FORMAT_VERSION {
                    return Err(sentence!("its format is not known"));
                }
                self.opened = true;
            }
            Line::Collection(collection) => {
                let name = &collection.name;
                if self.counts.insert(name.clone(), 0).is_some() {
                    return Err(sentence!("a collection is in it twice"));
                }
                self.current = Some(name.clone());
            }
            Line::Document(_) => {
                let current = self.current.as_ref().ok_or_else(|| sentence!("a document has no collection"))?;
                if let Some(count) = self.counts.get_mut(current) {
                    *count += 1;
                }
            }
            Line::End(trailer) => {
                if trailer.collections != self.counts {
                    return Err(sentence!("its counts do not match what is in it"));
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    fn finish(self) -> std::result::Result<BTreeMap<String, u64>, Sentence> {
        if self.ended { Ok(self.counts) } else { Err(sentence!("its end is missing")) }
    }
}

pub(crate) fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

pub(crate) fn archive_error(path: &Path, reason: Sentence) -> Error {
    Error::Archive { path: path.to_owned(), reason }
}
