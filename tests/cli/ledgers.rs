//! A schema that was changed by hand: shown, told by the doctor, and accepted with a reason.

use testkit::World;

use super::desk::{Desk, State};
use crate::support::{Scene, shared_backout};

#[tokio::test]
async fn a_change_by_hand_is_shown_and_accepted_with_a_reason() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    desk.says(&["drift"], 0, &["main (mariadb", "schema_migrations", "content (mongodb"]);
    let by_hand = format!("ALTER TABLE `{}`.users ADD INDEX by_hand (id)", scene.site.database());
    World::shared().await.mariadb.execute(&by_hand).unwrap();

    desk.says(&["drift"], 1, &["schema differs", "the schema is"]);
    let views = desk.json(&["drift"], 1);
    let main = views.as_array().unwrap().iter().find(|view| view["store"]["name"] == "main").unwrap();
    assert!(main["drift"].as_array().unwrap().iter().any(|one| one["kind"] == "schema_changed"), "{main:#}");
    desk.says(&["doctor"], 1, &["differs from our ledger", "backout drift"]);
    desk.says(&["drift", "--lang", "zh-CN"], 1, &["结构不一致", "数据结构现为"]);

    let before = State::of(&scene).await;
    let accept = ["repair", "main", "--accept-schema", "--reason", "ticket 4711"];
    // There is nobody to ask, and no --yes.
    desk.says(&accept, 3, &["main (mariadb", "schema differs"]);
    desk.says(
        &["baseline", "main", "--release", "v0.8.2", "--reason", "new", "--yes"],
        3,
        &["a baseline is the first"],
    );
    desk.says(&["drift"], 1, &[]);
    desk.says(&[&accept[..], &["--yes"]].concat(), 0, &["Recorded for main", "Last repair by admin", "ticket 4711"]);
    desk.says(&["drift"], 0, &["Last repair by admin"]);
    desk.says(&["doctor"], 0, &[]);
    assert_eq!(State::of(&scene).await, before);
    // And the way back takes the schema with it.
    desk.says(&["rollback", "--yes", "--reason", "script"], 0, &[]);
    desk.says(&["drift"], 0, &[]);
}
