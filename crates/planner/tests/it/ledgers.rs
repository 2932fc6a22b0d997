//! Databases that other tools migrated are adopted, changes by hand are accepted, and plans follow.

use std::time::Duration;

use control::{Caller, Error};
use domain::finding::{Code, Severity};
use domain::ids::TokenId;
use domain::ledger::{Direction, DriftKind, LedgerSource};
use domain::view::{BaselineRequest, DriftView, RepairRequest};
use serde_json::json;

use crate::support::{APP, ENV, Shop, found, refusal, schema};

const USERS: (&str, &str, &str) = ("001", "CREATE TABLE users (id INT PRIMARY KEY);", "DROP TABLE users;");
const AGE: (&str, &str, &str) = ("002", "ALTER TABLE users ADD COLUMN age INT;", "ALTER TABLE users DROP COLUMN age;");
const NICK: (&str, &str, &str) =
    ("003", "ALTER TABLE users ADD COLUMN nick INT;", "ALTER TABLE users DROP COLUMN nick;");
const FLYWAY: &str = "CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), \
    description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INT, \
    installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
    execution_time INT NOT NULL, success BOOL NOT NULL)";

/// v1, v2 and v3 with a migration more each.
async fn shop() -> Shop {
    let shop = Shop::new().await;
    for (version, migrations) in [("v1.0.0", &[USERS][..]), ("v2.0.0", &[USERS, AGE]), ("v3.0.0", &[USERS, AGE, NICK])]
    {
        shop.register(version, json!({ "main": schema("mariadb", migrations) })).await;
    }
    shop
}

impl Shop {
    async fn drift(&self) -> DriftView {
        self.control.get_drift(&self.caller, APP, ENV, "main").await.unwrap()
    }

    async fn baseline(&self, release: &str, through: Option<&str>) -> Result<DriftView, Error> {
        let request = BaselineRequest {
            release: release.into(),
            through: through.map(str::to_owned),
            reason: "it was here before".into(),
            confirm: None,
        };
        self.control.record_baseline(&self.caller, APP, ENV, "main", request).await
    }

    async fn repair(&self, request: RepairRequest) -> Result<DriftView, Error> {
        let request = RepairRequest { reason: "an index for the night".into(), ..request };
        self.control.repair_ledger(&self.caller, APP, ENV, "main", request).await
    }

    fn flyway(&self, rank: u32, checksum: i32) {
        self.execute(&format!(
            "INSERT INTO flyway_schema_history VALUES ({rank}, '{rank}', 'a', 'SQL', 'V{rank}__a.sql', {checksum}, 'root', NOW(), 1, 1)"
        ));
    }
}

fn accept() -> RepairRequest {
    RepairRequest { accept_schema: true, ..RepairRequest::default() }
}

fn kinds(view: &DriftView) -> Vec<(DriftKind, Option<&str>)> {
    let differences = view.drift.iter().filter(|drift| drift.is_difference());
    differences.map(|drift| (drift.kind, drift.version.as_deref())).collect()
}

