//! What a script would take away is counted on the data store as it is, and nothing is changed.

use data_engine::Loss;
use serde_json::json;

use crate::support::mariadb::Base;
use crate::support::mongodb;

fn numbers(losses: &[Loss]) -> Vec<(&str, Option<u64>)> {
    losses.iter().map(|loss| (loss.object.as_str(), loss.rows)).collect()
}

#[tokio::test]
async fn rows_that_hold_more_than_the_default_are_counted_and_sampled() {
    let base = Base::new();
    base.execute(
        "CREATE TABLE users (id INT PRIMARY KEY, age INT, tier VARCHAR(9) NOT NULL DEFAULT 'free', name TEXT)",
    )
    .await;
    base.execute("CREATE TABLE roles (id INT PRIMARY KEY)").await;
    base.execute("INSERT INTO users VALUES (1, NULL, 'free', 'a'), (2, 30, 'FREE', 'b'), (3, 40, 'paid', 'c')").await;
    base.execute("INSERT INTO roles VALUES (1), (2)").await;
    let down = "ALTER TABLE users DROP COLUMN age, DROP COLUMN tier, DROP COLUMN missing; DROP TABLE roles; \
                DROP TABLE IF EXISTS gone; DELETE FROM users WHERE id = 1; ALTER TABLE users MODIFY name VARCHAR(1);";
    let before = base.state().await;
    let losses = base.jobs.engine.losses(down, 1).await.unwrap();
    let counted = [
        ("column users.age", Some(2)),
        // What a collation takes for equal is not the same.
        ("column users.tier", Some(2)),
        ("table roles", Some(2)),
        ("rows of users", None),
        ("values of users.name that its new type changes", None),
    ];
    assert_eq!(numbers(&losses), counted);
    assert_eq!(losses[0].samples, [json!({ "id": 2, "age": 30 })]);
    assert_eq!(base.state().await, before);
    assert!(base.jobs.engine.losses(down, 0).await.unwrap().iter().all(|loss| loss.samples.is_empty()));
}

#[tokio::test]
async fn documents_are_counted_by_what_an_operation_asks_for() {
    let base = mongodb::Base::new().await;
    base.insert("articles", json!([{ "_id": 1, "seen": 1 }, { "_id": 2 }, { "_id": 3, "old": true }])).await;
    base.insert("drafts", json!([{ "_id": 1 }])).await;
    let down = "db.articles.updateMany({}, { $unset: { seen: 1 } }); db.articles.deleteMany({ old: true }); \
                db.drafts.drop(); db.nothing.drop();";
    let losses = base.jobs.engine.losses(down, 1).await.unwrap();
    let counted = [
        ("field articles.seen", Some(1)),
        ("documents of articles", Some(1)),
        ("collection drafts", Some(1)),
        ("collection nothing", Some(0)),
    ];
    assert_eq!(numbers(&losses), counted);
    assert_eq!(losses[0].samples.len(), 1);
    assert_eq!(base.documents("articles").await.len(), 3);
}
