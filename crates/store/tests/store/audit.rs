//! The audit log: one row with a code of its own for each change, and none for what was refused.

use std::collections::HashSet;

use domain::deployment::DeploymentKind;
use domain::ids::TokenId;
use domain::job::JobEvent;
use domain::view::NewToken;
use sqlx::Row;

use crate::support::{ACTOR, APPLICATION, ENVIRONMENT, Shop, two_steps};

async fn rows(shop: &Shop) -> Vec<(String, String, String, Vec<u8>)> {
    let rows = sqlx::query("SELECT actor, action, subject, mac FROM audit ORDER BY id").fetch_all(&shop.raw).await;
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test]
async fn every_change_leaves_one_row_with_a_code() {
    let shop = Shop::open().await;
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    shop.database.update_environment(ACTOR, &environment, &environment.spec, 1).await.unwrap();
    let (token, new) =
        (TokenId::generate(), NewToken { name: "ci".into(), permissions: vec!["*".into()], expires_at: None });
    shop.database.insert_token(ACTOR, token, &new, "a", &[1; 32]).await.unwrap();
    shop.database.revoke_token(ACTOR, token).await.unwrap();
    for kind in [DeploymentKind::MaintenanceOn, DeploymentKind::MaintenanceOff, DeploymentKind::Rollback] {
        shop.enqueue(kind, "v1.0.0", two_steps()).await;
        shop.finish(&shop.claim().await).await;
    }
    let held = shop.claimed().await;
    shop.database.cancel(ACTOR, held.job, "stop").await.unwrap();
    shop.job(&held, JobEvent::GotStuck).await;
    shop.database.resolve(ACTOR, held.job, JobEvent::UnwindWanted, "back").await.unwrap();

    let rows = rows(&shop).await;
    let actions: Vec<_> = rows.iter().map(|row| row.1.as_str()).collect();
    assert_eq!(
        actions,
        [
            "application.create",
            "environment.create",
            "environment.edit",
            "token.create",
            "token.revoke",
            "release.register",
            "maintenance.on",
            "maintenance.off",
            "rollback.start",
            "deployment.start",
            "job.cancel",
            "job.resolve",
        ]
    );
    assert!(rows.iter().all(|row| row.0 == ACTOR && !row.2.is_empty()));
    assert!(rows.iter().all(|row| row.3.len() == 32));
    assert_eq!(rows.iter().map(|row| &row.3).collect::<HashSet<_>>().len(), rows.len());
}

#[tokio::test]
async fn a_change_that_was_refused_leaves_no_row() {
    let shop = Shop::open().await;
    shop.queued().await;
    let before = rows(&shop).await.len();
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    shop.database.update_environment(ACTOR, &environment, &environment.spec, 9).await.unwrap_err();
    shop.database.revoke_token(ACTOR, TokenId::generate()).await.unwrap_err();
    let job = environment.active_job.unwrap();
    shop.database.resolve(ACTOR, job, JobEvent::RetryWanted, "").await.unwrap_err();
    assert_eq!(rows(&shop).await.len(), before);
}

#[tokio::test]
async fn secrets_are_masked_in_the_log() {
    let shop = Shop::open().await;
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    let spec = serde_json::from_value(serde_json::json!({
        "data_stores": [{ "name": "main", "engine": "redis", "url": "sealed:k1:hunter2" }],
    }))
    .unwrap();
    shop.database.update_environment(ACTOR, &environment, &spec, 1).await.unwrap();
    assert_eq!(shop.count("SELECT COUNT(*) FROM audit WHERE detail LIKE '%hunter2%'").await, 0);
    assert_eq!(shop.count("SELECT COUNT(*) FROM audit WHERE detail LIKE '%********%'").await, 1);
}
