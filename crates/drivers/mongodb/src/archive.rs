//! Backups of a database in one file: zstd over JSON lines of canonical extended JSON. The format is
//! described in this crate's README.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use mongodb::bson::{DateTime, Document};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::{
    error::{Error, Result},
    pages::Pages,
    schema::definition_document,
    target::Target,
    value,
};

pub(crate) const FORMAT: &str = "backout-mongodb-archive";
pub(crate) const FORMAT_VERSION: u32 = 1;
const COMPRESSION_LEVEL: i32 = 3;
/// Bytes gathered before they are handed to the writer; a few such chunks are under way.
const CHUNK_BYTES: usize = 1024 * 1024;
const CHUNKS_UNDER_WAY: usize = 4;
/// A document of 16 MiB can be this long in extended JSON; longer lines are refused.
const LINE_BYTES: u64 = 256 * 1024 * 1024;

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// The collections and views in it, with the number of their documents.
    pub collections: BTreeMap<String, u64>,
}

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
    format: String,
    version: u32,
    database: String,
    server_version: String,
    /// RFC 3339.
    created_at: String,
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

impl Target {
    /// Writes every collection that is not the server's or ours into `path`. The file appears under
    /// its name only when it is whole and on disk. Each document is as it was at one moment, but
    /// not all at the same; writers that must not be torn apart have to be stopped.
    pub async fn backup(&self, path: &Path) -> Result<Archive> {
        let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
        let file = path.to_owned();
        let writer = tokio::task::spawn_blocking(move || write_file(&file, receiver));
        let filled = self.fill(Sink::new(sender)).await;
        let written = writer.await.map_err(|error| Error::protocol("writing an archive", error.to_string()))?;
        // A writer that failed is why filling stopped, so its error comes first.
        let written = written.map_err(|source| file_error(path, source))?;
        let collections = filled?;
        let (sha256, bytes) = written.ok_or_else(|| Error::protocol("writing an archive", "it was not finished"))?;
        Ok(Archive { path: path.to_owned(), sha256, bytes, collections })
    }

    async fn fill(&self, mut sink: Sink) -> Result<BTreeMap<String, u64>> {
        let header = Header {
            format: FORMAT.into(),
            version: FORMAT_VERSION,
            database: self.database().into(),
            server_version: self.server_version().await?,
            created_at: DateTime::now().try_to_rfc3339_string().unwrap_or_default(),
        };
        sink.line(&Line::Archive(header)).await?;
        let mut collections = BTreeMap::new();
        for collection in self.collection_documents().await? {
            let header = self.collection_header(&collection).await?;
            let name = header.name.clone();
            let is_view = header.kind == "view";
            sink.line(&Line::Collection(header)).await?;
            let mut documents = 0;
            if !is_view {
                let what = format!("reading {name}");
                let mut pages = Pages::find(self, &what, &name, Document::new(), None).await?;
                while let Some(page) = pages.next().await? {
                    for document in page {
                        documents += 1;
                        sink.line(&Line::Document(value::json(document))).await?;
                    }
                }
            }
            collections.insert(name, documents);
        }
        let trailer = Trailer { collections: collections.clone() };
        sink.line(&Line::End(trailer)).await?;
        sink.finish().await?;
        Ok(collections)
    }

    async fn collection_header(&self, collection: &Document) -> Result<CollectionHeader> {
        let name = collection.get_str("name").unwrap_or_default();
        let kind = collection.get_str("type").unwrap_or("collection");
        let options = collection.get_document("options").cloned();
        let indexes = match kind {
            "view" => Vec::new(),
            _ => self.index_documents(name).await?,
        };
        Ok(CollectionHeader {
            name: name.into(),
            kind: kind.into(),
            options: value::json(options.unwrap_or_default()),
            indexes: indexes
                .iter()
                .filter(|index| index.get_str("name") != Ok("_id_"))
                .map(|index| value::json(definition_document(index)))
                .collect(),
        })
    }
}

enum Message {
    Chunk(Vec<u8>),
    Finish,
}

/// Gathers lines and hands them to the writer's thread.
struct Sink {
    chunk: Vec<u8>,
    sender: mpsc::Sender<Message>,
}

impl Sink {
    fn new(sender: mpsc::Sender<Message>) -> Self {
        Self { chunk: Vec::new(), sender }
    }

