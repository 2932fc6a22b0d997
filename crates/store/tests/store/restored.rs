//! Jobs in a control database that was put back to an earlier day.

use domain::job::{JobEvent, JobState};
use domain::step::{StepEvent, StepState};
use saga::Journal;
use sentence::Sentence;

use crate::support::{ACTOR, Shop};

const REASON: &str = "restored";

#[tokio::test]
async fn a_job_that_had_not_begun_is_cancelled_and_frees_its_environment() {
    let shop = Shop::open().await;
    let job = shop.queued().await;
    let rested = shop.database.rest_restored_jobs(ACTOR, &Sentence::verbatim(REASON)).await.unwrap();
    assert_eq!(rested.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>(), [(job, JobState::Cancelled)]);
    let worker = shop.worker("here").await;
    assert_eq!(shop.database.claim(worker.id, 1).await.unwrap(), []);
    shop.assert_gapless(job).await;
    shop.queued().await;
}

#[tokio::test]
async fn a_job_under_way_waits_for_a_person_and_goes_on_at_their_word() {
    let shop = Shop::open().await;
    let old = shop.claimed().await;
    shop.step(&old, 0, StepEvent::Start).await;
    for _ in 0..2 {
        let rested = shop.database.rest_restored_jobs(ACTOR, &Sentence::verbatim(REASON)).await.unwrap();
        assert_eq!(rested.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>(), [(old.job, JobState::Stuck)]);
    }
    assert_eq!(shop.database.job_view(old.job).await.unwrap().error.unwrap().message, REASON);
    assert!(shop.database.assert_held(&old).await.is_err(), "the worker of that day is nobody today");
    assert!(shop.database.held_jobs().await.unwrap().is_empty(), "nobody takes it over");
    shop.database.resolve(ACTOR, old.job, JobEvent::RetryWanted, "looked").await.unwrap();
    let new = shop.claim().await;
    let record = shop.database.load(&new).await.unwrap();
    assert_eq!((record.state, record.steps[0].state), (JobState::Running, StepState::Started), "it is probed first");
    shop.assert_gapless(old.job).await;
}
