//! A walk through the everyday commands, as the engineer on call goes it.

use domain::view::NewApplication;

use super::desk::{Desk, Said, State, deployments, in_order};
use crate::support::{Scene, shared_backout};

const REASON: &str = "v0.8.2 answers 500";

#[tokio::test]
async fn going_back_is_one_command_that_prints_the_way_forward() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let secret = scene.secret().await.unwrap();

    let back = desk.says(&["rollback", "--yes", "--reason", REASON], 0, &[]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    assert_eq!(back.stderr, "");
    tells_a_rollback(&back, &scene.app);
    in_order(
        &back.stdout,
        &["v0.8.2 → v0.8.1", "Findings", "What differs", "Steps", "Digest of this plan", "● running"],
    );

    // What it printed is typed as it stands.
    let undo = back.after("This undoes it: ");
    assert_eq!(undo, format!("backout deploy v0.8.2 --app {}", scene.app));
    let forward = desk.types(undo, "it is mended\nproduction\n");
    assert_eq!(forward.code, Some(0), "{forward}");
    in_order(&forward.stdout, &["v0.8.1 → v0.8.2", "production runs v0.8.2.", "Rows and documents brought back: "]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    assert_eq!(scene.secret().await.unwrap(), secret);

    let history = desk.says(&["history"], 0, &["Kind", "From", "To", "Result", "By", "Reason", "Job"]);
    let row = history.row(&["rollback", "v0.8.2", "v0.8.1", "succeeded", "admin", REASON]);
    let job = row.trim_end_matches([' ', '│']).rsplit(' ').next().unwrap();
    history.row(&["deployment", "v0.8.1", "v0.8.2", "succeeded", "admin", "it is mended"]);
    in_order(&history.stdout, &["it is mended", REASON, "test", "test"]);
    let jobs = desk.says(&["jobs"], 0, &["Job", "Kind", "State", "Ended"]);
    jobs.row(&[job, "rollback", &scene.app, "production", "v0.8.2", "v0.8.1", "succeeded", "admin"]);
    desk.says(&["jobs", "--state", "succeeded"], 0, &[job]);
    let stuck = desk.says(&["jobs", "--state", "stuck"], 0, &[]);
    assert!(!stuck.stdout.contains(job), "{stuck}");
    // A job that rests is shown from its first event, as it was while it ran.
    tells_a_rollback(&desk.says(&["job", "watch", job], 0, &[]), &scene.app);
}

/// The steps in their order, and at the end what was measured and what undoes it.
fn tells_a_rollback(said: &Said, app: &str) {
    let steps = [
        "Check before the first change: finished",
        "Stop service web@local: finished",
        "Show maintenance page web@local: finished",
        "Take migrations back main (mariadb): finished",
        "Remove maintenance page web@local: finished",
        "Start service web@local: finished",
        "Verify: finished",
        "● succeeded",
        "production is back on v0.8.1.",
    ];
    in_order(&said.stdout, &steps);
    // The cache is flushed beside other steps.
    in_order(&said.stdout, &["Stop service web@local: finished", "Flush cache cache: finished", "● succeeded"]);
    in_order(&said.stdout, &["… Stop service web@local: ", "✓ Stop service web@local: finished (", " ms)"]);
    let (_, end) = said.stdout.split_once("production is back on v0.8.1.").unwrap();
    let measured: Vec<(&str, &str)> = end.lines().filter_map(|line| line.trim().split_once(": ")).collect();
    let names: Vec<&str> = measured.iter().map(|(name, _)| *name).collect();
    let wanted = [
        "Time to recover",
        "Downtime",
        "Age of the backup at the first destructive statement",
        "Rows and documents put aside",
        "This undoes it",
    ];
    assert_eq!(names, wanted, "{said}");
    let is_time = |text: &str| text.starts_with(|first: char| first.is_ascii_digit()) && text.ends_with('s');
    assert!(measured[..3].iter().all(|(_, time)| is_time(time)), "{measured:?}");
    assert!(measured[3].1.parse::<u64>().unwrap() > 0, "{measured:?}");
    assert_eq!(measured[4].1, format!("backout deploy v0.8.2 --app {app}"));
}

#[tokio::test]
async fn looking_tells_what_runs_what_there_is_and_what_would_happen_and_changes_nothing() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let before = State::of(&scene).await;

    let status = desk.says(&["status"], 0, &["Application", "Environment", "Version", "Since", "Tag", "Image", "Job"]);
    status.row(&[&scene.app, "production", "v0.8.2", "release/v0.8.2", "web=cms-backend:v0.8.2"]);
    let releases = desk.says(&["releases"], 0, &["Version", "v0.8.2", "v0.8.1", "v0.8.0"]);
    releases.row(&["v0.8.1", "patch", "release/v0.8.1", "web=cms-backend:v0.8.1"]);
    desk.says(&["releases", "--limit", "1"], 0, &["v0.8.2", "There are more: --cursor "]);
    let history = desk.says(&["history"], 0, &["v0.8.2", "v0.8.1"]);
    history.row(&["deployment", "— ", "v0.8.1", "succeeded", "admin", "test"]);

    let diff = desk.says(&["diff", "v0.8.1", "v0.8.2"], 0, &["Layer", "What", "Before", "After"]);
    diff.row(&["image", "web", "cms-backend:v0.8.1", "cms-backend:v0.8.2"]);
    diff.row(&["config", "web RELEASE_NAME", "v0.8.1", "v0.8.2"]);
    diff.row(&["schema", "main", "20250110001 add_2fa_columns"]);
    diff.row(&["code", "git", "release/v0.8.1", "release/v0.8.2"]);
    desk.says(&["diff", "v0.8.1", "v0.8.1"], 0, &["Nothing differs."]);

    let ledgers = format!("main (mariadb, {})", scene.site.database());
    let migrations = desk.says(&["migrations"], 0, &[&ledgers, "Migration", "In the database", "Our ledger"]);
    migrations.row(&["20250110001", "add_2fa_columns", "applied", "admin"]);
    assert!(migrations.stdout.contains("content (mongodb, "), "{migrations}");

    let parts = ["Rollback of ", "v0.8.2 → v0.8.1", "warning: ", "put aside: column users.two_factor_secret"];
    let plan = desk.says(&["plan"], 0, &parts);
    plan.row(&["Take migrations back", "main (mariadb)", "destroys column users.two_factor_secret"]);
    plan.row(&["puts aside column users.two_factor_secret"]);
    plan.row(&["Verify", "◆ from here on only forward"]);
    assert_eq!(plan.after("Rollback of "), format!("{} / production: v0.8.2 → v0.8.1", scene.app));
    // The version that would be chosen, named.
    let named = desk.says(&["plan", "v0.8.1"], 0, &[]);
    let digest = |said: &Said| said.stdout.split("Digest of this plan: ").nth(1).unwrap().trim().to_owned();
    assert_eq!(digest(&named), digest(&plan), "{named}");
    assert_eq!(State::of(&scene).await, before);
}