    async fn line(&mut self, line: &Line) -> Result<()> {
        serde_json::to_writer(&mut self.chunk, line)
            .map_err(|error| Error::protocol("writing an archive", error.to_string()))?;
        self.chunk.push(b'\n');
        if self.chunk.len() >= CHUNK_BYTES {
            let chunk = std::mem::take(&mut self.chunk);
            self.send(Message::Chunk(chunk)).await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        self.send(Message::Chunk(chunk)).await?;
        self.send(Message::Finish).await
    }

    async fn send(&self, message: Message) -> Result<()> {
        self.sender.send(message).await.map_err(|_| Error::protocol("writing an archive", "the writer has stopped"))
    }
}

/// Writes chunks until told to finish. A sender that goes away before that leaves no file.
fn write_file(path: &Path, mut chunks: mpsc::Receiver<Message>) -> io::Result<Option<(String, u64)>> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write_partial(&partial, &mut chunks);
    if matches!(written, Ok(Some(_))) {
        fs::rename(&partial, path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    } else if let Err(error) = fs::remove_file(&partial)
        && error.kind() != io::ErrorKind::NotFound
        && written.is_ok()
    {
        return Err(error);
    }
    written
}

fn write_partial(path: &Path, chunks: &mut mpsc::Receiver<Message>) -> io::Result<Option<(String, u64)>> {
    let mut encoder = zstd::Encoder::new(Hashing::new(File::create(path)?), COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    loop {
        match chunks.blocking_recv() {
            Some(Message::Chunk(chunk)) => encoder.write_all(&chunk)?,
            Some(Message::Finish) => break,
            None => return Ok(None),
        }
    }
    let hashing = encoder.finish()?;
    hashing.inner.sync_all()?;
    Ok(Some((hex::encode(hashing.hasher.finalize()), hashing.bytes)))
}

/// Hashes and counts what passes through.
struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
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
        .map_err(|error| Error::protocol("reading an archive", error.to_string()))??;
    if found == sha256 { Ok(collections) } else { Err(archive_error(path, "its SHA-256 is not the one recorded")) }
}

/// Reads an archive from beginning to end and checks its form; gives each line to `take`, which
/// ends the reading by returning false. Returns the file's SHA-256 and the collections.
pub(crate) fn read_lines(path: &Path, mut take: impl FnMut(Line) -> bool) -> Result<(String, BTreeMap<String, u64>)> {
    let failed = |source| file_error(path, source);
    let refused = |reason: &str| archive_error(path, reason);
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
                return Err(refused("a line is not whole"));
            }
            let line: Line = serde_json::from_slice(&text).map_err(|error| refused(&error.to_string()))?;
            form.accept(&line).map_err(refused)?;
            if !take(line) {
                return Err(refused("reading was given up"));
            }
        }
    }
    let collections = form.finish().map_err(refused)?;
    let mut reader = decoder.finish();
    io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
    let file = reader.into_inner();
    Ok((hex::encode(file.hasher.finalize()), collections))
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
    fn accept(&mut self, line: &Line) -> std::result::Result<(), &'static str> {
        if self.ended {
            return Err("something follows its end");
        }
        if matches!(line, Line::Archive(_)) == self.opened {
            return Err("it does not begin with one header");
        }
        match line {
            Line::Archive(header) => {
                if header.format != FORMAT || header.version != FORMAT_VERSION {
                    return Err("its format is not known");
                }
                self.opened = true;
            }
            Line::Collection(collection) => {
                let name = &collection.name;
                if self.counts.insert(name.clone(), 0).is_some() {
                    return Err("a collection is in it twice");
                }
                self.current = Some(name.clone());
            }
            Line::Document(_) => {
                let current = self.current.as_ref().ok_or("a document has no collection")?;
                if let Some(count) = self.counts.get_mut(current) {
                    *count += 1;
                }
            }
            Line::End(trailer) => {
                if trailer.collections != self.counts {
                    return Err("its counts do not match what is in it");
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    fn finish(self) -> std::result::Result<BTreeMap<String, u64>, &'static str> {
        if self.ended { Ok(self.counts) } else { Err("its end is missing") }
    }
}

pub(crate) fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

pub(crate) fn archive_error(path: &Path, reason: &str) -> Error {
    Error::Archive { path: path.to_owned(), reason: reason.into() }
}
