//! Baselines and repairs: what they leave, and that no job runs beside them.

use std::time::Duration;

use backout_store::{Corrected, Mark, NewCorrection};
use domain::deployment::DeploymentKind;
use domain::ids::{CorrectionId, JobId, MigrationId};
use domain::ledger::{Direction, LedgerSource, LedgerTool, TargetLedger};
use saga::{LedgerRecord, StatementJournal};
use testkit::eventually;

use crate::support::{ACTOR, Shop, cursor};

fn mark(version: &str, direction: Direction) -> Mark {
    let up = direction == Direction::Up;
    Mark {
        migration: up.then(MigrationId::generate),
        version: version.into(),
        name: "users".into(),
        direction,
        script_sha256: up.then(|| "a".repeat(64)),
    }
}

impl Shop {
    async fn correct(
        &self,
        kind: LedgerSource,
        jobs_before: u64,
        accepted: Option<(&str, &[TargetLedger])>,
        marks: Vec<Mark>,
    ) -> Corrected {
        let new = NewCorrection {
            id: CorrectionId::generate(),
            environment: self.environment,
            subject: "cms-backend/production".into(),
            jobs_before,
            store: "main",
            kind,
            actor: ACTOR,
            reason: "it was here before",
            accepted,
            marks,
        };
        self.database.correct_ledger(&new).await.unwrap()
    }

    async fn left_as(&self) -> Option<String> {
        self.database.schema_record(self.environment, "main").await.unwrap().left_as
    }
}

#[tokio::test]
async fn a_baseline_leaves_rows_a_fingerprint_and_an_audit_row() {
    let shop = Shop::open().await;
    let flyway = [TargetLedger { tool: LedgerTool::Flyway, place: "f".into(), entries: vec![], lock: None }];
    let marks = vec![mark("001", Direction::Up), mark("002", Direction::Up)];
    assert_eq!(shop.correct(LedgerSource::Baseline, 0, Some(("as it is", &flyway)), marks).await, Corrected::Done);
    let ours = shop.database.our_ledger(shop.environment, "main").await.unwrap();
    assert!(ours.is_adopted);
    assert_eq!(ours.standings.iter().map(|row| row.version.as_str()).collect::<Vec<_>>(), ["001", "002"]);
    assert_eq!(shop.left_as().await.as_deref(), Some("as it is"));
    assert_eq!(shop.database.accepted_ledgers(shop.environment, "main").await.unwrap().unwrap(), flyway);
    let rows = shop.database.ledger(shop.environment, "main", &cursor(None, 10)).await.unwrap().items;
    let newest = &rows[0];
    assert_eq!((newest.source, newest.job, newest.actor.as_str()), (LedgerSource::Baseline, None, ACTOR));
    assert_eq!(shop.count("SELECT COUNT(*) FROM audit WHERE action = 'ledger.baseline'").await, 1);
    let other = shop.database.our_ledger(shop.environment, "content").await.unwrap();
    assert!(!other.is_adopted && other.standings.is_empty());
    // It is the first of a data store.
    assert_eq!(shop.correct(LedgerSource::Baseline, 0, None, vec![]).await, Corrected::NotEmpty);
}

#[tokio::test]
async fn what_holds_of_the_schema_is_what_was_said_or_run_last() {
    let shop = Shop::open().await;
    assert_eq!(shop.left_as().await, None);
    assert_eq!(shop.correct(LedgerSource::Repair, 0, Some(("by hand", &[])), vec![]).await, Corrected::Done);
    assert_eq!(shop.left_as().await.as_deref(), Some("by hand"));
    let held = shop.claimed().await;
    let record = LedgerRecord {
        store: "main".into(),
        migration: MigrationId::generate(),
        version: "001".into(),
        name: "users".into(),
        direction: Direction::Up,
        script_sha256: "a".repeat(64),
        fingerprint_before: "by hand".into(),
        fingerprint_after: "by the job".into(),
    };
    shop.database.record_ledger(&held, 0, &record).await.unwrap();
    assert_eq!(shop.left_as().await.as_deref(), Some("by the job"));
    shop.execute("UPDATE environments SET active_job_id = NULL").await;
    // Marking migrations says nothing of the schema.
    let marks = vec![mark("001", Direction::Down)];
    assert_eq!(shop.correct(LedgerSource::Repair, 1, None, marks).await, Corrected::Done);
    assert_eq!(shop.left_as().await.as_deref(), Some("by the job"));
    assert_eq!(shop.correct(LedgerSource::Repair, 1, Some(("again", &[])), vec![]).await, Corrected::Done);
    assert_eq!(shop.left_as().await.as_deref(), Some("again"));
    let up = shop.database.applied_up(&held, "main", "001").await.unwrap().unwrap();
    assert_eq!(up.fingerprint_after.as_deref(), Some("by the job"));
}

#[tokio::test]
async fn nothing_is_corrected_where_a_job_came_in_between() {
    let shop = Shop::open().await;
    let before = shop.database.job_count(shop.environment).await.unwrap();
    let job = shop.enqueue(DeploymentKind::Deploy, "v1.0.0", vec![]).await;
    let refused = shop.correct(LedgerSource::Repair, before, Some(("x", &[])), vec![]).await;
    assert_eq!(refused, Corrected::Locked(job));
    shop.execute("UPDATE environments SET active_job_id = NULL").await;
    let refused = shop.correct(LedgerSource::Repair, before, Some(("x", &[])), vec![]).await;
    assert_eq!(refused, Corrected::JobsSince);
    assert_eq!(shop.count("SELECT COUNT(*) FROM ledger_corrections").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_waits_for_whoever_is_accepting_a_job() {
    let shop = Shop::open().await;
    let holder = JobId::generate();
    let mut accepting = shop.raw.begin().await.unwrap();
    sqlx::query("UPDATE environments SET active_job_id = ?").bind(holder.0).execute(&mut *accepting).await.unwrap();
    let waits = async {
        eventually(Duration::from_secs(30), || async {
            let waiting = "SELECT COUNT(*) FROM information_schema.INNODB_TRX \
                WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE 'SELECT active_job_id FROM environments%'";
            shop.count(waiting).await > 0
        })
        .await
        .unwrap();
        accepting.commit().await.unwrap();
    };
    let correct = shop.correct(LedgerSource::Repair, 0, Some(("x", &[])), vec![]);
    let (corrected, ()) = tokio::join!(correct, waits);
    assert_eq!(corrected, Corrected::Locked(holder));
}
