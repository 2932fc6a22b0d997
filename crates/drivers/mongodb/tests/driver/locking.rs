use std::time::Duration;

use driver_mongodb::{Acquired, Error};

use crate::support::target;

const LONG: Duration = Duration::from_mins(5);

fn holder(acquired: Acquired) -> (bool, String, i64) {
    match acquired {
        Acquired::Yes(holder) => (true, holder.owner, holder.fence),
        Acquired::HeldBy(holder) => (false, holder.owner, holder.fence),
    }
}

#[tokio::test]
async fn a_lock_has_one_owner_until_it_is_released() {
    let target = target("lock").await;
    let first = target.acquire_lock("schema", "job-a", 1, LONG).await.unwrap();
    assert_eq!(holder(first), (true, "job-a".into(), 1));
    let second = target.acquire_lock("schema", "job-b", 9, LONG).await.unwrap();
    assert_eq!(holder(second), (false, "job-a".into(), 1));
    target.renew_lock("schema", "job-a", 1, LONG).await.unwrap();
    assert!(!target.release_lock("schema", "job-b", 9).await.unwrap());
    assert!(target.release_lock("schema", "job-a", 1).await.unwrap());
    let third = target.acquire_lock("schema", "job-b", 9, LONG).await.unwrap();
    assert_eq!(holder(third), (true, "job-b".into(), 9));
}

#[tokio::test]
async fn an_expired_lock_is_taken_over_and_its_old_owner_notices() {
    let target = target("lock").await;
    target.acquire_lock("schema", "job-a", 1, Duration::ZERO).await.unwrap();
    let taken = target.acquire_lock("schema", "job-b", 1, LONG).await.unwrap();
    assert_eq!(holder(taken), (true, "job-b".into(), 1));
    let lost = target.renew_lock("schema", "job-a", 1, LONG).await.unwrap_err();
    assert!(matches!(lost, Error::LockLost { .. }));
}

#[tokio::test]
async fn a_later_claim_of_the_same_job_takes_its_lock_and_an_earlier_one_never_does() {
    let target = target("lock").await;
    target.acquire_lock("schema", "job-a", 4, LONG).await.unwrap();
    let later = target.acquire_lock("schema", "job-a", 5, LONG).await.unwrap();
    assert_eq!(holder(later), (true, "job-a".into(), 5));
    let earlier = target.acquire_lock("schema", "job-a", 4, LONG).await.unwrap();
    assert_eq!(holder(earlier), (false, "job-a".into(), 5));
    assert!(target.renew_lock("schema", "job-a", 4, LONG).await.is_err());
    assert!(target.release_lock("schema", "job-a", 5).await.unwrap());
    let after_release = target.acquire_lock("schema", "job-a", 4, LONG).await.unwrap();
    assert_eq!(holder(after_release), (false, "job-a".into(), 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ask_at_once_one_gets_the_lock() {
    let target = target("lock").await;
    let asked: Vec<_> = (0..8)
        .map(|number| {
            let target = target.clone();
            tokio::spawn(async move {
                let owner = format!("job-{number}");
                target.acquire_lock("schema", &owner, 1, LONG).await.unwrap()
            })
        })
        .collect();
    let mut won = 0;
    for acquired in asked {
        won += u32::from(matches!(acquired.await.unwrap(), Acquired::Yes(_)));
    }
    assert_eq!(won, 1);
}
