use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use testkit::eventually;

use crate::home::{Home, START, STOP, Service, said};

const LIST: &str = "/api/v1/applications";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_finds_everything_again_also_after_kill_9() {
    let home = Home::new();
    let first = home.serve().await;
    first.until_ready(200).await;
    let token = first.token.clone().expect("the first start prints a token");
    assert_eq!(first.get(LIST, Some(&token)).await, Some(200));
    for (name, mode) in [("", 0o700), ("keys", 0o600), ("mariadb", 0o700), ("mariadb/password", 0o600)] {
        let found = std::fs::metadata(home.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }

    let second = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(69));
    assert!(said(&second).contains(&format!("process {}", first.pid().as_raw_nonzero())), "{}", said(&second));

    first.stop().await;
    assert_eq!(home.mariadbd(), None);

    let again = home.serve().await;
    assert_eq!(again.token, None, "a token is printed once");
    assert_eq!(again.get(LIST, Some(&token)).await, Some(200));
    let server = home.mariadbd().unwrap();
    again.kill9().await;
    assert_eq!(home.mariadbd(), Some(server));

    let adopting = home.serve().await;
    assert_eq!(home.mariadbd(), Some(server));
    assert_eq!(adopting.get(LIST, Some(&token)).await, Some(200));

    // Held back by a stop signal it does not answer; killed it is started again.
    rustix::process::kill_process(server, Signal::STOP).unwrap();
    adopting.until_ready(503).await;
    rustix::process::kill_process(server, Signal::KILL).unwrap();
    adopting.until_ready(200).await;
    assert_ne!(home.mariadbd(), Some(server));
    assert_eq!(adopting.get(LIST, Some(&token)).await, Some(200));
    adopting.stop().await;
    assert_eq!(home.mariadbd(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_in_the_middle_of_the_first_start_ends_it_and_the_next_start_works() {
    let home = Home::new();
    let mut early = Service::start(&home, home.command(&["serve", "--listen", "127.0.0.1:0"]));
    let begun = eventually(START, || async { home.path().join("mariadb").exists() });
    begun.await.unwrap();
    early.signal(Signal::TERM);
    assert_eq!(early.ended().await, 0, "{}", early.log());
    assert_eq!(home.mariadbd(), None);
    let service = home.serve().await;
    service.until_ready(200).await;

    // A second signal does not wait, and leaves no server behind either.
    let mut service = service;
    let server = home.mariadbd().unwrap();
    rustix::process::kill_process(server, Signal::STOP).unwrap();
    service.signal(Signal::TERM);
    let told = eventually(STOP, || {
        let log = service.log();
        async move { log.contains("a second signal") }
    });
    told.await.unwrap();
    service.signal(Signal::INT);
    assert_eq!(service.ended().await, 128 + Signal::INT.as_raw());
    rustix::process::kill_process(server, Signal::CONT).unwrap();
    eventually(STOP, || async { home.mariadbd().is_none() }).await.unwrap();
}
