//! Writing a backup of a database into one file: zstd over JSON lines of canonical extended JSON.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use mongodb::bson::{DateTime, Document};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    archive_format::{CollectionHeader, FORMAT, FORMAT_VERSION, Hashing, Header, Line, Trailer, file_error},
    error::{Error, Result},
    pages::Pages,
    schema::definition_document,
    target::Target,
    value,
};

const COMPRESSION_LEVEL: i32 = 3;
/// Bytes gathered before they are handed to the writer; a few such chunks are under way.
const CHUNK_BYTES: usize = 1024 * 1024;
const CHUNKS_UNDER_WAY: usize = 4;
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

impl Target {
    /// Writes every collection that is not the server's or ours into `path`. The file appears under
    /// its name only when it is whole and on disk. Each document is as it was at one moment, but
    /// not all at the same; writers that must not be torn apart have to be stopped. `read` counts the bytes, as they
    /// are written down, that have come so far.
    pub async fn backup(&self, path: &Path, read: &AtomicU64) -> Result<Archive> {
        let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
        let file = path.to_owned();
        let writer = tokio::task::spawn_blocking(move || write_file(&file, receiver));
        let filled = self.fill(Sink::new(sender, read)).await;
        let written = writer.await.map_err(|error| Error::unreadable(&writing(), &error))?;
        // A writer that failed is why filling stopped, so its error comes first.
        let written = written.map_err(|source| file_error(path, source))?;
        let collections = filled?;
        let (sha256, bytes) = written.ok_or_else(|| Error::protocol(&writing(), sentence!("it was not finished")))?;
        Ok(Archive { path: path.to_owned(), sha256, bytes, collections })
    }

    async fn fill(&self, mut sink: Sink<'_>) -> Result<BTreeMap<String, u64>> {
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
                let what = sentence!("reading {collection}", collection = &name);
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
struct Sink<'a> {
    chunk: Vec<u8>,
    sender: mpsc::Sender<Message>,
    read: &'a AtomicU64,
}

impl<'a> Sink<'a> {
    fn new(sender: mpsc::Sender<Message>, read: &'a AtomicU64) -> Self {
        Self { chunk: Vec::new(), sender, read }
    }

    async fn line(&mut self, line: &Line) -> Result<()> {
        serde_json::to_writer(&mut self.chunk, line).map_err(|error| Error::unreadable(&writing(), &error))?;
        self.chunk.push(b'\n');
        if self.chunk.len() >= CHUNK_BYTES {
            let chunk = std::mem::take(&mut self.chunk);
            self.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
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
        self.sender.send(message).await.map_err(|_| Error::protocol(&writing(), sentence!("the writer has stopped")))
    }
}

fn writing() -> Sentence {
    sentence!("writing an archive")
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
    hashing.inner().sync_all()?;
    Ok(Some(hashing.finish()))
}
