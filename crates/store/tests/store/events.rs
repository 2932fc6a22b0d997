//! Events: numbered without gaps, whoever writes.

use std::sync::Arc;

use domain::ids::JobId;
use domain::step::StepEvent;
use saga::{Journal, StepError, StepNote};
use sentence::Sentence;
use serde_json::json;

use crate::support::{ACTOR, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_concurrent_writers_are_gapless_and_a_reader_never_misses_one() {
    let shop = Arc::new(Shop::open().await);
    let held = shop.claimed().await;
    let reader = {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let mut seen: Vec<u64> = Vec::new();
            while seen.len() < 2 + 8 * 10 + 3 {
                let after = seen.last().copied().unwrap_or_default();
                seen.extend(shop.database.events(held.job, after, 7).await.unwrap().iter().map(|event| event.seq));
            }
            seen
        })
    };
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                for n in 0..10 {
                    shop.database.progress(&held, 0, json!({ "writer": writer, "n": n })).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..3 {
        shop.database.cancel(ACTOR, held.job, "a person writes too").await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let seen = tokio::time::timeout(std::time::Duration::from_secs(20), reader).await.unwrap().unwrap();
    assert_eq!(seen, (1..=85).collect::<Vec<_>>());
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_steps_events_carry_its_state_output_and_error() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    shop.step(&held, 0, StepEvent::Start).await;
    let note = StepNote { output: Some(json!({ "rows": 7 })), error: None };
    shop.database.step(&held, 0, StepEvent::Finish, note).await.unwrap();
    shop.step(&held, 1, StepEvent::Start).await;
    let error = StepError::permanent(Sentence::verbatim("no such host")).with_command("backout hosts");
    let note = StepNote { output: None, error: Some(error) };
    shop.database.step(&held, 1, StepEvent::Fail, note).await.unwrap();

    let events = shop.database.events(held.job, 2, 10).await.unwrap();
    assert!(events.iter().all(|event| event.kind == "step"));
    assert_eq!(events.iter().map(|event| event.step).collect::<Vec<_>>(), [Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!(events[1].data, json!({ "state": "finished", "output": { "rows": 7 } }));
    assert_eq!(
        events[3].data,
        json!({ "state": "failed", "error": { "message": "no such host", "hint": "backout hosts" } })
    );
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));

    let record = shop.database.load(&held).await.unwrap();
    assert_eq!(record.steps[0].output, Some(json!({ "rows": 7 })));
    let job = shop.database.job_view(held.job).await.unwrap();
    assert_eq!((job.steps[0].attempts, job.steps[0].output.clone()), (1, Some(json!({ "rows": 7 }))));
    assert!(job.steps[0].started_at <= job.steps[0].finished_at);
    assert_eq!(job.steps[1].error.as_ref().unwrap().message, "no such host");
}

#[tokio::test]
async fn an_undone_step_still_says_why_it_had_failed() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    shop.step(&held, 0, StepEvent::Start).await;
    let note = StepNote { output: None, error: Some(StepError::permanent(Sentence::verbatim("no such host"))) };
    shop.database.step(&held, 0, StepEvent::Fail, note).await.unwrap();
    shop.step(&held, 0, StepEvent::BeginUndo).await;
    shop.step(&held, 0, StepEvent::FinishUndo).await;
    let job = shop.database.job_view(held.job).await.unwrap();
    assert_eq!(job.steps[0].error.as_ref().unwrap().message, "no such host");
}

#[tokio::test]
async fn a_job_that_is_not_there_has_no_events() {
    let shop = Shop::open().await;
    assert!(shop.database.events(JobId::generate(), 0, 10).await.unwrap().is_empty());
    assert!(matches!(shop.database.job_view(JobId::generate()).await, Err(backout_store::Error::Missing("job"))));
}
