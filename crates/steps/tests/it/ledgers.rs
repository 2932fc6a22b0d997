//! A statement journal for questions that write none.

use async_trait::async_trait;
use domain::ids::PreservationId;
use saga::{AppliedUp, Held, JournalError, LedgerRecord, Preservation, StatementEntry, StatementJournal, StatementKey};
use sentence::Sentence;

pub(crate) struct NoStatements;

fn refused<T>() -> Result<T, JournalError> {
    Err(JournalError::Illegal(Sentence::verbatim("no statement is expected here")))
}

#[async_trait]
impl StatementJournal for NoStatements {
    async fn entries(&self, _: &Held, _: u32) -> Result<Vec<StatementEntry>, JournalError> {
        Ok(Vec::new())
    }

    async fn note_connection(&self, _: &Held, _: u32, _: u64) -> Result<(), JournalError> {
        refused()
    }

    async fn last_connection(&self, _: &Held, _: u32) -> Result<Option<u64>, JournalError> {
        Ok(None)
    }

    async fn intent(&self, _: &Held, _: u32, _: &StatementKey) -> Result<(), JournalError> {
        refused()
    }

    async fn done(&self, _: &Held, _: u32, _: &StatementKey, _: u64) -> Result<(), JournalError> {
        refused()
    }

    async fn record_ledger(&self, _: &Held, _: u32, _: &LedgerRecord) -> Result<(), JournalError> {
        refused()
    }

    async fn applied_up(&self, _: &Held, _: &str, _: &str) -> Result<Option<AppliedUp>, JournalError> {
        Ok(None)
    }

    async fn keep(&self, _: &Held, _: u32, _: &Preservation) -> Result<(), JournalError> {
        refused()
    }

    async fn kept(&self, _: &Held, _: &str, _: &str) -> Result<Vec<Preservation>, JournalError> {
        Ok(Vec::new())
    }

    async fn restored(&self, _: &Held, _: PreservationId) -> Result<(), JournalError> {
        refused()
    }

    async fn kept_again(&self, _: &Held, _: PreservationId) -> Result<(), JournalError> {
        refused()
    }
}
