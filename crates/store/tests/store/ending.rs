//! What hangs on the end of a job: deployment, environment, measurements.

use backout_store::{DeploymentQuery, NewBackup};
use chrono::Utc;
use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::environment::Engine;
use domain::ids::{BackupId, DeploymentId, PreservationId};
use domain::job::{JobEvent, JobState};
use domain::plan::{ServiceAt, StepSpec};
use domain::step::StepEvent;
use saga::{JobNote, Journal, Keeper, Preservation, StatementJournal, StepError};
use sentence::Sentence;

use crate::support::{APPLICATION, ENVIRONMENT, Shop, cursor, two_steps};

fn web() -> ServiceAt {
    ServiceAt { host: "local".into(), service: "web".into(), container: "cms".into() }
}

/// Backup, stop, migrate, start, health, verify: all that measurements are made of.
async fn rollback_steps(shop: &Shop) -> Vec<StepSpec> {
    let release = shop.release("v1.0.0").await;
    vec![
        StepSpec::Backup { store: "main".into(), engine: Engine::MariaDb, anew: false },
        StepSpec::StopService { at: web() },
        StepSpec::MigrateDown { store: "main".into(), engine: Engine::MariaDb, migrations: vec![] },
        StepSpec::StartService {
            at: web(),
            release: release.id,
            image: "cms:v1.0.0".into(),
            image_id: "sha256:1".into(),
            config_sha256: String::new(),
            replaces: false,
        },
        StepSpec::CheckHealth { at: web(), port: 80, path: "/health".into(), deadline_seconds: 1 },
        StepSpec::Verify { version: release.version, from_deployment: None },
    ]
}

fn preserved(rows: u64) -> Preservation {
    Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: "table users".into(),
        keeper: Keeper::Table { table: "users".into(), keep_database: "k".into(), keep_table: "u".into() },
        rows,
        checksum: "c".into(),
    }
}

#[tokio::test]
async fn a_job_that_succeeded_makes_its_release_current_and_frees_the_environment() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    shop.finish(&held).await;
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    let deployments = shop
        .database
        .deployments(shop.environment, &DeploymentQuery::default(), &cursor(None, 10))
        .await
        .unwrap()
        .items;
    assert_eq!((environment.active_job, environment.current), (None, Some(deployments[0].id)));
    assert_eq!(deployments[0].result, DeploymentResult::Succeeded);
    assert!(deployments[0].ended_at.is_some());
    let (release, kind, since) = shop.database.deployment_release(deployments[0].id).await.unwrap();
    assert_eq!((release, kind), (shop.release("v1.0.0").await.id, DeploymentKind::Deploy));
    assert_eq!(Some(since), deployments[0].ended_at);
    let missing = shop.database.deployment_release(DeploymentId::generate()).await;
    assert!(matches!(missing, Err(backout_store::Error::Missing("deployment"))));
}

#[tokio::test]
async fn a_job_that_was_undone_leaves_what_ran_before() {
    let shop = Shop::open().await;
    let before = shop.change(DeploymentKind::Deploy, "v1.0.0").await;
    shop.enqueue(DeploymentKind::Deploy, "v2.0.0", two_steps()).await;
    let held = shop.claim().await;
    shop.step(&held, 0, StepEvent::Start).await;
    let note = JobNote {
        step: Some(0),
        error: Some(StepError::permanent(Sentence::verbatim("no such host")).with_command("look")),
    };
    shop.database.job(&held, JobEvent::UnwindBegun, note).await.unwrap();
    assert_eq!(shop.job(&held, JobEvent::UnwindFinished).await, JobState::Undone);
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    assert_eq!((environment.active_job, environment.current), (None, Some(before)));
    let job = shop.database.job_view(held.job).await.unwrap();
    let error = job.error.unwrap();
    assert_eq!(
        (error.step, error.message.to_string().as_str(), error.hint.map(|hint| hint.to_string()).as_deref()),
        (Some(0), "no such host", Some("look"))
    );
    assert!(job.ended_at.is_some() && job.measurements.is_some());
    let deployments = shop
        .database
        .deployments(shop.environment, &DeploymentQuery::default(), &cursor(None, 10))
        .await
        .unwrap()
        .items;
    assert_eq!(deployments[0].result, DeploymentResult::Failed);
}

#[tokio::test]
async fn a_rollback_measures_itself() {
    let shop = Shop::open().await;
    let steps = rollback_steps(&shop).await;
    let job = shop.enqueue(DeploymentKind::Rollback, "v1.0.0", steps).await;
    let held = shop.claim().await;
    let backup = NewBackup {
        id: BackupId::generate(),
        store: "main".into(),
        engine: Engine::MariaDb,
        path: "/backups/1".into(),
        bytes: 1 << 40,
        sha256: "e".repeat(64),
        begun_at: Utc::now(),
    };
    for _ in 0..2 {
        shop.database.record_backup(&held, 0, &backup).await.unwrap();
    }
    let (first, second) = (preserved(5), preserved(7));
    shop.database.keep(&held, 2, &first).await.unwrap();
    shop.database.keep(&held, 2, &second).await.unwrap();
    shop.database.restored(&held, second.id).await.unwrap();
    shop.finish(&held).await;

    let measured = shop.database.job_view(job).await.unwrap().measurements.unwrap();
    assert_eq!((measured.rows_preserved, measured.rows_restored), (12, 7));
    let (recovery, downtime) = (measured.recovery_ms.unwrap(), measured.downtime_ms.unwrap());
    assert!(downtime <= recovery, "{measured:?}");
    let since = "SELECT TIMESTAMPDIFF(MICROSECOND, \
                 (SELECT started_at FROM job_steps WHERE name = 'stop_service'), \
                 (SELECT finished_at FROM job_steps WHERE name = 'check_health')) DIV 1000";
    assert_eq!(shop.count(since).await.unsigned_abs(), downtime);
    let since = "SELECT TIMESTAMPDIFF(MICROSECOND, (SELECT begun_at FROM backups), \
                 (SELECT started_at FROM job_steps WHERE name = 'migrate_down')) DIV 1000";
    assert_eq!(shop.count(since).await.unsigned_abs(), measured.backup_age_ms.unwrap());

    let view = shop.database.backup(shop.environment, backup.id).await.unwrap();
    assert_eq!((view.store.as_str(), view.engine, view.path.as_str()), ("main", Engine::MariaDb, "/backups/1"));
    assert_eq!((view.bytes, view.sha256, view.job), (1 << 40, backup.sha256, job));

    let release = shop.release("v1.0.0").await.id;
    let images = shop.database.known_images(shop.environment, release).await.unwrap();
    assert_eq!(images[&("local".to_owned(), "cms:v1.0.0".to_owned())], "sha256:1");
    let durations = shop.database.step_durations(shop.environment).await.unwrap();
    assert_eq!(durations.len(), 6);
    assert!(durations.contains_key("migrate_down"));
}

#[tokio::test]
async fn a_job_that_touched_nothing_measures_nothing() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    assert_eq!(shop.job(&held, JobEvent::FailedUntouched).await, JobState::Failed);
    let measured = shop.database.job_view(held.job).await.unwrap().measurements.unwrap();
    assert_eq!(measured, domain::view::Measurements::default());
}
