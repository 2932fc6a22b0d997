//! Jobs that end in one transaction end as they would have ended one by one.

use backout_store::{Enqueue, NewJob};
use domain::deployment::DeploymentKind;
use domain::ids::PreservationId;
use domain::job::{JobEvent, JobState};
use domain::plan::{ServiceAt, StepSpec};
use domain::step::StepEvent;
use saga::{Held, JobNote, Journal, Keeper, Preservation, StatementJournal, StepError};
use sentence::Sentence;
use sqlx::Row;

use crate::support::{Shop, new_job, two_steps};

/// What would end a literal, or change on its way, if anything could.
const TEXT: &str = "it's \"quoted\" \\' `; DROP TABLE jobs; -- \n\0 0x41 % _ ü € 😀 失败";

type End = (Held, JobEvent, JobNote);

fn failure(step: Option<u32>) -> JobNote {
    JobNote { step, error: Some(StepError::permanent(Sentence::verbatim(TEXT)).with_command(TEXT)) }
}

/// Starts two containers, whose images are recorded.
async fn services(shop: &Shop, version: &str) -> Vec<StepSpec> {
    let release = shop.release(version).await.id;
    let start = |host: &str, image_id: &str| StepSpec::StartService {
        at: ServiceAt { host: host.into(), service: "web".into(), container: "cms".into() },
        release,
        image: format!("cms:{version}'\\"),
        image_id: image_id.into(),
        config_sha256: String::new(),
        replaces: false,
    };
    vec![start("one", "sha256:1"), start("two'\\", "sha256:2")]
}

async fn claimed(shop: &Shop, kind: DeploymentKind, reason: &str, steps: Vec<StepSpec>) -> Held {
    let number = shop.count("SELECT COUNT(*) FROM environments").await;
    let environment = shop.add_environment(&format!("shard-{number:02}")).await;
    if kind == DeploymentKind::MaintenanceOff {
        sqlx::query("UPDATE environments SET maintenance_reason = 'moving', maintenance_job_id = id WHERE id = ?")
            .bind(environment.0)
            .execute(&shop.raw)
            .await
            .unwrap();
    }
    let plan = shop.plan(kind, "v1.0.0", steps).await;
    let new = NewJob { reason, ..new_job(environment, &plan) };
    assert_eq!(shop.database.enqueue(&new).await.unwrap(), Enqueue::Accepted);
    shop.claim().await
}

/// Jobs of every kind that are about to end, in every way in which a worker ends one.
async fn about_to_end(shop: &Shop) -> Vec<End> {
    use DeploymentKind::{Deploy, MaintenanceOff, MaintenanceOn, Rollback};
    let success = |held| (held, JobEvent::StepsFinished, JobNote::default());
    let mut ends = Vec::new();
    for (kind, reason) in [(Deploy, "new"), (Rollback, TEXT)] {
        let held = claimed(shop, kind, reason, services(shop, "v1.0.0").await).await;
        for (step, event) in
            [(0, StepEvent::Start), (0, StepEvent::Finish), (1, StepEvent::Start), (1, StepEvent::Finish)]
        {
            shop.step(&held, step, event).await;
        }
        ends.push(success(held));
    }
    let kept = Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: "table users".into(),
        keeper: Keeper::Table { table: "users".into(), keep_database: "k".into(), keep_table: "u".into() },
        rows: 5,
        checksum: "c".into(),
    };
    shop.database.keep(&ends[1].0, 1, &kept).await.unwrap();
    for (kind, reason) in [(MaintenanceOn, TEXT), (MaintenanceOn, ""), (MaintenanceOff, "")] {
        ends.push(success(claimed(shop, kind, reason, two_steps()).await));
    }
    let untouched = claimed(shop, Deploy, "", services(shop, "v1.0.0").await).await;
    ends.push((untouched, JobEvent::FailedUntouched, failure(Some(1))));
    for note in [JobNote::default(), failure(None)] {
        let undone = claimed(shop, Rollback, TEXT, services(shop, "v1.0.0").await).await;
        let begun = JobNote { step: Some(0), error: Some(StepError::permanent(Sentence::verbatim("why it began"))) };
        shop.database.job(&undone, JobEvent::UnwindBegun, begun).await.unwrap();
        ends.push((undone, JobEvent::UnwindFinished, note));
    }
    let retried = claimed(shop, MaintenanceOn, "again", two_steps()).await;
    sqlx::query("UPDATE jobs SET error = '{\"message\":\"before\"}' WHERE id = ?")
        .bind(retried.job.0)
        .execute(&shop.raw)
        .await
        .unwrap();
    ends.push(success(retried));
    ends
}

