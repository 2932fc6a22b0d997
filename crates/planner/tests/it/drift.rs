//! A schema that somebody else changed is noticed, and one that only we changed is never taken for it.

use std::time::Duration;

use domain::finding::{Code, Severity};
use domain::job::JobState;
use domain::step::StepState;
use domain::view::JobView;
use serde_json::json;

use crate::support::{Shop, found, refusal, schema};

const USERS: (&str, &str, &str) =
    ("001", "CREATE TABLE users (id INT PRIMARY KEY, nick VARCHAR(20), mail VARCHAR(40));", "DROP TABLE users;");
const AGE: (&str, &str, &str) =
    ("002", "ALTER TABLE users ADD COLUMN age INT AFTER id;", "ALTER TABLE users DROP COLUMN age;");
/// Taken back, `nick` is the last column.
const NICK: &str = "ALTER TABLE users DROP COLUMN nick;";
const NICK_BACK: &str = "ALTER TABLE users ADD COLUMN nick VARCHAR(20);";
/// Two users have the same.
const REFUSED: &str = "ALTER TABLE users ADD UNIQUE KEY one_mail (mail);";
const REFUSED_BACK: &str = "ALTER TABLE users DROP INDEX one_mail;";
const ARTICLES: (&str, &str, &str) = (
    "001",
    "db.createCollection('articles'); db.articles.createIndex({ title: 1 });",
    "db.articles.dropIndex('title_1'); db.articles.drop();",
);
const MEDIA: (&str, &str, &str) = ("002", "db.createCollection('media');", "db.media.drop();");
const SLUG: (&str, &str, &str) = ("003", "db.media.createIndex({ slug: 1 });", "db.media.dropIndex('slug_1');");

/// v1 and v2, and three that fail in their last script of `main` as long as two users have the same address.
async fn shop() -> Shop {
    let shop = Shop::new().await;
    shop.register("v1.0.0", json!({ "main": schema("mariadb", &[USERS]), "content": schema("mongodb", &[ARTICLES]) }))
        .await;
    let content = schema("mongodb", &[ARTICLES, MEDIA]);
    shop.register("v2.0.0", json!({ "main": schema("mariadb", &[USERS, AGE]), "content": content })).await;
    // Broken off within a script, which leaves no row in our ledger.
    let (up, down) = (format!("{NICK}\n{REFUSED}"), format!("{REFUSED_BACK}\n{NICK_BACK}"));
    let within = schema("mariadb", &[USERS, AGE, ("003", &up, &down)]);
    let content = schema("mongodb", &[ARTICLES, MEDIA, SLUG]);
    shop.register("v3.0.0", json!({ "main": within, "content": content })).await;
    // Broken off behind a whole script, which is taken back with a row of its own.
    let behind = schema("mariadb", &[USERS, AGE, ("003", NICK, NICK_BACK), ("004", REFUSED, REFUSED_BACK)]);
    shop.register("v3.1.0", json!({ "main": behind, "content": content })).await;
    // Broken off behind downs of both data stores.
    let aside = schema("mariadb", &[USERS, ("003", REFUSED, REFUSED_BACK)]);
    shop.register("v1.1.0", json!({ "main": aside, "content": schema("mongodb", &[ARTICLES]) })).await;
    shop
}

async fn assert_no_drift(shop: &Shop, when: &str) {
    for version in ["v1.0.0", "v3.0.0"] {
        let plan = if version == "v1.0.0" { shop.plan_back(version).await } else { shop.plan(version).await };
        assert!(found(&plan, Code::SchemaDrifted).is_empty(), "{when}: {:?}", plan.findings);
    }
}

fn assert_undone_by_the_refused(job: &JobView) {
    assert_eq!(job.state, JobState::Undone, "{:?}", job.error);
    let why = job.error.as_ref().unwrap().message.to_string();
    assert!(why.contains("Duplicate entry"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_jobs_leave_is_never_taken_for_a_change_by_hand() {
    let shop = shop().await;
    let worker = shop.work().await;
    shop.deploy("v1.0.0").await;
    assert_no_drift(&shop, "deployed").await;
    shop.deploy("v2.0.0").await;
    assert_no_drift(&shop, "deployed again").await;
    shop.roll_back("v1.0.0").await;
    assert!(found(&shop.plan("v2.0.0").await, Code::SchemaDrifted).is_empty(), "rolled back");
    shop.deploy("v2.0.0").await;
    assert_no_drift(&shop, "forward again").await;
    shop.execute("INSERT INTO users (id, mail) VALUES (1, 'a@b'), (2, 'a@b')");
    let job = shop.rested(&shop.start_back("v1.1.0").await.unwrap()).await;
    assert_undone_by_the_refused(&job);
    let downs = job.steps.iter().filter(|step| step.name == "migrate_down");
    assert_eq!(downs.map(|step| step.state).collect::<Vec<_>>(), [StepState::Undone; 2]);
    assert_no_drift(&shop, "a rollback that was unwound").await;
    for version in ["v3.0.0", "v3.1.0"] {
        assert_undone_by_the_refused(&shop.rested(&shop.start(version).await.unwrap()).await);
        assert_no_drift(&shop, version).await;
    }
    shop.execute("DELETE FROM users WHERE id = 2");
    shop.deploy("v3.1.0").await;
    assert_no_drift(&shop, "forward in the end").await;
    // `nick` is where the unwinding left it, and not where it was when 002 was applied.
    shop.roll_back("v1.0.0").await;
    assert!(found(&shop.plan("v3.1.0").await, Code::SchemaDrifted).is_empty(), "and back");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_blocks_migrations_until_it_is_undone() {
    let shop = shop().await;
    let worker = shop.work().await;
    shop.deploy("v1.0.0").await;
    shop.execute("ALTER TABLE users ADD COLUMN by_hand INT");
    let plan = shop.plan("v2.0.0").await;
    let [drift] = found(&plan, Code::SchemaDrifted)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!((drift.severity, drift.params["store"].to_string().as_str()), (Severity::Blocker, "main"));
    assert_eq!(refusal(shop.start("v2.0.0").await), "plan-blocked");

    shop.execute("ALTER TABLE users DROP COLUMN by_hand");
    // An application makes collections by writing to them.
    let create = json!({ "create": "sessions" });
    shop.mongo().await.run(&create, None, None, Duration::from_secs(10)).await.unwrap();
    let plan = shop.plan("v2.0.0").await;
    let [drift] = found(&plan, Code::SchemaDrifted)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!((drift.severity, drift.params["store"].to_string().as_str()), (Severity::Warning, "content"));
    shop.deploy("v2.0.0").await;

    // A down is not blamed for what it does not touch.
    let index = json!({ "createIndexes": "articles", "indexes": [{ "key": { "by": 1 }, "name": "by_hand" }] });
    shop.mongo().await.run(&index, None, None, Duration::from_secs(10)).await.unwrap();
    let plan = shop.plan_back("v1.0.0").await;
    assert_eq!(found(&plan, Code::SchemaDrifted)[0].severity, Severity::Warning);
    shop.roll_back("v1.0.0").await;
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_changes_between_plan_and_start_ends_the_job_before_anything_is_touched() {
    let shop = shop().await;
    let job = shop.start("v2.0.0").await.unwrap();
    shop.execute("CREATE TABLE in_between (id INT PRIMARY KEY)");
    let worker = shop.work().await;
    let job = shop.rested(&job).await;
    assert_eq!(job.state, JobState::Failed);
    let why = job.error.unwrap().message.to_string();
    assert!(why.contains("the schema of main is"), "{why}");
    worker.shutdown(Duration::from_secs(5)).await;
}
