//! Removing or counting the keys that match patterns, in small batches that leave the server free
//! for its other clients.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redis::{Cmd, cmd};
use sentence::{Sentence, sentence};

use crate::error::{Error, Result};
use crate::pattern::Patterns;
use crate::target::Target;

/// How much of the server a scan may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Keys that the server looks at in one go.
    pub batch: u32,
    /// Rest between two batches.
    pub pause: Duration,
    /// The time for all patterns together.
    pub within: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { batch: 500, pause: Duration::ZERO, within: Duration::from_mins(1) }
    }
}

/// What a flush did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Matching keys that the scan reported; a key may be reported more than once.
    pub scanned: u64,
    /// Keys that were removed.
    pub removed: u64,
    /// Keys that were removed, by pattern; a key that matches several counts for the first.
    pub by_pattern: BTreeMap<String, u64>,
}

/// How many keys match, for a plan: the count is exact only while nobody writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Keys by pattern; a key that matches several counts for each.
    pub by_pattern: BTreeMap<String, u64>,
    /// The time was over before the end; there are at least this many.
    pub is_cut_short: bool,
}

impl Target {
    /// Removes all keys that match and existed when this began; keys written meanwhile may remain.
    /// Never uses FLUSHALL or KEYS.
    pub async fn flush(&self, patterns: &Patterns, budget: Budget) -> Result<Flushed> {
        let action = || sentence!("flushing keys");
        self.require_whole(action()).await?;
        let start = Instant::now();
        let mut flushed = Flushed::default();
        for pattern in patterns.iter() {
            let mut removed_here = 0;
            let mut scan = Scan::new(action(), pattern, budget, start);
            loop {
                let step = scan.next(self).await?;
                let keys = match step {
                    Step::Keys(keys) => keys,
                    Step::End => break,
                    Step::OutOfTime => {
                        return Err(Error::OutOfTime { after: budget.within, removed: flushed.removed });
                    }
                };
                if keys.is_empty() {
                    continue;
                }
                flushed.scanned += keys.len() as u64;
                let removed: u64 = self.run(action(), cmd("UNLINK").arg(keys)).await?;
                removed_here += removed;
                flushed.removed += removed;
            }
            flushed.by_pattern.insert(pattern.to_owned(), removed_here);
        }
        Ok(flushed)
    }

    /// Counts the keys that match, changing nothing.
    pub async fn count(&self, patterns: &Patterns, budget: Budget) -> Result<Counted> {
        let action = || sentence!("counting keys");
        self.require_whole(action()).await?;
        let start = Instant::now();
        let mut counted = Counted::default();
        for pattern in patterns.iter() {
            let mut here = 0;
            let mut scan = Scan::new(action(), pattern, budget, start);
            loop {
                match scan.next(self).await? {
                    Step::Keys(keys) => here += keys.len() as u64,
                    Step::End => break,
                    Step::OutOfTime => {
                        counted.is_cut_short = true;
                        break;
                    }
                }
            }
            counted.by_pattern.insert(pattern.to_owned(), here);
        }
        Ok(counted)
    }
}

/// One pass over the key space. The server's cursor walks its hash table once and does not return to
/// where it was, so keys that are added meanwhile do not keep it going.
struct Scan<'a> {
    action: Sentence,
    pattern: &'a str,
    budget: Budget,
    start: Instant,
    /// The server's cursor; `None` before the first batch.
    cursor: Option<u64>,
}

enum Step {
    Keys(Vec<Vec<u8>>),
    End,
    OutOfTime,
}

impl<'a> Scan<'a> {
    fn new(action: Sentence, pattern: &'a str, budget: Budget, start: Instant) -> Self {
        Self { action, pattern, budget, start, cursor: None }
    }

    async fn next(&mut self, target: &Target) -> Result<Step> {
        match self.cursor {
            Some(0) => return Ok(Step::End),
            Some(_) if self.start.elapsed() >= self.budget.within => return Ok(Step::OutOfTime),
            Some(_) if !self.budget.pause.is_zero() => tokio::time::sleep(self.budget.pause).await,
            _ => {}
        }
        let (cursor, keys) = target.run(self.action.clone(), &self.command()).await?;
        self.cursor = Some(cursor);
        Ok(Step::Keys(keys))
    }

    fn command(&self) -> Cmd {
        let mut command = cmd("SCAN");
        command
            .arg(self.cursor.unwrap_or_default())
            .arg("MATCH")
            .arg(self.pattern)
            .arg("COUNT")
            .arg(self.budget.batch.max(1));
        command
    }
}
