//! Whether workers, wherever they are, work on a control database.

use std::collections::HashMap;
use std::time::Duration;

use driver_mariadb::{SessionOptions, Target};
use i18n::Language;
use tokio::time::Instant;

use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::settings::LONGEST_LEASE_SECONDS;

const LOOK: Duration = Duration::from_secs(1);
/// Workers beat four times in their lease; the rest is for one that is late.
const WATCHED: Duration = Duration::from_secs(LONGEST_LEASE_SECONDS / 4 + 10);

/// Refuses a database on which a worker beats. One that has not said goodbye may have died: only its beats tell, so
/// they are watched for as long as those of any worker may stand still.
pub(super) async fn assert_none(target: &Target, language: Language) -> Result<()> {
    let before = beats(target).await?;
    if before.is_empty() {
        return Ok(());
    }
    let watching = Keyed::new("serve.restore-watching").with("workers", before.len());
    eprintln!("{}", watching.with("seconds", WATCHED.as_secs()).text(language));
    let deadline = Instant::now() + WATCHED;
    while Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
        let living = beats(target).await?.iter().filter(|(worker, beat)| before.get(*worker) != Some(beat)).count();
        if living > 0 {
            return Err(Failure::new(Exit::Refused, Keyed::new("serve.restore-workers").with("workers", living)));
        }
    }
    Ok(())
}

/// The beats of those that have not said goodbye.
async fn beats(target: &Target) -> Result<HashMap<String, String>> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    let sql = "SELECT HEX(id), CAST(beat AS CHAR) FROM workers WHERE ended_at IS NULL";
    let listed = session.execute(sql).await?;
    session.close().await;
    let rows = listed.result_sets.into_iter().flat_map(|set| set.rows);
    Ok(rows
        .filter_map(|row| match &row[..] {
            [Some(worker), Some(beat)] => Some((worker.clone(), beat.clone())),
            _ => None,
        })
        .collect())
}
