//! The last known good release.

use domain::deployment::DeploymentKind::{Deploy, Rollback};
use domain::job::JobEvent;

use crate::support::{Shop, two_steps};

/// The version to which a rollback without a target would go.
async fn known_good(shop: &Shop) -> Option<String> {
    let current = shop.current().await.unwrap();
    let (release, _, _) = shop.database.deployment_release(current).await.unwrap();
    let good = shop.database.last_known_good(shop.environment, release).await.unwrap()?;
    Some(shop.database.release_by_id(good).await.unwrap().version.to_string())
}

#[tokio::test]
async fn it_is_the_older_release_that_ran_before() {
    let shop = Shop::open().await;
    shop.change(Deploy, "v1.0.0").await;
    assert_eq!(known_good(&shop).await, None);
    shop.change(Deploy, "v1.1.0").await;
    shop.change(Deploy, "v1.2.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.1.0"));
}

#[tokio::test]
async fn a_release_that_a_rollback_left_is_skipped() {
    let shop = Shop::open().await;
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        shop.change(Deploy, version).await;
    }
    shop.change(Rollback, "v1.1.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.0.0"), "a second rollback goes further back");
    shop.change(Deploy, "v1.3.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.1.0"), "v1.2.0 was left by a rollback");
}

#[tokio::test]
async fn a_release_that_was_deployed_again_and_stayed_is_good_again() {
    let shop = Shop::open().await;
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        shop.change(Deploy, version).await;
    }
    shop.change(Rollback, "v1.1.0").await;
    shop.change(Deploy, "v1.2.0").await;
    shop.change(Deploy, "v1.3.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.2.0"));
}

#[tokio::test]
async fn a_deployment_that_failed_is_not_good() {
    let shop = Shop::open().await;
    shop.change(Deploy, "v1.0.0").await;
    shop.enqueue(Deploy, "v1.1.0", two_steps()).await;
    let held = shop.claim().await;
    shop.job(&held, JobEvent::FailedUntouched).await;
    shop.change(Deploy, "v1.2.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.0.0"));
}

#[tokio::test]
async fn a_rollback_that_failed_leaves_nothing_suspect() {
    let shop = Shop::open().await;
    for version in ["v1.0.0", "v1.1.0"] {
        shop.change(Deploy, version).await;
    }
    shop.enqueue(Rollback, "v1.0.0", two_steps()).await;
    let held = shop.claim().await;
    shop.job(&held, JobEvent::FailedUntouched).await;
    shop.change(Deploy, "v1.2.0").await;
    assert_eq!(known_good(&shop).await.as_deref(), Some("v1.1.0"));
}
