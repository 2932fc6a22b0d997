//! Work that goes page by page: who lets it go on, and what it is found by on the server.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

use crate::{error::Result, target::Target};

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Another page is read.
    Read,
    /// Something is written: a page of documents, or a whole collection by the server itself.
    Write,
}

type Ask = dyn Fn(Turn) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// Asked before each turn; [`Target::watched`].
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) comment: String,
    ask: Arc<Ask>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").field("comment", &self.comment).finish_non_exhaustive()
    }
}

impl Target {
    /// The same target, all of whose commands carry `comment`, by which they are found in the server's list of
    /// running operations. Keeping, removing and restoring ask before each turn and end with the error they get
    /// for an answer, such as [`Error::Stopped`](crate::Error::Stopped).
    #[must_use]
    pub fn watched<F>(&self, comment: impl Into<String>, ask: F) -> Self
    where
        F: Fn(Turn) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
    {
        let mut watched = self.clone();
        watched.watch = Some(Watch { comment: comment.into(), ask: Arc::new(ask) });
        watched
    }

    pub(crate) async fn ask(&self, turn: Turn) -> Result<()> {
        match &self.watch {
            Some(watch) => (watch.ask)(turn).await,
            None => Ok(()),
        }
    }
}
