//! Leases: beats, and the taking over of what a worker left.

use std::time::Duration;

use domain::job::JobEvent;
use domain::step::StepEvent;
use saga::Journal;

use crate::support::Shop;

#[tokio::test]
async fn jobs_of_other_workers_are_seen_with_their_beat() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let mut heart = shop.database.heart().await.unwrap();
    heart.beat(held.worker).await.unwrap();
    heart.beat(held.worker).await.unwrap();
    heart.close().await.unwrap();
    let orphans = shop.database.held_jobs().await.unwrap();
    assert_eq!(orphans.len(), 1);
    let orphan = &orphans[0];
    assert_eq!((orphan.job, orphan.fence, orphan.beat, orphan.ended), (held.job, held.fence, 2, false));
    assert_eq!((orphan.owner.id, orphan.owner.host.as_str()), (held.worker, "here"));
    assert_eq!(orphan.owner.lock_file, "/run/backout.lock");

    shop.database.end_worker(held.worker).await.unwrap();
    assert!(shop.database.held_jobs().await.unwrap()[0].ended);
}

#[tokio::test]
async fn a_worker_lives_as_long_as_it_beats_and_has_not_said_goodbye() {
    let shop = Shop::open().await;
    let (one, other) = (shop.worker("here").await, shop.worker("elsewhere").await);
    let living = || async { shop.database.living_workers(Duration::from_mins(1)).await.unwrap() };
    assert_eq!(living().await, 2);
    shop.execute("UPDATE workers SET beaten_at = CURRENT_TIMESTAMP(6) - INTERVAL 2 MINUTE").await;
    assert_eq!(living().await, 0, "they are registered, and silent");
    let mut heart = shop.database.heart().await.unwrap();
    for worker in [one.id, other.id] {
        heart.beat(worker).await.unwrap();
    }
    heart.close().await.unwrap();
    assert_eq!(living().await, 2);
    shop.database.end_worker(one.id).await.unwrap();
    assert_eq!(living().await, 1);
}

#[tokio::test]
async fn a_job_whose_owner_beat_meanwhile_is_not_taken_over_unless_the_owner_is_known_to_be_dead() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let me = shop.worker("elsewhere").await;
    let orphan = shop.database.held_jobs().await.unwrap().remove(0);
    shop.database.heart().await.unwrap().beat(held.worker).await.unwrap();
    assert_eq!(shop.database.take_over(me.id, &orphan, false).await.unwrap(), None);
    shop.database.assert_held(&held).await.unwrap();
    let taken = shop.database.take_over(me.id, &orphan, true).await.unwrap().unwrap();
    assert_eq!((taken.job, taken.fence, taken.worker), (held.job, held.fence + 1, me.id));
    shop.assert_gapless(held.job).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_rescuers_one_wins() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let (a, b) = (shop.worker("a").await, shop.worker("b").await);
    let orphan = shop.database.held_jobs().await.unwrap().remove(0);
    let (first, second) =
        tokio::join!(shop.database.take_over(a.id, &orphan, true), shop.database.take_over(b.id, &orphan, true));
    let taken: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    shop.database.assert_held(&taken[0]).await.unwrap();
    assert!(shop.database.assert_held(&held).await.is_err());
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_job_that_rests_is_nobodys_to_take_over() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let me = shop.worker("elsewhere").await;
    let orphan = shop.database.held_jobs().await.unwrap().remove(0);
    shop.step(&held, 0, StepEvent::Start).await;
    shop.job(&held, JobEvent::GotStuck).await;
    assert!(shop.database.held_jobs().await.unwrap().is_empty());
    assert_eq!(shop.database.take_over(me.id, &orphan, true).await.unwrap(), None);
}
