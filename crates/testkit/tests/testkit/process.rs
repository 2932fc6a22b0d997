use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use testkit::process::{Launch, is_alive};
use testkit::{ReservedPort, Scratch, Server, eventually};

/// Set in the process which the death test starts and kills; names the file for its child's id.
const VICTIM: &str = "TESTKIT_VICTIM";

#[tokio::test]
async fn a_server_dies_with_a_killed_test_process() -> Result<()> {
    let scratch = Scratch::new("death")?;
    let report = scratch.path().join("pid");
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "process::victim", "--nocapture"])
        .env(VICTIM, &report)
        .spawn()?;
    let read = || async { fs::read_to_string(&report).ok()?.trim().parse::<u32>().ok() };
    let server = eventually(Duration::from_secs(20), read).await?;
    assert!(is_alive(server));

    victim.kill()?;
    victim.wait()?;

    eventually(Duration::from_secs(5), || async { !is_alive(server) }).await
}

/// Does nothing unless the death test runs it in a process of its own.
#[test]
fn victim() -> Result<()> {
    let Some(report) = std::env::var_os(VICTIM) else { return Ok(()) };
    let scratch = Scratch::new("victim")?;
    let log = scratch.path().join("log");
    // The spawning thread ends at once: its end must not end the server.
    let server = std::thread::spawn(move || Server::spawn(Launch::new("sleep", log).arg("1000")));
    let server = server.join().expect("the spawning thread panicked")?;
    let whole = scratch.path().join("pid");
    fs::write(&whole, server.pid().to_string())?;
    fs::rename(whole, report)?;
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn a_server_outlives_the_thread_that_asked_for_it() -> Result<()> {
    let scratch = Scratch::new("thread")?;
    let log = scratch.path().join("log");
    let spawn = move || Server::spawn(Launch::new("sleep", log).arg("1000"));
    let server = std::thread::spawn(spawn).join().expect("the spawning thread panicked")?;
    let paused = server.pause();
    assert!(paused.is_ok(), "it runs and can be paused: {paused:?}");
    server.resume()?;
    assert!(server.is_running());
    Ok(())
}

#[test]
fn a_server_that_ends_early_is_reported_with_its_log() -> Result<()> {
    let scratch = Scratch::new("early")?;
    let launch = Launch::new("sh", scratch.path().join("log")).args(["-c", "echo no such disk; exit 3"]);
    let server = Server::spawn(launch)?;
    let result = server.wait_ready(Duration::from_secs(10), || anyhow::bail!("not yet"));
    let message = result.expect_err("it never becomes ready").to_string();
    assert!(message.contains("no such disk"), "{message}");
    assert!(message.contains("exit status: 3"), "{message}");
    Ok(())
}

#[test]
fn a_reserved_port_is_given_once() -> Result<()> {
    let ports: Vec<_> = (0..50).map(|_| ReservedPort::new()).collect::<Result<_>>()?;
    let mut numbers: Vec<_> = ports.iter().map(ReservedPort::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), ports.len());
    Ok(())
}

#[test]
fn a_scratch_directory_of_a_live_owner_survives_the_sweep() -> Result<()> {
    let kept = Scratch::new("kept")?;
    let orphan = kept.path().with_file_name(testkit::unique_name("orphan"));
    fs::create_dir(&orphan)?;
    fs::write(orphan.join("owner.lock"), "")?;
    let _sweeper = Scratch::new("sweeper")?;
    assert!(kept.path().exists());
    assert!(!orphan.exists());
    Ok(())
}