fn slug<T>(refused: Result<T, Error>) -> &'static str {
    refused.err().unwrap().problem.slug()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_flyway_migrated_is_planned_for_once_a_baseline_is_recorded() {
    let shop = shop().await;
    shop.execute("CREATE TABLE users (id INT PRIMARY KEY, age INT)");
    shop.execute(FLYWAY);
    shop.flyway(1, 11);
    shop.flyway(2, 22);
    let plan = shop.plan("v3.0.0").await;
    let [unreadable] = found(&plan, Code::LedgerUnreadable)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!(unreadable.severity, Severity::Blocker);
    let reason = unreadable.params["reason"].to_string();
    assert!(reason.contains("flyway_schema_history") && reason.contains("backout baseline"), "{reason}");

    assert_eq!(slug(shop.baseline("v3.0.0", Some("009")).await), "invalid-field");
    let view = shop.baseline("v3.0.0", Some("002")).await.unwrap();
    assert_eq!(kinds(&view), []);
    assert_eq!(view.correction.unwrap().kind, LedgerSource::Baseline);
    assert_eq!(slug(shop.baseline("v3.0.0", None).await), "already-exists");

    let worker = shop.work().await;
    shop.deploy("v3.0.0").await;
    shop.execute("SELECT nick FROM users");
    let view = shop.drift().await;
    assert_eq!(kinds(&view), []);
    // No second ledger was begun beside Flyway's.
    assert_eq!(view.ledgers.len(), 1);
    shop.roll_back("v1.0.0").await;
    assert_eq!(kinds(&shop.drift().await), []);
    shop.deploy("v3.0.0").await;

    shop.flyway(4, 44);
    shop.execute("UPDATE flyway_schema_history SET checksum = 12 WHERE version = '1'");
    shop.execute("DELETE FROM flyway_schema_history WHERE version = '2'");
    let view = shop.drift().await;
    let expected = [(DriftKind::Missing, Some("2")), (DriftKind::Extra, Some("4")), (DriftKind::Edited, Some("1"))];
    assert_eq!(kinds(&view), expected);
    assert_eq!(kinds(&shop.repair(accept()).await.unwrap()), []);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_migrate_mongo_migrated_is_adopted_too() {
    let shop = Shop::new().await;
    let articles = ("001", "db.createCollection('articles');", "db.articles.drop();");
    let media = ("002", "db.createCollection('media');", "db.media.drop();");
    shop.register("v1.0.0", json!({ "content": schema("mongodb", &[articles]) })).await;
    shop.register("v2.0.0", json!({ "content": schema("mongodb", &[articles, media]) })).await;
    let mongo = shop.mongo().await;
    let file = json!({ "fileName": "001-articles.js", "appliedAt": { "$date": "2026-01-01T00:00:00Z" } });
    for command in [json!({ "create": "articles" }), json!({ "insert": "changelog", "documents": [file] })] {
        mongo.run(&command, None, None, Duration::from_secs(10)).await.unwrap();
    }
    assert_eq!(found(&shop.plan("v2.0.0").await, Code::LedgerUnreadable).len(), 1);
    let request =
        BaselineRequest { release: "v1.0.0".into(), reason: "here before".into(), ..BaselineRequest::default() };
    shop.control.record_baseline(&shop.caller, APP, ENV, "content", request).await.unwrap();
    let worker = shop.work().await;
    shop.deploy("v2.0.0").await;
    assert_eq!(mongo.collections().await.unwrap(), ["articles", "changelog", "media"]);
    let view = shop.control.get_drift(&shop.caller, APP, ENV, "content").await.unwrap();
    assert_eq!(kinds(&view), []);
    shop.roll_back("v1.0.0").await;
    assert_eq!(shop.plan("v2.0.0").await.findings.iter().filter(|one| one.severity == Severity::Blocker).count(), 0);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_any_ledger_is_adopted() {
    let shop = shop().await;
    shop.execute("CREATE TABLE users (id INT PRIMARY KEY)");
    shop.baseline("v1.0.0", None).await.unwrap();
    let worker = shop.work().await;
    shop.deploy("v1.0.0").await;
    let job = shop.deploy("v2.0.0").await;
    assert_eq!(job.steps.iter().filter(|step| step.name == "migrate_up").count(), 1);
    assert_eq!(kinds(&shop.drift().await), []);
    shop.roll_back("v1.0.0").await;
    // Also what no job applied is taken back; what it was before is not known, so that nothing is compared.
    shop.register("v0.9.0", json!({ "main": { "engine": "mariadb", "migrations": [] } })).await;
    shop.roll_back("v0.9.0").await;
    assert_eq!(kinds(&shop.drift().await), []);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_that_is_accepted_blocks_nothing_any_more() {
    let shop = shop().await;
    let worker = shop.work().await;
    shop.deploy("v1.0.0").await;
    shop.execute("ALTER TABLE users ADD COLUMN by_hand INT");
    assert_eq!(found(&shop.plan("v2.0.0").await, Code::SchemaDrifted).len(), 1);
    let view = shop.drift().await;
    assert_eq!(kinds(&view), [(DriftKind::SchemaChanged, None)]);
    shop.execute("ALTER TABLE users ADD COLUMN another INT");
    let stale = RepairRequest { expected_fingerprint: view.fingerprint, ..accept() };
    assert_eq!(slug(shop.repair(stale).await), "current-mismatch");
    let shown = RepairRequest { expected_fingerprint: shop.drift().await.fingerprint, ..accept() };
    let view = shop.repair(shown).await.unwrap();
    assert_eq!(kinds(&view), []);
    assert_eq!(view.correction.unwrap().reason, "an index for the night");
    assert_eq!(found(&shop.plan("v2.0.0").await, Code::SchemaDrifted).len(), 0);
    shop.deploy("v2.0.0").await;
    shop.roll_back("v1.0.0").await;
    assert_eq!(kinds(&shop.drift().await), []);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_follow_what_a_person_says_about_migrations() {
    let shop = shop().await;
    let worker = shop.work().await;
    shop.deploy("v2.0.0").await;
    // Applied by hand, and taken back by hand.
    shop.execute("ALTER TABLE users ADD COLUMN nick INT");
    shop.execute("ALTER TABLE users DROP COLUMN age");
    shop.execute("DELETE FROM schema_migrations WHERE version = '002'");
    let view = shop.drift().await;
    assert_eq!(kinds(&view), [(DriftKind::Missing, Some("002")), (DriftKind::SchemaChanged, None)]);
    let repair = RepairRequest {
        applied: vec!["003".into()],
        not_applied: vec!["002".into()],
        release: Some("v3.0.0".into()),
        ..accept()
    };
    assert_eq!(kinds(&shop.repair(repair).await.unwrap()), []);
    // A hole: 002 is older than what is applied.
    assert_eq!(found(&shop.plan("v3.0.0").await, Code::MigrationHole).len(), 1);
    let page = control::PageRequest::default();
    let rows = shop.control.get_ledger(&shop.caller, APP, ENV, "main", page).await.unwrap().rows;
    let said: Vec<_> = rows.iter().take(2).map(|row| (row.version.as_str(), row.direction, row.source)).collect();
    assert_eq!(said, [("002", Direction::Down, LedgerSource::Repair), ("003", Direction::Up, LedgerSource::Repair)]);
    assert_eq!((rows[0].actor.as_str(), rows[0].reason.as_str(), rows[0].job), ("ada", "an index for the night", None));

    let repair = RepairRequest { applied: vec!["002".into()], ..RepairRequest::default() };
    shop.repair(repair).await.unwrap();
    let plan = shop.plan("v3.0.0").await;
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    shop.deploy("v3.0.0").await;
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_is_not_corrected_while_a_job_holds_the_environment() {
    let shop = shop().await;
    let job = shop.start("v1.0.0").await.unwrap();
    assert_eq!(slug(shop.baseline("v1.0.0", None).await), "environment-locked");
    let refused = shop.repair(accept()).await.unwrap_err();
    assert_eq!((refused.problem.slug(), refused.lock_holder), ("environment-locked", Some(job.id)));
    assert_eq!(shop.drift().await.correction, None);
    assert_eq!(refusal(shop.start("v2.0.0").await), "environment-locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_environment_asks_for_its_name_and_every_environment_for_a_reason() {
    let shop = Shop::with(|spec| spec["protection"] = json!({ "typed_confirmation": true })).await;
    shop.register("v1.0.0", json!({ "main": schema("mariadb", &[USERS]) })).await;
    assert_eq!(slug(shop.baseline("v1.0.0", None).await), "confirmation-required");
    let repair = RepairRequest { confirm: Some(ENV.into()), ..accept() };
    shop.repair(repair).await.unwrap();

    let open = self::shop().await;
    let silent = open.control.repair_ledger(&open.caller, APP, ENV, "main", accept()).await;
    assert_eq!(slug(silent), "invalid-field");
    assert_eq!(slug(open.repair(RepairRequest::default()).await), "invalid-field");
    let unknown = RepairRequest { applied: vec!["777".into()], ..RepairRequest::default() };
    assert_eq!(slug(open.repair(unknown).await), "invalid-field");
    let endless =
        RepairRequest { not_applied: (0..1_001).map(|n| n.to_string()).collect(), ..RepairRequest::default() };
    assert_eq!(slug(open.repair(endless).await), "invalid-field");
    let reader = Caller { token: TokenId::generate(), permissions: vec!["read".into()], ..open.caller.clone() };
    assert_eq!(slug(open.control.repair_ledger(&reader, APP, ENV, "main", accept()).await), "forbidden");
}
