//! Jobs that end at the same time end in one transaction, each with its own outcome.

use std::collections::HashMap;

use domain::ids::JobId;
use domain::job::{self, JobEvent, JobState};
use saga::{Held, JobNote, JournalError};
use sentence::sentence;
use serde_json::json;

use crate::completion::{Account, Completion, EndEvent, accounts, reads, writes};
use crate::database::Database;
use crate::group::Asked;
use crate::journal::{error_view, job_target, lost};
use crate::short::ShortTransaction;

/// How a worker ends a job that it holds.
pub(crate) struct Ending {
    held: Held,
    event: JobEvent,
    note: JobNote,
}

/// What a job came to.
pub(crate) type Outcome = Result<JobState, JournalError>;

impl Database {
    /// Ends a job, together with others that end now.
    pub(crate) async fn end_job(&self, held: Held, event: JobEvent, note: JobNote) -> Outcome {
        let place = self.endings().enter(Ending { held, event, note });
        let database = self.clone();
        let write = move |batch: Vec<Asked<Ending, Outcome>>| {
            let database = database.clone();
            async move { database.write_ends(batch).await }
        };
        self.endings().wait(place, write).await.unwrap_or_else(|| Err(unknown()))
    }

    async fn write_ends(&self, batch: Vec<Asked<Ending, Outcome>>) {
        let endings: Vec<&Ending> = batch.iter().map(|asked| &asked.question).collect();
        let outcomes = match self.try_ends(&endings).await {
            Ok(outcomes) => outcomes,
            Err(error @ JournalError::Unavailable(_)) => endings.iter().map(|_| Err(error.clone())).collect(),
            // One that the database refuses must not keep the others from ending.
            Err(_) => {
                let mut outcomes = Vec::with_capacity(endings.len());
                for ending in endings {
                    let alone = self.try_ends(&[ending]).await.map(|mut outcomes| outcomes.pop());
                    outcomes.push(alone.and_then(|outcome| outcome.unwrap_or_else(|| Err(unknown()))));
                }
                outcomes
            }
        };
        for (asked, outcome) in batch.into_iter().zip(outcomes) {
            asked.answer(outcome);
        }
    }

    /// One transaction; an outcome for each where it was committed.
    async fn try_ends(&self, endings: &[&Ending]) -> Result<Vec<Outcome>, JournalError> {
        let mut jobs: Vec<JobId> = endings.iter().map(|ending| ending.held.job).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let (transaction, found) = ShortTransaction::begin(self, &reads(&jobs)).await?;
        let accounts = accounts(&found)?.into_iter();
        let mut found: HashMap<JobId, Result<Account, JournalError>> =
            accounts.map(|(job, account)| (job, account.map_err(JournalError::from))).collect();
        let mut ended: HashMap<JobId, (&Held, JobState)> = HashMap::new();
        let mut completions = Vec::new();
        let mut outcomes = Vec::with_capacity(endings.len());
        for Ending { held, event, note } in endings {
            let decided = match found.get(&held.job) {
                None => match ended.get(&held.job) {
                    // The same end twice at once: the second is told what the first one comes to.
                    Some((by, state)) if *by == held && job_target(*event) == Some(*state) => Ok(End::Before(*state)),
                    _ => Err(lost(held)),
                },
                Some(Err(unreadable)) => Err(unreadable.clone()),
                Some(Ok(account)) => decide(account, held, *event),
            };
            // Not all who ask hold the job: its account is there until one of them ends it.
            if let Ok(End::Now(next)) = decided
                && let Some(Ok(account)) = found.remove(&held.job)
            {
                ended.insert(held.job, (held, next));
                completions.push(completion(account, next, note));
            }
            outcomes.push(decided.map(|(End::Now(state) | End::Before(state))| state));
        }
        if completions.is_empty() {
            transaction.rollback().await?;
        } else {
            transaction.commit(&writes(&completions)?).await?;
        }
        Ok(outcomes)
    }
}

enum End {
    Now(JobState),
    /// The answer to the first try of this very write was lost.
    Before(JobState),
}

fn decide(account: &Account, held: &Held, event: JobEvent) -> Result<End, JournalError> {
    if account.fence != held.fence || account.worker != Some(held.worker) {
        return Err(lost(held));
    }
    match job::apply(account.state, event) {
        Ok(next) => Ok(End::Now(next)),
        Err(_) if job_target(event) == Some(account.state) => Ok(End::Before(account.state)),
        Err(illegal) => Err(JournalError::Illegal(illegal.sentence())),
    }
}

fn completion(account: Account, next: JobState, note: &JobNote) -> Completion {
    let error = note.error.as_ref().map(|error| error_view(note.step, error));
    let mut data = json!({ "state": next.as_str() });
    if let Some(error) = &error {
        data["error"] = json!(error);
    }
    let event = EndEvent { seq: account.event_seq + 1, step: note.step, data };
    Completion { account, next, error, event: Some(event) }
}

fn unknown() -> JournalError {
    JournalError::Unavailable(sentence!("it was not told whether the end of the job was written"))
}
