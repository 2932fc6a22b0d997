//! A person at a terminal, who is asked before anything changes.

use super::desk::{Desk, State, deployments, in_order};
use super::unprotected;
use crate::support::{Scene, shared_backout};

#[tokio::test]
async fn pressing_enter_alone_declines_and_y_goes_on() {
    let scene = unprotected().await;
    scene.settle_on_v082().await.unwrap();
    let desk = Desk { backout: shared_backout().await, app: &scene.app };
    let before = State::of(&scene).await;
    let back = format!("backout rollback --app {}", scene.app);

    // The last is a terminal that was closed.
    for answer in ["\n", "n\n", "production\n", ""] {
        let said = desk.types(&back, answer);
        assert_eq!(said.code, Some(3), "{answer:?}\n{said}");
        let question = "Change production as shown? [y/N]";
        in_order(
            &said.stdout,
            &["v0.8.2 → v0.8.1", "Digest of this plan", question, "Cancelled; nothing was changed."],
        );
        assert_eq!(State::of(&scene).await, before, "{answer:?}");
    }

    let said = desk.types(&back, "y\n");
    assert_eq!(said.code, Some(0), "{said}");
    in_order(
        &said.stdout,
        &["[y/N]", "Verify: finished", "production is back on v0.8.1.", "This undoes it: backout deploy"],
    );
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");

    let forward = format!("backout deploy v0.8.2 --lang zh-CN --app {}", scene.app);
    for (answer, code, end) in [("否\n", 3, "已取消，未做任何改动。"), ("是\n", 0, "环境 production 正在运行 v0.8.2。")]
    {
        let said = desk.types(&forward, answer);
        assert_eq!(said.code, Some(code), "{answer:?}\n{said}");
        in_order(&said.stdout, &["v0.8.1 → v0.8.2", "按以上计划变更环境 production？[y/N]", end]);
    }
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}

#[tokio::test]
async fn a_protected_environment_wants_a_reason_and_its_name() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let before = State::of(&scene).await;
    let back = format!("backout rollback --app {}", scene.app);

    for (line, answers, end) in [
        (back.clone(), "five hundreds\nstaging\n", "Cancelled; nothing was changed."),
        (back.clone(), "five hundreds\n\n", "Cancelled; nothing was changed."),
        (back.clone(), "five hundreds\ny\n", "Cancelled; nothing was changed."),
        (format!("{back} --reason 'five hundreds'"), "Production\n", "Cancelled; nothing was changed."),
    ] {
        let said = desk.types(&line, answers);
        assert_eq!(said.code, Some(3), "{answers:?}\n{said}");
        in_order(&said.stdout, &["v0.8.2 → v0.8.1", "Type the environment's name (production)", end]);
        assert_eq!(State::of(&scene).await, before, "{answers:?}");
    }

    let said = desk.types(&back, "\nproduction\n");
    assert_eq!(said.code, Some(3), "{said}");
    let told =
        ["Reason:", "The history keeps a reason, and none was given; nothing was changed.", "→ next: --reason 'why'"];
    in_order(&said.stdout, &told);
    assert!(!said.stdout.contains("Type the environment's name"), "{said}");
    assert_eq!(State::of(&scene).await, before);

    let said = desk.types(&back, "five hundreds\nproduction\n");
    assert_eq!(said.code, Some(0), "{said}");
    in_order(&said.stdout, &["Reason:", "Type the environment's name", "production is back on v0.8.1."]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    desk.says(&["history"], 0, &[]).row(&["rollback", "v0.8.2", "v0.8.1", "succeeded", "five hundreds"]);
    assert_eq!(deployments(&scene).await[0].reason, "five hundreds");
}
