//! Lists in pages, while others write.

use backout_store::{Cursor, DeploymentQuery, Error, JobQuery, ReleaseQuery};
use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::ids::TokenId;
use domain::job::JobState;
use domain::view::{NewApplication, NewToken};

use crate::support::{ACTOR, APPLICATION, ENVIRONMENT, Shop, cursor};

#[tokio::test]
async fn a_list_of_jobs_neither_repeats_nor_skips_while_jobs_are_added() {
    let shop = Shop::open().await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let job = shop.queued().await;
        shop.database.cancel(ACTOR, job, "").await.unwrap();
        jobs.push(job);
    }
    jobs.reverse();
    let mut seen = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = shop.database.jobs(&JobQuery::default(), &cursor(next.as_deref(), 2)).await.unwrap();
        seen.extend(page.items.iter().map(|job| job.id));
        let newer = shop.queued().await;
        shop.database.cancel(ACTOR, newer, "").await.unwrap();
        next = page.next_cursor;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, jobs);
}

#[tokio::test]
async fn jobs_are_found_by_application_environment_and_state() {
    let shop = Shop::open().await;
    let cancelled = shop.queued().await;
    shop.database.cancel(ACTOR, cancelled, "").await.unwrap();
    let queued = shop.queued().await;
    let find = async |query: JobQuery| {
        let page = shop.database.jobs(&query, &cursor(None, 10)).await.unwrap();
        page.items.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(find(JobQuery::default()).await, [queued, cancelled]);
    let here = JobQuery { application: Some(APPLICATION.into()), environment: Some(ENVIRONMENT.into()), state: None };
    assert_eq!(find(here).await, [queued, cancelled]);
    assert_eq!(find(JobQuery { state: Some(JobState::Queued), ..JobQuery::default() }).await, [queued]);
    for nowhere in ["elsewhere", "环境"] {
        assert!(find(JobQuery { application: Some(nowhere.into()), ..JobQuery::default() }).await.is_empty());
        assert!(find(JobQuery { environment: Some(nowhere.into()), ..JobQuery::default() }).await.is_empty());
    }
}

#[tokio::test]
async fn every_list_is_walked_to_its_end_in_order() {
    let shop = Shop::open().await;
    for name in ["zebra", "ant", "bee"] {
        let new = NewApplication { name: name.into(), description: String::new() };
        shop.database.insert_application(ACTOR, &new).await.unwrap();
        shop.add_environment(name).await;
    }
    for version in ["v1.0.0", "v1.10.0", "v1.9.0"] {
        shop.change(domain::deployment::DeploymentKind::Deploy, version).await;
    }
    let (mut applications, mut environments, mut deployments) = (Vec::new(), Vec::new(), Vec::new());
    let (mut a, mut e, mut d) = (None::<String>, None::<String>, None::<String>);
    for _ in 0..8 {
        let page = shop.database.applications(&cursor(a.as_deref(), 1)).await.unwrap();
        applications.extend(page.items.into_iter().map(|item| item.name));
        a = page.next_cursor;
        if a.is_none() {
            break;
        }
    }
    for _ in 0..8 {
        let page = shop.database.environments(shop.application, &cursor(e.as_deref(), 1)).await.unwrap();
        environments.extend(page.items.into_iter().map(|item| item.name));
        e = page.next_cursor;
        if e.is_none() {
            break;
        }
    }
    for _ in 0..8 {
        let all = DeploymentQuery::default();
        let page = shop.database.deployments(shop.environment, &all, &cursor(d.as_deref(), 1)).await.unwrap();
        deployments.extend(page.items.into_iter().map(|item| item.to.to_string()));
        d = page.next_cursor;
        if d.is_none() {
            break;
        }
    }
    assert_eq!(applications, ["ant", "bee", APPLICATION, "zebra"]);
    assert_eq!(environments, ["ant", "bee", ENVIRONMENT, "zebra"]);
    assert_eq!(deployments, ["v1.9.0", "v1.10.0", "v1.0.0"]);
}

#[tokio::test]
async fn a_list_of_tokens_neither_repeats_nor_skips_while_tokens_are_made_and_revoked() {
    let shop = Shop::open().await;
    let make = async |secret: u8| {
        let (id, secret) = (TokenId::generate(), [secret; 32]);
        let new = NewToken { name: "ci".into(), permissions: vec!["read".into()], expires_at: None };
        shop.database.insert_token(ACTOR, id, &new, "bko_", &secret).await.unwrap();
        id
    };
    let mut tokens = Vec::new();
    for secret in 0..5 {
        tokens.push(make(secret).await);
    }
    let first = shop.database.tokens(&cursor(None, 2)).await.unwrap();
    // The last one of the page goes, whose key the cursor is.
    shop.database.revoke_token(ACTOR, tokens[1]).await.unwrap();
    let second = shop.database.tokens(&cursor(first.next_cursor.as_deref(), 2)).await.unwrap();
    tokens.push(make(9).await);
    let third = shop.database.tokens(&cursor(second.next_cursor.as_deref(), 2)).await.unwrap();
    assert_eq!(third.next_cursor, None);
    let seen = [first, second, third].into_iter().flat_map(|page| page.items);
    assert_eq!(seen.map(|token| token.id).collect::<Vec<_>>(), tokens);
}

#[tokio::test]
async fn deployments_are_found_by_kind_and_result_and_name_the_one_before_them() {
    let shop = Shop::open().await;
    let first = shop.change(DeploymentKind::Deploy, "v1.0.0").await;
    let second = shop.change(DeploymentKind::Deploy, "v1.1.0").await;
    let cancelled = shop.queued().await;
    shop.database.cancel(ACTOR, cancelled, "").await.unwrap();
    let back = shop.change(DeploymentKind::Rollback, "v1.0.0").await;
    let find = async |kind, result| {
        let query = DeploymentQuery { kind, result };
        shop.database.deployments(shop.environment, &query, &cursor(None, 10)).await.unwrap().items
    };
    let ids = async |kind, result| find(kind, result).await.iter().map(|found| found.id).collect::<Vec<_>>();
    let (deploy, succeeded) = (Some(DeploymentKind::Deploy), Some(DeploymentResult::Succeeded));
    assert_eq!(ids(None, None).await.len(), 4);
    assert_eq!(ids(Some(DeploymentKind::Rollback), None).await, [back]);
    assert_eq!(ids(deploy, succeeded).await, [second, first]);
    assert_eq!(ids(None, succeeded).await, [back, second, first]);
    let failed = find(None, Some(DeploymentResult::Failed)).await;
    assert_eq!(failed.iter().map(|found| found.job).collect::<Vec<_>>(), [cancelled]);
    assert_eq!(ids(None, Some(DeploymentResult::Running)).await, []);
    let from = |found: Vec<domain::view::DeploymentView>| found[0].from_deployment;
    assert_eq!(from(find(Some(DeploymentKind::Rollback), None).await), Some(second));
    assert_eq!(find(deploy, None).await.last().unwrap().from_deployment, None);
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_out_is_refused() {
    for garbage in ["%%%", "====", "ÄÖÜ", &"A".repeat(1000), "_-8"] {
        assert!(matches!(Cursor::new(Some(garbage), 10), Err(Error::BadCursor)), "{garbage}");
    }
    let shop = Shop::open().await;
    shop.release("v1.0.0").await;
    // Texts that decode, but are no keys of the list.
    for other in ["aGVsbG8", "5Lit5paH8J-Ygg", ""] {
        let jobs = shop.database.jobs(&JobQuery::default(), &cursor(Some(other), 10)).await;
        assert!(matches!(jobs, Err(Error::BadCursor)), "{other}: {jobs:?}");
        let all = DeploymentQuery::default();
        let deployments = shop.database.deployments(shop.environment, &all, &cursor(Some(other), 10)).await;
        assert!(matches!(deployments, Err(Error::BadCursor)), "{other}: {deployments:?}");
        let tokens = shop.database.tokens(&cursor(Some(other), 10)).await;
        assert!(matches!(tokens, Err(Error::BadCursor)), "{other}: {tokens:?}");
        let ledger = shop.database.ledger(shop.environment, "main", &cursor(Some(other), 10)).await;
        assert!(matches!(ledger, Err(Error::BadCursor)), "{other}: {ledger:?}");
        // Lists by name take any text as a place between names.
        shop.database.applications(&cursor(Some(other), 10)).await.unwrap();
        shop.database.environments(shop.application, &cursor(Some(other), 10)).await.unwrap();
        let query = ReleaseQuery::default();
        shop.database.releases(shop.application, &query, &cursor(Some(other), 10)).await.unwrap();
    }
}
