use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Docker, Scratch, eventually, process};

struct Api(reqwest::Client);

impl Api {
    fn of(docker: &Docker) -> Result<Self> {
        let client = reqwest::Client::builder().unix_socket(docker.socket()).no_proxy();
        Ok(Self(client.build()?))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let response = self.0.get(format!("http://docker{path}")).send().await?;
        Ok(response.error_for_status()?.json().await?)
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let response = self.0.post(format!("http://docker{path}")).json(&body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// A static program that waits for ever, compiled on the spot.
fn program(scratch: &Scratch) -> Result<PathBuf> {
    let source = scratch.path().join("wait.c");
    let program = scratch.path().join("wait");
    std::fs::write(&source, "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")?;
    let status = Command::new("gcc").arg("-static").arg("-o").arg(&program).arg(&source).status()?;
    ensure!(status.success(), "gcc failed");
    Ok(program)
}

/// The ids of the processes that run the executable called `name`, in any namespace.
fn processes(name: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let runs = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
            && process::is_alive(*pid)
    };
    pids.filter(runs).collect()
}

#[tokio::test]
async fn a_daemon_runs_an_image_made_of_one_program_and_takes_its_containers_with_it() -> Result<()> {
    let scratch = Scratch::new("image")?;
    let program = program(&scratch)?;
    let name = format!("tk{}", std::process::id());
    let docker = Docker::start()?;
    let api = Api::of(&docker)?;
    let target = format!("/bin/{name}");

    let files: [(&Path, &str); 1] = [(&program, &target)];
    let id = docker.import_image("wait:1", &files, &[("PRICE", "5 $X \"q\"")], &[&target]).await?;
    let image = api.get("/images/wait:1/json").await?;
    assert_eq!(image["Id"], id.as_str());
    assert_eq!(image["Config"]["Cmd"], json!([target]));
    let environment = image["Config"]["Env"].as_array().context("no environment")?;
    assert!(environment.contains(&json!("PRICE=5 $X \"q\"")), "{environment:?}");

    let body = json!({ "Image": "wait:1", "HostConfig": { "NetworkMode": "none" } });
    let container = api.post("/containers/create?name=waiter", body).await?;
    let container = container["Id"].as_str().context("no id")?;
    api.post(&format!("/containers/{container}/start"), Value::Null).await?;
    let running = || async { (!processes(&name).is_empty()).then_some(()) };
    eventually(Duration::from_secs(5), running).await?;

    let pid = docker.server().pid();
    drop(docker);
    assert!(!process::is_alive(pid));
    assert_eq!(processes(&name), Vec::<u32>::new());
    Ok(())
}

#[tokio::test]
async fn a_failed_build_names_the_cause() -> Result<()> {
    let docker = testkit::shared_docker();
    let result = docker.import_image("Bad Tag", &[], &[], &["/x"]).await;
    let message = format!("{:#}", result.expect_err("the tag is not valid"));
    assert!(message.contains("invalid reference format"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_killed_daemon_keeps_its_images_over_a_restart() -> Result<()> {
    let scratch = Scratch::new("image")?;
    let program = program(&scratch)?;
    let docker = Docker::start()?;
    docker.import_image("wait:1", &[(&program, "/wait")], &[], &["/wait"]).await?;
    docker.server().kill9()?;
    docker.restart()?;
    Api::of(&docker)?.get("/images/wait:1/json").await?;
    Ok(())
}
