//! What a rollback takes away, in numbers, and samples of it for those who may see data.

use super::desk::Desk;
use crate::support::{Scene, shared_backout};

#[tokio::test]
async fn a_plan_counts_what_the_target_will_not_know_and_samples_need_a_permission() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let plan = desk.json(&["plan"], 0);
    let losses = plan["losses"].as_array().unwrap();
    let of = |object: &str| losses.iter().find(|loss| loss["object"] == object).map(|loss| loss["rows"].clone());
    // The second factor of one user is on.
    assert_eq!(of("column users.two_factor_secret"), Some(1.into()), "{losses:#?}");
    desk.says(&["plan"], 0, &["What the target will not know", "column users.two_factor_secret"]);

    let sampled = desk.json(&["plan", "--samples"], 0);
    let sampled = sampled.as_array().unwrap().iter().find(|loss| loss["object"] == "column users.two_factor_secret");
    let secret = sampled.unwrap()["samples"][0]["two_factor_secret"].as_str().unwrap().to_owned();
    desk.says(&["plan", "--samples"], 0, &["main: column users.two_factor_secret, 1", &secret]);
    assert!(!desk.json(&["plan"], 0).to_string().contains(&secret), "plans are kept, and read by more people");

    let created = desk.json(&["token", "create", "reader", "--permission", "read"], 0);
    let reader = created["secret"].as_str().unwrap().to_owned();
    let refused = desk.run_with(&["plan", "--samples"], &[("BACKOUT_TOKEN", &reader)]);
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(refused.to_string().contains("data.read"), "{refused}");
}