#[tokio::test]
async fn what_undoes_a_job_is_about_its_own_application_whatever_is_named() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.deploy("v0.8.0").await.unwrap();
    let job = scene.deploy("v0.8.1").await.unwrap().id.to_string();
    let other = format!("{}-other", scene.app);
    let new = NewApplication { name: other.clone(), description: String::new() };
    scene.client.create_application(&new).await.unwrap();

    // Of two applications none is guessed.
    let said = desk.run_bare(&["rollback", "--yes", "--reason", "r"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{said}");
    in_order(&said.stderr, &["There are several applications, name one: ", &other, "→ next: --app "]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");

    let undo = format!("backout deploy v0.8.0 --app {} --env production", scene.app);
    for arguments in [["job", "watch", &job].as_slice(), &["job", "watch", &job, "--app", &other]] {
        let said = desk.run_bare(arguments);
        assert_eq!(said.code, Some(0), "{said}");
        assert_eq!(said.after("This undoes it: "), undo, "{arguments:?}");
    }
    let undone = desk.types(&undo, "back\nproduction\n");
    assert_eq!(undone.code, Some(0), "{undone}");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.0");
}

#[tokio::test]
async fn deploying_goes_forward_and_prints_the_way_back() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };

    let plan = desk.says(&["plan", "--deploy", "v0.8.0"], 0, &["Deployment to ", "— → v0.8.0"]);
    assert!(plan.stdout.contains("20250105001"), "{plan}");
    let first = desk.says(&["deploy", "v0.8.0", "--yes", "--reason", "first"], 0, &["production runs v0.8.0."]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.0");
    assert!(!first.stdout.contains("This undoes it"), "before the first there is nothing to go back to: {first}");
    assert!(first.stdout.contains("Time until verified: ") && !first.stdout.contains("Time to recover"), "{first}");

    let second = desk.says(&["deploy", "v0.8.1", "-y", "--reason", "next"], 0, &["production runs v0.8.1."]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    let undone = desk.types(second.after("This undoes it: "), "back\nproduction\n");
    assert_eq!(undone.code, Some(0), "{undone}");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.0");
    let reasons: Vec<String> = deployments(&scene).await.into_iter().map(|one| one.reason).collect();
    assert_eq!(reasons, ["back", "next", "first"]);
}
