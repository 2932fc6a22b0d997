use rustix::process::Signal;
use testkit::{eventually, shared_mariadb};

use crate::home::{Home, START, Service, said};

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_database_and_none_makes_keys_for_one_that_is_in_use() {
    let mariadb = shared_mariadb();
    let url = mariadb.url(&mariadb.create_database("control").unwrap());
    let home = Home::new();
    let variables = [("BACKOUT_DATABASE_URL", url.as_str())];
    let api = home.serve_with(&variables).await;
    let other = home.serve_with(&variables).await;
    assert!(api.token.is_some() && other.token.is_none());
    let mut command = home.command(&["worker"]);
    command.envs(variables);
    let mut worker = Service::start(&home, command);
    for service in [&api, &other] {
        service.until_ready(200).await;
    }
    let running = eventually(START, || {
        let log = worker.log();
        async move { log.contains("working") }
    });
    running.await.unwrap_or_else(|error| panic!("{error}\n{}", worker.log()));
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().await, 0, "{}", worker.log());
    assert!(!home.path().join("mariadb").exists());

    let keyless = Home::new();
    for subcommand in ["serve", "worker"] {
        let output = keyless.command(&[subcommand]).envs(variables).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{}", said(&output));
        assert!(said(&output).contains("keys"), "{}", said(&output));
        assert!(!keyless.path().join("keys").exists());
    }
    api.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_another_installation_are_refused_before_anything_is_served() {
    let mariadb = shared_mariadb();
    let mine = mariadb.url(&mariadb.create_database("mine").unwrap());
    let theirs = mariadb.url(&mariadb.create_database("theirs").unwrap());
    let (home, other) = (Home::new(), Home::new());
    for (home, url) in [(&home, &mine), (&other, &theirs)] {
        home.serve_with(&[("BACKOUT_DATABASE_URL", url)]).await.stop().await;
    }
    let keys = home.path().join("keys");
    let own = std::fs::read(&keys).unwrap();
    std::fs::copy(other.path().join("keys"), &keys).unwrap();
    let variables = [("BACKOUT_DATABASE_URL", mine.as_str())];
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["worker"], &["admin", "token"]] {
        let output = home.command(arguments).envs(variables).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?} {}", said(&output));
        let told = said(&output);
        assert!(told.contains("another installation") && told.contains(keys.to_str().unwrap()), "{told}");
    }
    let output = home.command(&["worker", "--lang", "zh-CN"]).envs(variables).output().unwrap();
    assert!(said(&output).contains("另一个安装"), "{}", said(&output));
    // A file that was lost is not replaced by new keys either.
    std::fs::remove_file(&keys).unwrap();
    let output = home.command(&["serve", "--listen", "127.0.0.1:0"]).envs(variables).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(!keys.exists());
    std::fs::write(&keys, own).unwrap();
    home.serve_with(&variables).await.stop().await;
}
