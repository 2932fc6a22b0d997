//! Jobs that end while another end is being written: they end together, each with its own outcome.

use std::pin::{Pin, pin};
use std::time::Duration;

use backout_store::Enqueue;
use domain::deployment::DeploymentKind;
use domain::ids::JobId;
use domain::job::{JobEvent, JobState};
use futures::future::join_all;
use futures::poll;
use saga::{Held, JobNote, Journal, JournalError};
use sqlx::{Connection, MySql, MySqlConnection, Transaction};

use crate::support::{Shop, new_job, server, two_steps};

const SOON: Duration = Duration::from_secs(20);

/// Claimed jobs whose steps have all finished, each in an environment of its own.
async fn ready(shop: &Shop, count: usize) -> Vec<Held> {
    for number in 0..count {
        let environment = shop.add_environment(&format!("shard-{number}")).await;
        let plan = shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await;
        assert_eq!(shop.database.enqueue(&new_job(environment, &plan)).await.unwrap(), Enqueue::Accepted);
    }
    let worker = shop.worker("here").await;
    shop.database.claim(worker.id, u32::try_from(count).unwrap()).await.unwrap()
}

type Ending<'a> = Pin<Box<dyn Future<Output = Result<JobState, JournalError>> + Send + 'a>>;

fn end<'a>(shop: &'a Shop, held: &'a Held) -> Ending<'a> {
    Box::pin(async move { shop.database.job(held, JobEvent::StepsFinished, JobNote::default()).await })
}

/// Holds the job's row, so that the transaction which is to end it stands still.
async fn hold(connection: &mut MySqlConnection, job: JobId) -> Transaction<'_, MySql> {
    let mut tx = connection.begin().await.unwrap();
    sqlx::query("SELECT id FROM jobs WHERE id = ? FOR UPDATE").bind(job.0).fetch_one(&mut *tx).await.unwrap();
    tx
}

/// Waits until the transaction of the first end is at its locked row.
async fn is_kept_waiting(shop: &Shop) {
    let sql = "SELECT COUNT(*) = 1 FROM information_schema.processlist WHERE db = DATABASE() AND command = 'Query' \
               AND info LIKE '%FOR UPDATE' AND id <> CONNECTION_ID()";
    let waits = || async { sqlx::query_scalar::<_, bool>(sql).fetch_one(&shop.raw).await.unwrap_or(false) };
    testkit::eventually(SOON, waits).await.unwrap();
}

/// A shop, its jobs, and the first of them standing still in the middle of its end.
struct Scene {
    shop: Shop,
    jobs: Vec<Held>,
    holder: MySqlConnection,
}

impl Scene {
    async fn new(count: usize) -> Self {
        let shop = Shop::open().await;
        let jobs = ready(&shop, count).await;
        let url =
            server().url(&sqlx::query_scalar::<_, String>("SELECT DATABASE()").fetch_one(&shop.raw).await.unwrap());
        Self { shop, jobs, holder: MySqlConnection::connect(&url).await.unwrap() }
    }
}

