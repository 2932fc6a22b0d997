//! Pairs of MariaDB scripts from `tests/corpus/mariadb`: up, write, down, up, and everything is as promised.

use data_engine::Migrated;
use domain::ledger::Direction;
use saga::{ErrorKind, StepError};

use crate::support::Job;
use crate::support::mariadb::Base;
use crate::support::pairs::{Everything, Pair, Refused, assert_each, pairs};

async fn migrate(base: &Base, pair: &Pair, direction: Direction) -> Result<Migrated, StepError> {
    base.jobs.engine.migrate(&base.jobs.claim(Job::new()), direction, &pair.migration()).await
}

/// What is wrong with a state that should be as expected.
fn compare(moment: &str, found: &Everything, expected: &Everything) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{moment}: {}", found.differs_from(expected))) }
}

/// Fails where a migration is not refused with these words, or leaves something else than it found.
async fn assert_refused(base: &Base, pair: &Pair, direction: Direction, words: &str) -> Result<(), String> {
    let before = base.everything().await;
    match migrate(base, pair, direction).await {
        Ok(_) => return Err(format!("it was not refused with {words:?}")),
        Err(error) if error.kind != ErrorKind::Permanent || !error.message.to_string().contains(words) => {
            return Err(format!("{error} does not say {words:?}"));
        }
        Err(_) => {}
    }
    compare("refused", &base.everything().await, &before)
}

async fn there_and_back(pair: &Pair) -> Result<(), String> {
    let failed = |moment: &'static str| move |error: StepError| format!("{moment}: {error}");
    let refusal = pair.refusal();
    let [seed, up, write, down] = ["seed", "up", "write", "down"].map(|name| pair.section(name));
    let base = pair.by_hand(&[seed]).await;
    let before = base.everything().await;
    if let Some((Refused::Up, words)) = refusal {
        return assert_refused(&base, pair, Direction::Up, words).await;
    }
    migrate(&base, pair, Direction::Up).await.map_err(failed("up"))?;
    base.script(write).await;
    let used = base.everything().await;
    let by_hand = pair.by_hand(&[seed, up, write]).await;
    compare("after the up", &used, &by_hand.everything().await)?;
    if let Some((Refused::Down, words)) = refusal {
        return assert_refused(&base, pair, Direction::Down, words).await;
    }

    let went_down = migrate(&base, pair, Direction::Down).await.map_err(failed("down"))?;
    by_hand.script(down).await;
    by_hand.script(pair.section("returned")).await;
    let after = base.everything().await;
    compare("after the down", &after, &by_hand.everything().await)?;
    if after.schema != before.schema {
        return Err("the down leaves another schema than that before the up".to_owned());
    }

    base.script(pair.section("meanwhile")).await;
    if let Some((Refused::Again, words)) = refusal {
        return assert_refused(&base, pair, Direction::Up, words).await;
    }
    let went_up = migrate(&base, pair, Direction::Up).await.map_err(failed("up again"))?;
    let promised = pair.by_hand(&[seed, up, write, pair.promised()]).await;
    compare("after the next up", &base.everything().await, &promised.everything().await)?;
    let warnings: Vec<String> = went_down.warnings.iter().chain(&went_up.warnings).map(ToString::to_string).collect();
    let told = pair.told();
    if warnings.len() != told.len() || !warnings.iter().zip(&told).all(|(warning, words)| warning.contains(words)) {
        return Err(format!("the warnings are {warnings:?}, not {told:?}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_between_up_and_down_is_as_promised_after_the_next_up() {
    assert_each(pairs(), |pair| async move { there_and_back(&pair).await }).await;
}

async fn taken_back(pair: &Pair) -> Result<(), String> {
    let base = pair.applied().await;
    let (job, _) = base.jobs.run(Direction::Down, &pair.migration()).await;
    let undone = base.jobs.engine.undo(&base.jobs.claim(job), Direction::Down, &pair.migration()).await;
    match (undone, pair.section("refused taking back").trim()) {
        (Ok(()), "") => {}
        (Err(error), words) if !words.is_empty() && error.message.to_string().contains(words) => return Ok(()),
        (undone, words) => return Err(format!("taking it back: {undone:?}, not {words:?}")),
    }
    let sections = ["seed", "up", "write", "taken back"].map(|name| pair.section(name));
    compare("taken back", &base.everything().await, &pair.by_hand(&sections).await.everything().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_that_is_taken_back_leaves_what_was_there() {
    let pairs = pairs().into_iter().filter(Pair::goes_down).collect();
    assert_each(pairs, |pair| async move { taken_back(&pair).await }).await;
}
