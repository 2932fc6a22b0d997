use testkit::shared_mariadb;

use crate::everyday::Desk;
use crate::home::{Home, said, text};

const LIST: &str = "/api/v1/applications";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_while_the_service_ran_comes_back_elsewhere() {
    let home = Home::new();
    let service = home.serve().await;
    let token = service.token.clone().unwrap();
    let file = home.beside("backup.tar");
    let backup = home.run(&["admin", "backup", "--to", text(&file)]);
    assert_eq!(backup.status.code(), Some(0), "{}", said(&backup));
    let twice = home.run(&["admin", "backup", "--to", text(&file)]);
    assert_eq!(twice.status.code(), Some(3), "{}", said(&twice));

    let running = home.run(&["admin", "restore", text(&file)]);
    assert_eq!(running.status.code(), Some(69), "{}", said(&running));
    service.stop().await;
    let in_use = home.run(&["admin", "restore", text(&file)]);
    assert_eq!(in_use.status.code(), Some(3), "{}", said(&in_use));
    assert!(said(&in_use).contains("--force"), "{}", said(&in_use));

    let elsewhere = Home::new();
    let restored = elsewhere.run(&["admin", "restore", text(&file)]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    let keys = |home: &Home| std::fs::read(home.path().join("keys")).unwrap();
    assert_eq!(keys(&home), keys(&elsewhere));
    let service = elsewhere.serve().await;
    assert_eq!(service.token, None);
    assert_eq!(service.get(LIST, Some(&token)).await, Some(200));
    service.stop().await;

    // Stopped, with --force: what is there is put aside, and is itself a backup.
    let forced = elsewhere.run(&["admin", "restore", text(&file), "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    let folder = elsewhere.path().join("backups/control");
    let aside = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert!(said(&forced).contains(text(&aside)), "{}", said(&forced));

    // A changed file is refused before anything is touched, and a restore that was cut short before anything runs.
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = elsewhere.beside("damaged.tar");
    std::fs::write(&damaged, bytes).unwrap();
    let refused = elsewhere.run(&["admin", "restore", text(&damaged), "--force"]);
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));
    std::fs::write(elsewhere.path().join("restoring"), "another:3306/control").unwrap();
    let of_another = elsewhere.run(&["admin", "restore", text(&aside)]);
    assert_eq!(of_another.status.code(), Some(3), "{}", said(&of_another));
    assert!(said(&of_another).contains("another:3306/control"), "{}", said(&of_another));
    std::fs::write(elsewhere.path().join("restoring"), "private").unwrap();
    let halfway = elsewhere.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(halfway.status.code(), Some(69), "{}", said(&halfway));
    let again = elsewhere.run(&["admin", "restore", text(&aside)]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert_eq!(elsewhere.mariadbd(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_on_which_a_worker_beats_elsewhere_is_not_replaced() {
    let mariadb = shared_mariadb();
    let url = mariadb.url(&mariadb.create_database("control").unwrap());
    let variables = [("BACKOUT_DATABASE_URL", url.as_str())];
    let home = Home::new();
    let service = home.serve_with(&variables).await;
    let token = service.token.clone().unwrap();
    let file = home.beside("backup.tar");
    let backup = home.command(&["admin", "backup", "--to", text(&file)]).envs(variables).output().unwrap();
    assert_eq!(backup.status.code(), Some(0), "{}", said(&backup));

    let elsewhere = Home::new();
    let restore = || elsewhere.command(&["admin", "restore", text(&file), "--force"]).envs(variables).output().unwrap();
    let refused = restore();
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("work on this control database"), "{}", said(&refused));
    assert_eq!(service.get(LIST, Some(&token)).await, Some(200));
    service.stop().await;
    let restored = restore();
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waited_when_the_backup_was_made_does_not_begin_after_the_restore() {
    let home = Home::new();
    let service = home.serve_with_arguments(&["--no-worker"], &[]).await;
    service.until_ready(200).await;
    let desk = Desk::at(&home, &service);
    desk.furnish();
    let (mut deploy, job) = desk.wait_for_a_worker().await;
    let file = home.beside("backup.tar");
    let backup = home.run(&["admin", "backup", "--to", text(&file)]);
    assert_eq!(backup.status.code(), Some(0), "{}", said(&backup));
    desk.says(&["job", "cancel", &job], 0, &[]);
    assert_eq!(deploy.ended().await, 1);
    let token = service.token.clone();
    service.stop().await;

    let elsewhere = Home::new();
    let restored = elsewhere.run(&["admin", "restore", text(&file)]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    for part in [job.as_str(), "shop/production", "cancelled"] {
        assert!(said(&restored).contains(part), "{part} is not in\n{}", said(&restored));
    }
    // A worker runs there, and finds nothing to do.
    let mut service = elsewhere.serve().await;
    service.token = token;
    Desk::at(&elsewhere, &service).says(&["jobs", "--state", "cancelled"], 0, &[&job]);
    service.stop().await;
}
