use std::time::Duration;

use futures::StreamExt;
use mongodb::{
    Cursor,
    bson::{Document, RawDocumentBuf},
};
use sentence::Sentence;

use crate::{
    error::{Error, Result},
    target::{LONG, SHORT, Target},
    watch::Turn,
};

/// Documents a page holds at most.
const PAGE_DOCUMENTS: usize = 500;
/// Bytes a page holds at most, unless a single document is larger (up to the server's 16 MiB). What
/// is made of a page then fits into one command.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Documents of a cursor in pages of limited size.
#[derive(Debug)]
pub(crate) struct Pages {
    what: Sentence,
    cursor: Cursor<RawDocumentBuf>,
    wait: Duration,
    /// A document that was read but did not fit into the page before.
    held: Option<RawDocumentBuf>,
    target: Target,
}

impl Pages {
    /// The documents that match `filter`.
    pub(crate) async fn find(
        target: &Target,
        what: &Sentence,
        collection: &str,
        filter: Document,
        projection: Option<Document>,
    ) -> Result<Self> {
        let collection = target.own().collection::<RawDocumentBuf>(collection);
        let mut find =
            collection.find(filter).batch_size(u32::try_from(PAGE_DOCUMENTS).unwrap_or(u32::MAX)).max_time(LONG);
        if let Some(projection) = projection {
            find = find.projection(projection);
        }
        if let Some(watch) = &target.watch {
            find = find.comment(watch.comment.as_str());
        }
        let cursor = within(what, LONG, async { find.await }).await?;
        Ok(Self { what: what.clone(), cursor, wait: LONG, held: None, target: target.clone() })
    }

    /// What a command returns as a cursor, soon.
    pub(crate) async fn of_command(target: &Target, what: &Sentence, command: Document) -> Result<Self> {
        Self::run(target, what, command, SHORT).await
    }

    /// The documents that a `find` command finds.
    pub(crate) async fn of_query(target: &Target, what: &Sentence, mut command: Document) -> Result<Self> {
        command.insert("batchSize", i32::try_from(PAGE_DOCUMENTS).unwrap_or(i32::MAX));
        command.insert("maxTimeMS", i64::try_from(LONG.as_millis()).unwrap_or(i64::MAX));
        if let Some(watch) = &target.watch {
            command.insert("comment", watch.comment.as_str());
        }
        Self::run(target, what, command, LONG).await
    }

    async fn run(target: &Target, what: &Sentence, command: Document, wait: Duration) -> Result<Self> {
        let database = target.own();
        let cursor = within(what, wait, async { database.run_cursor_command(command).await }).await?;
        Ok(Self { what: what.clone(), cursor: cursor.with_type(), wait, held: None, target: target.clone() })
    }

    /// The next page, never empty.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Document>>> {
        self.target.ask(Turn::Read).await?;
        let mut page = Vec::new();
        let mut bytes = 0;
        while page.len() < PAGE_DOCUMENTS
            && let Some(raw) = self.next_raw().await?
        {
            bytes += raw.as_bytes().len();
            if bytes > PAGE_BYTES && !page.is_empty() {
                self.held = Some(raw);
                break;
            }
            let document = Document::try_from(raw.as_ref()).map_err(|error| Error::unreadable(&self.what, &error))?;
            page.push(document);
        }
        Ok((!page.is_empty()).then_some(page))
    }

    async fn next_raw(&mut self) -> Result<Option<RawDocumentBuf>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let next = tokio::time::timeout(self.wait, self.cursor.next())
            .await
            .map_err(|_| Error::Timeout { what: self.what.clone(), after: self.wait })?;
        next.transpose().map_err(|error| Error::driver(&self.what, &error))
    }
}

async fn within<T>(
    what: &Sentence,
    wait: Duration,
    action: impl Future<Output = mongodb::error::Result<T>>,
) -> Result<T> {
    tokio::time::timeout(wait, action)
        .await
        .map_err(|_| Error::Timeout { what: what.clone(), after: wait })?
        .map_err(|error| Error::driver(what, &error))
}
