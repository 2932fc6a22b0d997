//! The everyday command line: the shipped binary, as people and scripts type it, on real servers.

mod backups;
mod chinese;
mod desk;
mod json;
mod ledgers;
mod losses;
mod migrate;
mod preserved;
mod refusals;
mod rehearsals;
mod series;
mod terminal;
mod walk;

use domain::environment::Protection;

use self::desk::Desk;
use crate::support::{Scene, shared_backout};

/// What keeps an environment from being changed by a key pressed too fast is off.
async fn unprotected() -> Scene {
    let free = Protection { typed_confirmation: false };
    let scene = Scene::with_settings(shared_backout().await, |site| {
        let mut settings = site.environment();
        settings["protection"] = serde_json::to_value(free).unwrap();
        settings
    });
    scene.await.unwrap()
}

#[tokio::test]
async fn the_maintenance_page_stands_from_on_to_off() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.deploy("v0.8.1").await.unwrap();
    assert_eq!(scene.ask("GET", "/", None).await.unwrap().0, 404, "the application has no page there");

    let undo = format!("This undoes it: backout maintenance off --app {}", scene.app);
    desk.says(
        &["maintenance", "on", "--yes", "--reason", "disks"],
        0,
        &["production shows its maintenance page.", &undo],
    );
    let (status, page) = scene.ask("GET", "/", None).await.unwrap();
    assert!(status == 503 && page.to_string().contains("disks"), "{status}: {page}");
    desk.says(&["status"], 0, &["v0.8.1", "The maintenance page of production is on: disks"]);
    // The page is what a person wanted: it is told with what ends it, and is no ailment.
    desk.says(&["doctor"], 0, &["The maintenance page of production is on: disks", "backout maintenance off"]);

    desk.says(&["maintenance", "off"], 0, &["production answers again, with v0.8.1."]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    let told = desk.says(&["status"], 0, &["v0.8.1"]);
    assert!(!told.stdout.contains("maintenance page"), "{told}");
    assert_eq!(scene.containers().await.unwrap().len(), 1, "nothing is left of the page");
}

#[tokio::test]
async fn a_healthy_environment_is_well_and_its_way_back_is_open() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let runs = format!("✓ {} / production runs v0.8.2", scene.app);
    let image = "production: web runs on local as it was deployed (cms-backend:v0.8.2)";
    let exactly = "exactly the migrations of v0.8.2 are applied";
    let parts = [runs.as_str(), exactly, image, "production can be rolled back to v0.8.1", "All is well."];
    let told = desk.says(&["doctor"], 0, &parts);
    assert_eq!(told.stdout.matches(exactly).count(), 2, "of both data stores: {told}");
    assert!(!told.stdout.contains('✗'), "{told}");
    assert_eq!(told.stderr, "");
}

#[tokio::test]
async fn each_shell_gets_completions_that_know_the_commands() {
    let desk = Desk { backout: shared_backout().await, app: "any" };
    let mut scripts = Vec::new();
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef backout"), ("fish", "complete -c backout")] {
        let said = desk.says(&["completions", shell], 0, &[]);
        for part in [sign, "rollback", "maintenance"] {
            assert!(said.stdout.contains(part), "{shell}: {part} is not in\n{said}");
        }
        assert_eq!(said.stderr, "");
        scripts.push(said.stdout);
    }
    assert_eq!(scripts.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    desk.says(&["completions", "tcl"], 2, &["tcl", "bash"]);
}
