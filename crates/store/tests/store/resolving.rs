//! A person's word on a stuck job.

use backout_store::Error;
use domain::ids::JobId;
use domain::job::{JobEvent, JobState};
use domain::step::{StepEvent, StepState};
use saga::{Held, JobNote, Journal, StepError, StepNote};
use sentence::Sentence;

use crate::support::{ACTOR, Shop};

/// A job whose first step finished and whose second one failed.
async fn stuck(shop: &Shop) -> Held {
    let held = shop.claimed().await;
    shop.step(&held, 0, StepEvent::Start).await;
    shop.step(&held, 0, StepEvent::Finish).await;
    shop.step(&held, 1, StepEvent::Start).await;
    let error = Some(StepError::permanent(Sentence::verbatim("no such host")));
    shop.database.step(&held, 1, StepEvent::Fail, StepNote { error: error.clone(), output: None }).await.unwrap();
    shop.database.job(&held, JobEvent::GotStuck, JobNote { step: Some(1), error }).await.unwrap();
    held
}

#[tokio::test]
async fn a_retry_puts_the_job_into_the_queue_with_its_failed_steps_started() {
    let shop = Shop::open().await;
    let old = stuck(&shop).await;
    let state = shop.database.resolve(ACTOR, old.job, JobEvent::RetryWanted, "host is back").await.unwrap();
    assert_eq!(state, JobState::Running);
    assert!(shop.database.assert_held(&old).await.is_err());
    let new = shop.claim().await;
    assert_eq!(new.fence, old.fence + 1);
    let record = shop.database.load(&new).await.unwrap();
    assert_eq!(record.state, JobState::Running);
    assert_eq!(
        record.steps.iter().map(|step| step.state).collect::<Vec<_>>(),
        [StepState::Finished, StepState::Started]
    );
    shop.step(&new, 1, StepEvent::Finish).await;
    shop.job(&new, JobEvent::StepsFinished).await;
    let job = shop.database.job_view(old.job).await.unwrap();
    assert_eq!((job.state, job.error), (JobState::Succeeded, None), "what is mended is no error any more");
    assert_eq!(job.steps[1].error, None);
    shop.assert_gapless(old.job).await;
}

#[tokio::test]
async fn an_unwind_leaves_the_steps_as_they_are_to_be_undone() {
    let shop = Shop::open().await;
    let old = stuck(&shop).await;
    let state = shop.database.resolve(ACTOR, old.job, JobEvent::UnwindWanted, "").await.unwrap();
    assert_eq!(state, JobState::Unwinding);
    let record = shop.database.load(&shop.claim().await).await.unwrap();
    assert_eq!(record.steps[1].state, StepState::Failed);
}

#[tokio::test]
async fn a_retry_overrides_an_earlier_wish_to_cancel() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    shop.step(&held, 0, StepEvent::Start).await;
    shop.database.cancel(ACTOR, held.job, "stop").await.unwrap();
    shop.job(&held, JobEvent::GotStuck).await;
    shop.database.resolve(ACTOR, held.job, JobEvent::RetryWanted, "go on").await.unwrap();
    let next = shop.claim().await;
    assert!(!shop.database.cancel_requested(&next).await.unwrap());
}

#[tokio::test]
async fn a_job_that_is_not_stuck_takes_no_such_word() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let refused = shop.database.resolve(ACTOR, held.job, JobEvent::RetryWanted, "").await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    shop.database.assert_held(&held).await.unwrap();
    let missing = shop.database.resolve(ACTOR, JobId::generate(), JobEvent::RetryWanted, "").await;
    assert!(matches!(missing, Err(Error::Missing("job"))), "{missing:?}");
}

#[tokio::test]
async fn a_stuck_job_cannot_be_cancelled() {
    let shop = Shop::open().await;
    let held = stuck(&shop).await;
    assert!(matches!(shop.database.cancel(ACTOR, held.job, "").await, Err(Error::Conflict(_))));
}
