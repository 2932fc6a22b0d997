//! Taking over: jobs whose worker is dead on this host, said goodbye, or stopped beating.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{JobId, WorkerId};
use store::{Orphan, WorkerRow};
use tokio::time::Instant;

use super::Runner;
use super::driven::Driven;
use super::lock_file::owner_is_dead;

/// How often other workers are looked at.
const LOOK: Duration = Duration::from_millis(400);
/// How long the control database may take for a look or a take-over: a server that hangs is as good as away.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn run(runner: Runner, me: WorkerRow, lease: Duration) {
    let mut watch = Watch::new(lease);
    let mut lost = Lost::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = runner.stop.cancelled() => return,
        }
        let held = match tokio::time::timeout(LIMIT, runner.control.database().held_jobs()).await {
            Ok(Ok(held)) => held,
            Ok(Err(error)) => {
                tracing::warn!(%error, "other workers' jobs could not be read");
                // Beats that could not be seen do not count as missing.
                watch.forget();
                continue;
            }
            Err(_) => {
                tracing::warn!("other workers' jobs could not be read in time");
                watch.forget();
                continue;
            }
        };
        watch.looked(Instant::now());
        watch.keep_only(&held);
        let (ours, held): (Vec<_>, Vec<_>) = held.into_iter().partition(|orphan| orphan.owner.id == me.id);
        for orphan in lost.seen_twice(ours, &runner.driven) {
            if let Ok(permit) = Arc::clone(&runner.rescues).try_acquire_owned() {
                take(&runner, me.id, &orphan, true, permit).await;
            }
        }
        for orphan in held {
            let dead =
                orphan.ended || (orphan.owner.host == me.host && owner_is_dead(Path::new(&orphan.owner.lock_file)));
            if !dead && !watch.stands_still(orphan.owner.id, orphan.beat, Instant::now()) {
                continue;
            }
            let Ok(permit) = Arc::clone(&runner.rescues).try_acquire_owned() else { continue };
            take(&runner, me.id, &orphan, dead, permit).await;
        }
    }
}

async fn take(runner: &Runner, me: WorkerId, orphan: &Orphan, dead: bool, permit: tokio::sync::OwnedSemaphorePermit) {
    match tokio::time::timeout(LIMIT, runner.control.database().take_over(me, orphan, dead)).await {
        Ok(Ok(Some(held))) => {
            tracing::warn!(job.id = %held.job, fence = held.fence, worker.lost = %orphan.owner.id, dead, "job taken over");
            runner.spawn(held, permit);
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::warn!(job.id = %orphan.job, %error, "job could not be taken over"),
        // If it went through, the job is ours, driven by nobody, and found by the next looks.
        Err(_) => tracing::warn!(job.id = %orphan.job, "taking the job over got no answer in time"),
    }
}

/// Jobs that are ours and that nobody drives. One look may fall between a claim and its task, so it takes two
/// at the same claim.
#[derive(Default)]
struct Lost {
    last: HashSet<(JobId, u64)>,
}

impl Lost {
    fn seen_twice(&mut self, ours: Vec<Orphan>, driven: &Driven) -> Vec<Orphan> {
        let undriven: Vec<Orphan> =
            ours.into_iter().filter(|orphan| !driven.contains(orphan.job, orphan.fence)).collect();
        let now: HashSet<(JobId, u64)> = undriven.iter().map(|orphan| (orphan.job, orphan.fence)).collect();
        let before = std::mem::replace(&mut self.last, now);
        undriven.into_iter().filter(|orphan| before.contains(&(orphan.job, orphan.fence))).collect()
    }
}

/// The beats of other workers, as they change on this process's own clock.
struct Watch {
    lease: Duration,
    looked: Option<Instant>,
    seen: HashMap<WorkerId, (u64, Instant)>,
}

impl Watch {
    fn new(lease: Duration) -> Self {
        Self { lease, looked: None, seen: HashMap::new() }
    }

    /// Whether the counter has stood still for the lease's length while we watched.
    fn stands_still(&mut self, worker: WorkerId, beat: u64, now: Instant) -> bool {
        match self.seen.get(&worker) {
            Some((last, since)) if *last == beat => now.duration_since(*since) >= self.lease,
            _ => {
                self.seen.insert(worker, (beat, now));
                false
            }
        }
    }

    fn keep_only(&mut self, held: &[Orphan]) {
        self.seen.retain(|worker, _| held.iter().any(|orphan| orphan.owner.id == *worker));
    }

    fn forget(&mut self) {
        self.seen.clear();
    }

    /// To be called after each look. Where long passed since the last one, others had no chance to beat either: the
    /// database stood still, or we did.
    fn looked(&mut self, now: Instant) {
        if self.looked.is_some_and(|last| now.duration_since(last) > self.lease / 2) {
            self.forget();
        }
        self.looked = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use saga::Held;

    use super::*;

    #[test]
    fn a_worker_is_lost_only_after_its_beat_stood_still_for_the_whole_lease() {
        let mut watch = Watch::new(Duration::from_secs(10));
        let (worker, start) = (WorkerId::generate(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!watch.stands_still(worker, 1, at(0)));
        assert!(!watch.stands_still(worker, 1, at(9)));
        assert!(!watch.stands_still(worker, 2, at(11)), "it beat in between");
        assert!(!watch.stands_still(worker, 2, at(20)));
        assert!(watch.stands_still(worker, 2, at(21)));
    }

    #[test]
    fn our_own_job_is_lost_only_when_two_looks_find_nobody_driving_it() {
        let orphan = |fence| Orphan {
            job: JobId(uuid::Uuid::nil()),
            fence,
            owner: WorkerRow { id: WorkerId::generate(), host: String::new(), lock_file: String::new() },
            beat: 1,
            ended: false,
        };
        let (mut lost, driven) = (Lost::default(), Driven::default());
        assert!(lost.seen_twice(vec![orphan(1)], &driven).is_empty());
        assert_eq!(lost.seen_twice(vec![orphan(1)], &driven).len(), 1);
        assert!(lost.seen_twice(vec![orphan(2)], &driven).is_empty(), "it was claimed again meanwhile");
        let held = |fence| Held { job: JobId(uuid::Uuid::nil()), worker: WorkerId::generate(), fence };
        let driving = driven.enter(&held(2));
        // The late answer of the claim that was lost starts a task as well, which ends at its first write.
        drop(driven.enter(&held(1)));
        assert!(lost.seen_twice(vec![orphan(2)], &driven).is_empty());
        drop(driving);
        lost.seen_twice(vec![orphan(2)], &driven);
        assert_eq!(lost.seen_twice(vec![orphan(2)], &driven).len(), 1);
    }

    #[test]
    fn a_database_that_stood_still_is_no_dead_worker() {
        let mut watch = Watch::new(Duration::from_secs(10));
        let (worker, start) = (WorkerId::generate(), Instant::now());
        let mut look = |seconds, beat| {
            let now = start + Duration::from_secs(seconds);
            watch.looked(now);
            watch.stands_still(worker, beat, now)
        };
        assert!(!look(0, 1));
        assert!(!look(11, 1), "nobody could beat meanwhile");
        assert!(!look(15, 1));
        assert!(!look(20, 1));
        assert!(look(21, 1));
    }

    #[test]
    fn what_could_not_be_seen_does_not_count() {
        let mut watch = Watch::new(Duration::from_secs(10));
        let (worker, start) = (WorkerId::generate(), Instant::now());
        assert!(!watch.stands_still(worker, 1, start));
        watch.forget();
        assert!(!watch.stands_still(worker, 1, start + Duration::from_mins(1)));
    }
}
