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