/// Lets the first end stand still, begins the others, runs `meanwhile`, and lets all go on.
async fn together(
    scene: &mut Scene,
    meanwhile: impl AsyncFnOnce(&Shop, &mut Vec<Ending<'_>>),
) -> Vec<Result<JobState, JournalError>> {
    let Scene { shop, jobs, holder } = scene;
    let held = hold(holder, jobs[0].job).await;
    let mut first = pin!(end(shop, &jobs[0]));
    let mut others: Vec<Ending> = jobs[1..].iter().map(|job| end(shop, job)).collect();
    tokio::select! {
        _ = &mut first => panic!("the first end was not held up"),
        () = is_kept_waiting(shop) => {}
    }
    for other in &mut others {
        assert!(poll!(other).is_pending());
    }
    meanwhile(shop, &mut others).await;
    held.rollback().await.unwrap();
    let (first, mut outcomes) = tokio::join!(first, join_all(others));
    outcomes.insert(0, first);
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_that_come_while_one_is_written_end_in_one_transaction() {
    let mut scene = Scene::new(6).await;
    let outcomes = together(&mut scene, async |_, _| {}).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(JobState::Succeeded)), "{outcomes:?}");
    let shop = &scene.shop;
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs WHERE state = 'succeeded' AND ended_at IS NOT NULL").await, 6);
    assert_eq!(
        shop.count("SELECT COUNT(DISTINCT ended_at) FROM jobs").await,
        2,
        "the first alone, the others together"
    );
    assert_eq!(shop.count("SELECT COUNT(*) FROM deployments WHERE result = 'succeeded'").await, 6);
    let own = "SELECT COUNT(*) FROM environments e JOIN deployments d ON d.id = e.current_deployment_id \
               AND d.environment_id = e.id WHERE e.active_job_id IS NULL";
    assert_eq!(shop.count(own).await, 6, "each environment runs its own deployment");
    for held in &scene.jobs {
        shop.assert_gapless(held.job).await;
        let events = shop.database.events(held.job, 0, 100).await.unwrap();
        assert_eq!(events.last().unwrap().data["state"], "succeeded");
        assert!(shop.database.job_view(held.job).await.unwrap().measurements.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lost_fence_does_not_hold_up_the_others() {
    let mut scene = Scene::new(4).await;
    scene.jobs[2].fence += 1;
    let outcomes = together(&mut scene, async |_, _| {}).await;
    assert!(matches!(outcomes[2], Err(JournalError::FenceLost { .. })), "{:?}", outcomes[2]);
    assert!([0, 1, 3].iter().all(|nth| outcomes[*nth] == Ok(JobState::Succeeded)), "{outcomes:?}");
    let lost = scene.shop.database.job_view(scene.jobs[2].job).await.unwrap();
    assert_eq!(lost.state, JobState::Running);
    scene.shop.assert_gapless(lost.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_a_job_is_told_so_beside_who_holds_it_and_ends_it() {
    let mut scene = Scene::new(2).await;
    let holder = scene.jobs[1];
    let stale = Held { fence: holder.fence - 1, ..holder };
    // Before and after the holder's own end.
    scene.jobs = vec![scene.jobs[0], stale, holder, stale];
    let outcomes = together(&mut scene, async |_, _| {}).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(JobState::Succeeded), &Ok(JobState::Succeeded)), "{outcomes:?}");
    for nth in [1, 3] {
        assert!(matches!(outcomes[nth], Err(JournalError::FenceLost { .. })), "{outcomes:?}");
    }
    scene.shop.assert_gapless(holder.job).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_job_that_cannot_be_read_does_not_hold_up_the_others() {
    let mut scene = Scene::new(4).await;
    let broken = scene.jobs[1].job;
    sqlx::query("UPDATE jobs SET plan = 'no plan' WHERE id = ?").bind(broken.0).execute(&scene.shop.raw).await.unwrap();
    let outcomes = together(&mut scene, async |_, _| {}).await;
    assert!(matches!(outcomes[1], Err(JournalError::Corrupt(_))), "{:?}", outcomes[1]);
    assert!([0, 2, 3].iter().all(|nth| outcomes[*nth] == Ok(JobState::Succeeded)), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_nobody_waits_for_any_more_is_not_begun_and_the_others_are() {
    let mut scene = Scene::new(4).await;
    let outcomes = together(&mut scene, async |_, others| drop(others.remove(1))).await;
    assert_eq!(outcomes, [Ok(JobState::Succeeded), Ok(JobState::Succeeded), Ok(JobState::Succeeded)]);
    let left = scene.shop.database.job_view(scene.jobs[2].job).await.unwrap();
    assert_eq!(left.state, JobState::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_was_begun_is_written_even_when_its_caller_goes_away() {
    let mut scene = Scene::new(1).await;
    let Scene { shop, jobs, holder } = &mut scene;
    let held = hold(holder, jobs[0].job).await;
    let mut ending = end(shop, &jobs[0]);
    tokio::select! {
        _ = &mut ending => panic!("the end was not held up"),
        () = is_kept_waiting(shop) => {}
    }
    drop(ending);
    held.rollback().await.unwrap();
    let job = jobs[0].job;
    let ended = || async { shop.database.job_view(job).await.is_ok_and(|job| job.state == JobState::Succeeded) };
    testkit::eventually(SOON, ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stands_still_does_not_hold_up_the_others() {
    let mut scene = Scene::new(3).await;
    let Scene { shop, jobs, holder } = &mut scene;
    let held = hold(holder, jobs[0].job).await;
    let (mut first, mut still, mut third) = (end(shop, &jobs[0]), end(shop, &jobs[1]), end(shop, &jobs[2]));
    tokio::select! {
        _ = &mut first => panic!("the first end was not held up"),
        () = is_kept_waiting(shop) => {}
    }
    // It has asked, and then its task does something else.
    assert!(poll!(&mut still).is_pending());
    assert!(poll!(&mut third).is_pending());
    held.rollback().await.unwrap();
    assert_eq!(first.await, Ok(JobState::Succeeded));
    assert_eq!(tokio::time::timeout(SOON, third).await, Ok(Ok(JobState::Succeeded)));
    assert_eq!(still.await, Ok(JobState::Succeeded));
}

#[tokio::test]
async fn the_same_end_twice_at_once_is_written_once() {
    let shop = Shop::open().await;
    let held = ready(&shop, 1).await[0];
    let (first, second) = tokio::join!(end(&shop, &held), end(&shop, &held));
    assert_eq!([first, second], [Ok(JobState::Succeeded), Ok(JobState::Succeeded)]);
    let events = shop.database.events(held.job, 0, 100).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.data["state"] == "succeeded").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_ends_than_one_transaction_takes_all_end() {
    let shop = Shop::open().await;
    let jobs = ready(&shop, 50).await;
    assert_eq!(jobs.len(), 50);
    let outcomes = join_all(jobs.iter().map(|held| end(&shop, held))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(JobState::Succeeded)), "{outcomes:?}");
    assert_eq!(shop.count("SELECT COUNT(*) FROM environments WHERE active_job_id IS NOT NULL").await, 0);
}
