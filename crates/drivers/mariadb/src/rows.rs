//! Rows of a query one after the other, however many there are.

use std::time::Duration;

use futures::TryStreamExt;
use sentence::sentence;
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::session::Session;

/// How long the server may take for the next row, and whoever reads for the last one. A reader that stands still would
/// keep the table from being dropped or renamed.
const STALLED: Duration = Duration::from_mins(1);

/// The values of a row as the server writes them as text; binary ones as they are. `None` is NULL.
pub type RawRow = Vec<Option<Vec<u8>>>;

impl Session {
    /// Runs a query and hands its rows on as they come, then closes the session. Ends early, and well, where nobody takes
    /// them any more. As many rows are in memory as the channel holds, and one more.
    ///
    /// # Errors
    /// [`Error::Timeout`] where server or reader stand still for a minute; those of [`Session::execute`].
    pub async fn stream_rows(mut self, sql: &str, rows: &mpsc::Sender<Result<RawRow>>) -> Result<()> {
        let doing = &sentence!("reading rows");
        // The server's own patience with a reader, which is a minute unless it was changed.
        self.execute(&format!("SET SESSION net_write_timeout = {}", 2 * STALLED.as_secs())).await?;
        let mut connection = self.take(doing)?;
        let late = || Error::Timeout { doing: doing.clone(), limit: STALLED };
        let mut stream = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut connection);
        loop {
            let next = tokio::time::timeout(STALLED, stream.try_next()).await.map_err(|_| late())?;
            let row = match next {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.error_of(&error, doing)),
            };
            let values = (0..row.len()).map(|at| row.try_get_unchecked::<Option<Vec<u8>>, _>(at));
            let values = values.collect::<sqlx::Result<RawRow>>().map_err(|error| self.error_of(&error, doing))?;
            match tokio::time::timeout(STALLED, rows.send(Ok(values))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(late()),
            }
        }
    }
}