/// What the ends left, environment by environment, without ids and times.
async fn left(shop: &Shop) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT e.name, CAST(e.active_job_id IS NULL AS CHAR), CAST(e.current_deployment_id = d.id AS CHAR), \
               e.maintenance_reason, CAST(e.maintenance_job_id = j.id AS CHAR), j.state, j.error, \
               CAST(j.ended_at IS NOT NULL AS CHAR), d.result, CAST(d.ended_at IS NOT NULL AS CHAR), \
               (SELECT GROUP_CONCAT(CONCAT_WS('|', i.release_id = d.release_id, host, reference, image_id) ORDER BY host) \
                FROM deployment_images i WHERE i.deployment_id = d.id), \
               (SELECT GROUP_CONCAT(CONCAT_WS('|', seq, kind, COALESCE(step, '-'), data) ORDER BY seq) \
                FROM job_events WHERE job_id = j.id), \
               CAST(j.event_seq AS CHAR), CAST(j.recovery_ms IS NOT NULL AS CHAR), CAST(j.downtime_ms IS NOT NULL AS CHAR), \
               CAST(j.rows_preserved AS CHAR), CAST(j.rows_restored AS CHAR), CAST(j.backup_age_ms IS NOT NULL AS CHAR) \
               FROM environments e JOIN jobs j ON j.environment_id = e.id JOIN deployments d ON d.job_id = j.id \
               ORDER BY e.name";
    let rows = sqlx::query(sql).fetch_all(&shop.raw).await.unwrap();
    rows.iter().map(|row| (0..row.len()).map(|column| row.try_get(column).unwrap()).collect()).collect()
}

#[tokio::test]
async fn many_jobs_that_end_at_once_each_get_the_end_that_they_get_alone() {
    let (alone, together) = (Shop::open().await, Shop::open().await);
    let mut outcomes = Vec::new();
    for (held, event, note) in about_to_end(&alone).await {
        outcomes.push(alone.database.job(&held, event, note).await);
    }
    let ends = about_to_end(&together).await;
    let jobs: Vec<_> = ends.iter().map(|end| end.0.job).collect();
    // On one thread all of them ask before anybody works for them.
    let at_once = ends.into_iter().map(async |(held, event, note)| together.database.job(&held, event, note).await);
    assert_eq!(futures::future::join_all(at_once).await, outcomes);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(alone.count("SELECT COUNT(DISTINCT ended_at) FROM jobs").await, 9);
    assert_eq!(together.count("SELECT COUNT(DISTINCT ended_at) FROM jobs").await, 1, "in one transaction");

    let ended = left(&together).await;
    assert_eq!(ended, left(&alone).await);
    assert_eq!(ended[2][3].as_deref(), Some(TEXT), "the reason of the page, as it was given");
    assert_eq!(ended[3][3].as_deref(), Some(""));
    assert_eq!(ended[4][3], None, "the page is gone");
    assert_eq!(ended[1][10].as_deref(), Some("1|one|cms:v1.0.0'\\|sha256:1,1|two'\\|cms:v1.0.0'\\|sha256:2"));
    assert_eq!(ended[5][10], None, "nothing was started");
    let views = futures::future::join_all(jobs.iter().map(|job| together.database.job_view(*job))).await;
    let views: Vec<_> = views.into_iter().map(Result::unwrap).collect();
    assert_eq!(views[1].measurements.as_ref().unwrap().rows_preserved, 5);
    assert_eq!(views[5].state, JobState::Failed);
    let failed = views[5].error.clone().unwrap();
    assert_eq!(
        (failed.step, failed.message.to_string().as_str(), failed.hint.map(|hint| hint.to_string()).as_deref()),
        (Some(1), TEXT, Some(TEXT))
    );
    assert_eq!(views[6].error.as_ref().unwrap().message, "why it began");
    assert_eq!(views[7].error.as_ref().unwrap().message, TEXT);
    assert_eq!((views[8].state, &views[8].error), (JobState::Succeeded, &None));
    for job in jobs {
        together.assert_gapless(job).await;
    }
}
