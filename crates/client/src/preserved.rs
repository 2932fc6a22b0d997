//! What was put aside before a script destroyed it.

use std::time::Duration;

use domain::ids::PreservationId;
use domain::view::{DropKeptRequest, KeptDetail, KeptView, Page};
use futures::stream::{BoxStream, try_unfold};
use serde::Serialize;

use crate::call::Call;
use crate::http::{Unread, late, next_piece, read, reason, with_query};
use crate::{Client, Error, PageRequest, Result};

/// How long the service may take for the beginning, and for each further piece.
const PATIENCE: Duration = Duration::from_mins(2);

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line.
    Jsonl,
}

#[derive(Serialize)]
struct ListQuery<'a> {
    store: Option<&'a str>,
    #[serde(flatten)]
    page: &'a PageRequest,
}

#[derive(Serialize)]
struct SampleQuery {
    rows: Option<u32>,
}

#[derive(Serialize)]
struct FormatQuery {
    format: ExportFormat,
}

impl Client {
    /// What waits in an environment, or in one of its data stores, newest first.
    pub async fn list_preserved(
        &self,
        application: &str,
        environment: &str,
        store: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<KeptView>> {
        self.fetch_with(self.environment(application, environment, &["preserved"]), &ListQuery { store, page }).await
    }

    /// Something that was put aside, with its first rows if asked for.
    pub async fn get_preserved(
        &self,
        application: &str,
        environment: &str,
        id: PreservationId,
        rows: Option<u32>,
    ) -> Result<KeptDetail> {
        let url = self.environment(application, environment, &["preserved", &id.to_string()]);
        self.fetch_with(url, &SampleQuery { rows }).await
    }

    /// Begins an export. Its pieces come as they are read; after an error it is not whole.
    pub async fn export_preserved(
        &self,
        application: &str,
        environment: &str,
        id: PreservationId,
        format: ExportFormat,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        let url = self.environment(application, environment, &["preserved", &id.to_string(), "export"]);
        let call = Call::get(with_query(url, &FormatQuery { format })?);
        let (client, url) = (self.clone(), call.url.to_string());
        let lost = move |unread: Unread| match unread {
            Unread::Untrusted(reason) => client.untrusted(reason),
            Unread::Lost { reason, .. } => client.unreachable(reason),
            Unread::TooLong => {
                Error::Protocol { url: url.clone(), detail: sentence::sentence!("its answer is too long") }
            }
        };
        let silent = || Unread::Lost { sent: true, reason: late() };
        let response = match tokio::time::timeout(PATIENCE, self.open(&call)).await {
            Ok(answered) => answered.map_err(&lost)?,
            Err(_) => return Err(lost(silent())),
        };
        if !response.status().is_success() {
            let told = tokio::time::timeout(PATIENCE, read(call.url.as_str(), response)).await;
            return Err(match told {
                Ok(Ok(raw)) => raw.failure(),
                Ok(Err(unread)) => lost(unread),
                Err(_) => lost(silent()),
            });
        }
        let pieces = try_unfold((response.into_body(), lost), move |(mut body, lost)| async move {
            match tokio::time::timeout(PATIENCE, next_piece(&mut body)).await {
                Ok(Ok(Some(piece))) => Ok(Some((piece.to_vec(), (body, lost)))),
                Ok(Ok(None)) => Ok(None),
                Ok(Err(error)) => Err(lost(Unread::Lost { sent: true, reason: reason(&error) })),
                Err(_) => Err(lost(silent())),
            }
        });
        Ok(Box::pin(pieces))
    }

    /// Drops something that was put aside, for good.
    pub async fn drop_preserved(
        &self,
        application: &str,
        environment: &str,
        id: PreservationId,
        request: &DropKeptRequest,
    ) -> Result<KeptDetail> {
        let url = self.environment(application, environment, &["preserved", &id.to_string(), "drop"]);
        self.fetch(Call::post(url, request)?).await
    }
}
