//! What is refused: the exit code that a script sees, the next command that a person sees, and nothing changed.

use super::desk::{Desk, State, deployments};
use crate::support::{Scene, absent_release, broken_release, shared_backout};

#[tokio::test]
async fn what_is_refused_is_told_with_the_next_command_and_changes_nothing() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.client.register_release(&scene.app, &absent_release().unwrap()).await.unwrap();
    scene.settle_on_v082().await.unwrap();
    let before = State::of(&scene).await;

    for (command, parts) in [
        // Unknown versions.
        (
            ["rollback", "v9.9.9", "--yes", "--reason", "r"].as_slice(),
            ["no release of that version", "backout releases"],
        ),
        (&["deploy", "v9.9.9", "--yes", "--reason", "r"], ["no release of that version", "backout releases"]),
        (&["plan", "v9.9.9"], ["no release of that version", "backout releases"]),
        (&["diff", "v0.8.1", "v9.9.9"], ["no release of that version", "backout releases"]),
        (&["deploy", "newest", "--yes", "--reason", "r"], ["not a semantic version", "backout releases"]),
        // Unknown names.
        (&["rollback", "--yes", "--reason", "r", "--env", "nowhere"], ["nothing of that name", "backout status"]),
        (&["job", "watch", "01890a5d-ac96-774b-bcce-b302099a8057"], ["nothing of that name", "→ next: backout jobs"]),
        // Blocked plans.
        (&["plan", "v0.8.1-absent"], ["blocker: ", "docker pull cms-backend:absent"]),
        (
            &["rollback", "v0.8.1-absent", "--yes", "--reason", "r"],
            ["docker pull cms-backend:absent", "The plan may not run; nothing was changed."],
        ),
        (&["deploy", "v0.8.2", "--yes", "--reason", "r"], ["v0.8.2 is what runs already", "backout history"]),
        (
            &["deploy", "v0.8.1", "--schema", "keep", "--yes", "--reason", "r"],
            ["does not run on the schema", "--schema down"],
        ),
        // Nobody to ask, or nothing to tell the history.
        (&["rollback"], ["nobody can be asked here; nothing was changed", "→ next: --yes --reason 'why'"]),
        (&["deploy", "v0.8.1"], ["nobody can be asked here; nothing was changed", "→ next: --yes"]),
        (&["maintenance", "on"], ["nobody can be asked here; nothing was changed", "→ next: --yes --reason 'why'"]),
        (&["rollback", "--yes"], ["a reason is needed", "→ next: --reason 'why'"]),
    ] {
        desk.says(command, 3, &parts);
    }
    assert_eq!(State::of(&scene).await, before);

    // What the command line itself does not understand is told with what it would.
    desk.says(&["rollback", "--schema", "sideways"], 2, &["sideways", "down"]);
    desk.says(&["jobs", "--state", "sleeping"], 2, &["succeeded"]);
    assert_eq!(State::of(&scene).await, before);
}

#[tokio::test]
async fn a_stranger_and_whoever_names_no_application_of_ours_get_nowhere() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let before = State::of(&scene).await;
    let going_back = ["rollback", "--yes", "--reason", "r"];

    for command in [going_back.as_slice(), &["status"], &["maintenance", "on"]] {
        let said = desk.run_with(command, &[("BACKOUT_TOKEN", "bko_wrong")]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{said}");
        assert!(said.stderr.contains("No valid token") && said.stderr.contains("BACKOUT_TOKEN"), "{said}");
        let elsewhere = Desk { backout, app: "nobody" };
        elsewhere.says(command, 3, &["nothing of that name", "→ next: backout status"]);
    }
    // A flag wins over the variable.
    let said = desk.run(&["status", "--token", "bko_wrong"]);
    assert_eq!(said.code, Some(3), "{said}");

    // Who may only look does not get to change anything.
    let looks = desk.json(&["token", "create", "viewer", "--permission", "read"], 0);
    let secret = looks["secret"].as_str().unwrap();
    let said = desk.run_with(&going_back, &[("BACKOUT_TOKEN", secret)]);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("The token lacks a permission") && said.stderr.contains("--permission"), "{said}");

    // Where nobody listens, and where settings cannot be used, a script sees another number.
    let said = desk.run_with(&going_back, &[("BACKOUT_URL", "http://127.0.0.1:1")]);
    assert!(said.code == Some(5) && said.stderr.contains("backout serve"), "{said}");
    let said = desk.run_with(&going_back, &[("BACKOUT_LANG", "tlh")]);
    assert!(said.code == Some(64) && said.stderr.contains("en, zh-CN"), "{said}");
    assert_eq!(State::of(&scene).await, before);
}

#[tokio::test]
async fn a_job_that_fails_ends_with_1_and_says_that_everything_is_as_it_was() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.client.register_release(&scene.app, &broken_release().unwrap()).await.unwrap();
    scene.settle_on_v082().await.unwrap();

    let doctor = format!("→ next: backout doctor --app {}", scene.app);
    let end = ["The rollback of production did not succeed: undone, everything was put back.", doctor.as_str()];
    let said = desk.says(&["rollback", "v0.8.1-broken", "--yes", "--reason", "r"], 1, &end);
    assert!(said.stdout.contains("↶") && !said.stdout.contains("This undoes it"), "{said}");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    let job = deployments(&scene).await[0].job.to_string();
    desk.says(&["history"], 0, &[]).row(&["rollback", "v0.8.2", "v0.8.1-broken", "failed", &job]);

    desk.says(&["job", "watch", &job], 1, &end);
    assert_eq!(desk.json(&["job", "watch", &job], 1)["state"], "undone");
    desk.says(&["job", "cancel", &job], 3, &["The job's state does not allow this", &job]);
    desk.says(&["job", "resolve", &job, "retry"], 3, &["The job's state does not allow this", &job]);
    desk.says(&["doctor"], 0, &["runs v0.8.2"]);
}
