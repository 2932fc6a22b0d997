//! Rehearsals: one worker at a time, and no verdict of one that was taken over.

use std::time::Duration;

use backout_store::{ClaimedRehearsal, NewRehearsal, RehearsalEnd};
use domain::environment::Engine;
use domain::ids::{MigrationId, RehearsalId, WorkerId};
use domain::rehearsal::{Phase, RehearsalState, RehearsedMigration, StoreRehearsal, Verdict};
use sentence::Sentence;

use crate::support::{Shop, cursor};

const LEASE: Duration = Duration::from_mins(1);

async fn request(shop: &Shop, version: &str) -> RehearsalId {
    let release = shop.release(version).await.id;
    let new = NewRehearsal {
        id: RehearsalId::generate(),
        environment: shop.environment,
        subject: "shop/production".into(),
        release,
        actor: "ci",
    };
    shop.database.request_rehearsal(&new).await.unwrap()
}

async fn claim(shop: &Shop) -> Option<ClaimedRehearsal> {
    shop.database.claim_rehearsal(WorkerId::generate(), LEASE).await.unwrap()
}

fn failed(migration: MigrationId) -> Vec<StoreRehearsal> {
    let verdict = Verdict::Failed { phase: Phase::Down, reason: Sentence::verbatim("no such column") };
    let rehearsed =
        RehearsedMigration { id: migration, version: "001".into(), verdict: verdict.clone(), statements: Vec::new() };
    vec![StoreRehearsal {
        store: "main".into(),
        engine: Engine::MariaDb,
        verdict,
        rows: 3,
        migrations: vec![rehearsed],
    }]
}

fn end(stores: &[StoreRehearsal]) -> RehearsalEnd<'_> {
    RehearsalEnd { state: RehearsalState::Failed, reason: None, stores }
}

#[tokio::test]
async fn a_release_waits_once_and_is_claimed_by_one_worker() {
    let shop = Shop::open().await;
    let first = request(&shop, "v1.0.0").await;
    assert_eq!(request(&shop, "v1.0.0").await, first);
    let other = request(&shop, "v1.1.0").await;
    let claimed = [claim(&shop).await.unwrap().id, claim(&shop).await.unwrap().id];
    assert_eq!(claimed, [first, other]);
    assert_eq!(claim(&shop).await, None);
    assert_eq!(request(&shop, "v1.0.0").await, first, "it is being tried");
}

#[tokio::test]
async fn the_first_rehearsal_of_a_release_is_asked_for_once() {
    let shop = Shop::open().await;
    let release = shop.release("v1.0.0").await.id;
    let new = || NewRehearsal {
        id: RehearsalId::generate(),
        environment: shop.environment,
        subject: "shop/production".into(),
        release,
        actor: "ci",
    };
    assert!(shop.database.request_first_rehearsal(&new()).await.unwrap());
    let claimed = claim(&shop).await.unwrap();
    assert!(shop.database.end_rehearsal(&claimed, &end(&[])).await.unwrap());
    assert!(!shop.database.request_first_rehearsal(&new()).await.unwrap());
    assert_ne!(shop.database.request_rehearsal(&new()).await.unwrap(), claimed.id, "a person may ask again");
}

#[tokio::test]
async fn a_worker_whose_lease_ran_out_writes_no_verdict() {
    let shop = Shop::open().await;
    request(&shop, "v1.0.0").await;
    let zombie = claim(&shop).await.unwrap();
    shop.execute("UPDATE rehearsals SET leased_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND").await;
    let taker = claim(&shop).await.unwrap();
    assert_eq!((taker.id, taker.attempt), (zombie.id, 2));
    let (old, new) = (failed(MigrationId::generate()), failed(MigrationId::generate()));
    assert!(!shop.database.extend_rehearsal(&zombie, LEASE).await.unwrap());
    assert!(!shop.database.end_rehearsal(&zombie, &end(&old)).await.unwrap());
    shop.database.give_back_rehearsal(&zombie).await.unwrap();
    assert!(shop.database.extend_rehearsal(&taker, LEASE).await.unwrap());
    assert!(shop.database.end_rehearsal(&taker, &end(&new)).await.unwrap());
    assert!(!shop.database.end_rehearsal(&taker, &end(&new)).await.unwrap(), "it has ended");

    let known = shop.database.rehearsed_migrations(shop.environment).await.unwrap();
    assert_eq!(known.keys().copied().collect::<Vec<_>>(), [new[0].migrations[0].id]);
    let view = shop.database.rehearsal(shop.environment, taker.id).await.unwrap();
    assert_eq!((view.state, view.stores), (RehearsalState::Failed, new));
}

#[tokio::test]
async fn a_release_shows_what_its_newest_rehearsal_came_to_in_each_environment() {
    let shop = Shop::open().await;
    let release = shop.release("v1.0.0").await.id;
    request(&shop, "v1.0.0").await;
    let claimed = claim(&shop).await.unwrap();
    let stores = failed(MigrationId::generate());
    assert!(shop.database.end_rehearsal(&claimed, &end(&stores)).await.unwrap());
    let ways = shop.database.ways_back(&[release]).await.unwrap();
    let way = &ways[&release][0];
    assert_eq!((way.environment.as_str(), way.state), ("production", RehearsalState::Failed));
    assert_eq!(way.reason.as_ref().unwrap().to_string(), "no such column");

    let newer = request(&shop, "v1.0.0").await;
    let ways = shop.database.ways_back(&[release]).await.unwrap();
    assert_eq!((ways[&release][0].rehearsal, ways[&release].len()), (newer, 1));
    let page = shop.database.rehearsals(shop.environment, Some(release), &cursor(None, 1)).await.unwrap();
    assert_eq!((page.items[0].id, page.next_cursor.is_some()), (newer, true));
}

#[tokio::test]
async fn a_rehearsal_that_is_put_off_is_nobodys_until_then_and_counts_no_attempt() {
    let shop = Shop::open().await;
    request(&shop, "v1.0.0").await;
    let claimed = claim(&shop).await.unwrap();
    shop.database.postpone_rehearsal(&claimed, LEASE).await.unwrap();
    assert_eq!(claim(&shop).await, None);
    assert!(!shop.database.end_rehearsal(&claimed, &end(&[])).await.unwrap());
    shop.execute("UPDATE rehearsals SET leased_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND").await;
    assert_eq!(claim(&shop).await.unwrap(), claimed);
}
