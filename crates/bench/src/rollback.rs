//! Goal 5: a cold rollback that changes the image only, beside the bare calls to Docker.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use client::{Client, Settings};
use domain::job::JobState;
use domain::view::{DeployRequest, JobView, NewApplication, NewEnvironment, RollbackRequest};
use driver_docker::Engine;
use serde_json::{Value, json};
use testkit::{Backout, ReservedPort, Site, World};

use crate::compose::Compose;
use crate::report::{Report, Row};
use crate::sample::Samples;

const APP: &str = "cms-bench";
const ENVIRONMENT: &str = "production";
const OLDER: &str = "v0.8.1";
/// Same schema, same program, another image.
const NEWER: &str = "v0.8.10";
const TRIES: u32 = 12;
const WAIT: Duration = Duration::from_mins(1);
/// As the product gives the old container to end by itself.
const GRACE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(2);

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let world = World::start().await?;
    let program = testkit::static_binary("cms-backend")?;
    let env = [("CMS_VERSION", OLDER), ("BUILD", "10")];
    let tag = format!("cms-backend:{NEWER}");
    world.docker.import_image(&tag, &[(&program, "/cms-backend")], &env, &["/cms-backend"]).await?;
    let backout = Backout::serve(&[])?;
    let stage = Stage::new(&world, &backout).await?;
    let bare = Bare::new(&world, &stage).await?;
    let compose = Compose::new(&world.docker.host(), &bare.env()?);
    let mut composed = Samples::default();

    let (mut jobs, mut asked, mut downtime) = (Samples::default(), Samples::default(), Samples::default());
    let (mut cold, mut replaced) = (Samples::default(), Samples::default());
    let mut steps: BTreeMap<(u32, String), Samples> = BTreeMap::new();
    for _ in 0..TRIES {
        let (job, took) = stage.roll_back().await?;
        asked.push(took);
        jobs.push(between(Some(job.created_at), job.ended_at)?);
        let measured = job.measurements.as_ref().and_then(|measured| measured.downtime_ms);
        downtime.push(Duration::from_millis(measured.context("no downtime was measured")?));
        for step in &job.steps {
            steps.entry((step.id, step.name.clone())).or_default().push(between(step.started_at, step.finished_at)?);
        }
        stage.deploy(NEWER).await?;
        bare.replace(&mut cold, &mut replaced).await?;
        if let Ok(compose) = &compose {
            compose.switch_to(&tag).await?;
            composed.push(compose.switch_to(&format!("cms-backend:{OLDER}")).await?);
        }
    }
    let ratio = jobs.median() / cold.median();
    let row = |what: &str, measured: &Samples, beside: String, ratio: f64, target, reached| Row {
        goal: "5",
        what: what.to_owned(),
        measured: measured.shown(),
        beside,
        ratio: Some(ratio),
        target,
        reached,
    };
    let bare_cold = format!("bare create + start + health {}", cold.shown());
    let bare_replaced = format!("bare stop + create + start + health + remove {}", replaced.shown());
    let what = format!("cold rollback, image only, job accepted → ended, {TRIES} tries");
    report.row(row(&what, &jobs, bare_cold.clone(), ratio, "≤ 1.2 ×", Some(ratio <= 1.2)));
    let of_all = jobs.median() / replaced.median();
    report.row(row("the same against all that has to happen on one port", &jobs, bare_replaced, of_all, "", None));
    let of_asked = asked.median() / cold.median();
    report.row(row("POST sent → answer that it ended (with planning)", &asked, bare_cold.clone(), of_asked, "", None));
    let of_down = downtime.median() / cold.median();
    report.row(row("downtime, as the job measures it", &downtime, bare_cold, of_down, "", None));
    let what = "POST sent → answer that it ended, against the runbook's stop, other tag, up -d until it answers";
    match compose {
        Ok(_) => {
            let beside = format!("docker-compose {}", composed.shown());
            report.row(row(what, &asked, beside, asked.median() / composed.median(), "", None));
        }
        Err(error) => report.note(&format!("Goal 5: {error:#}")),
    }
    let each: Vec<String> = steps.iter().map(|((_, name), took)| format!("{name} {:.0}", took.median())).collect();
    report.note(&format!("Goal 5, median of each step, ms: {}.", each.join(", ")));
    report.note(&format!(
        "Goal 5 ran beside {}, which is not mongod where it says SecantusDB (beta).",
        world.mongo.kind()
    ));
    Ok(())
}

fn between(from: Option<chrono::DateTime<chrono::Utc>>, to: Option<chrono::DateTime<chrono::Utc>>) -> Result<Duration> {
    let (from, to) = (from.context("it never began")?, to.context("it never ended")?);
    Ok((to - from).to_std()?)
}

struct Stage<'a> {
    site: Site<'a>,
    client: Client,
}

impl<'a> Stage<'a> {
    /// Two releases on one schema, the newer one running.
    async fn new(world: &'a World, backout: &Backout) -> Result<Self> {
        let site = world.site(APP)?;
        let token = Some(backout.token().to_owned().into());
        let client = Client::new(Settings { url: backout.url(), ca_file: None, token, language: "en".to_owned() })?;
        client.create_application(&NewApplication { name: APP.to_owned(), description: String::new() }).await?;
        let mut spec = site.environment();
        // Both images say that they are the same version.
        spec["probes"][0]["version_pointer"] = Value::Null;
        spec["protection"] = json!({ "typed_confirmation": false });
        let spec = serde_json::from_value(spec)?;
        client.create_environment(APP, &NewEnvironment { name: ENVIRONMENT.to_owned(), spec }).await?;
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cms-backend");
        let text = std::fs::read_to_string(example.join(format!("releases/{OLDER}.toml")))?;
        let text = text.replace("../", &format!("{}/", example.display()));
        for version in [OLDER, NEWER] {
            let file = backout.directory().join(format!("{version}.toml"));
            std::fs::write(
                &file,
                text.replace(OLDER, version).replace(&format!("production/{NEWER}"), &format!("production/{OLDER}")),
            )?;
            let file = file.to_string_lossy();
            let output = backout.command(&["--app", APP, "release", "register", "-f", &file])?.output()?;
            let told = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "release {version} could not be registered: {told}");
        }
        let stage = Self { site, client };
        stage.deploy(OLDER).await?;
        stage.deploy(NEWER).await?;
        Ok(stage)
    }

    async fn deploy(&self, version: &str) -> Result<()> {
        let request =
            DeployRequest { version: version.to_owned(), reason: "measured".to_owned(), ..DeployRequest::default() };
        let job = self.client.start_deployment(APP, ENVIRONMENT, &request).await?;
        self.succeeded(job).await?;
        Ok(())
    }

    async fn roll_back(&self) -> Result<(JobView, Duration)> {
        let request = RollbackRequest {
            target: Some(OLDER.to_owned()),
            reason: "measured".to_owned(),
            ..RollbackRequest::default()
        };
        let asked = Instant::now();
        let job = self.client.start_rollback(APP, ENVIRONMENT, &request).await?;
        let job = self.succeeded(job).await?;
        Ok((job, asked.elapsed()))
    }

    async fn succeeded(&self, job: JobView) -> Result<JobView> {
        let job = self.client.wait_for_job(job.id, WAIT).await?;
        ensure!(job.state == JobState::Succeeded, "the job is {:?}: {:?}", job.state, job.error);
        Ok(job)
    }
}

/// The same exchange of containers by nothing but calls to Docker, on a port of its own.
struct Bare {
    engine: Engine,
    port: ReservedPort,
    bodies: [Value; 2],
}

impl Bare {
    async fn new(world: &World, stage: &Stage<'_>) -> Result<Self> {
        let engine = Engine::connect(&world.docker.host()).await?;
        let port = ReservedPort::new()?;
        let model = engine.inspect(stage.site.container()).await?.context("no container runs")?;
        let env: Vec<String> = model["Config"]["Env"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|entry| if entry.starts_with("PORT=") { format!("PORT={}", port.number()) } else { entry.to_owned() })
            .collect();
        let body = |version: &str| json!({ "Image": format!("cms-backend:{version}"), "Env": env, "HostConfig": { "NetworkMode": "host" } });
        let bare = Self { engine, port, bodies: [body(OLDER), body(NEWER)] };
        bare.engine.create("bare-old", &bare.bodies[1]).await?;
        bare.engine.start("bare-old").await?;
        bare.healthy().await?;
        Ok(bare)
    }

    /// What the containers have in their environment.
    fn env(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.bodies[0]["Env"].clone())?)
    }

    /// Exchanges the container for one of the other image, as the product does, and then back unmeasured.
    async fn replace(&self, cold: &mut Samples, replaced: &mut Samples) -> Result<()> {
        let begin = Instant::now();
        self.engine.stop("bare-old", GRACE).await?;
        let stopped = Instant::now();
        self.engine.create("bare-new", &self.bodies[0]).await?;
        self.engine.start("bare-new").await?;
        self.healthy().await?;
        cold.push(stopped.elapsed());
        self.engine.remove("bare-old", true).await?;
        replaced.push(begin.elapsed());
        self.engine.rename("bare-new", "bare-old").await?;
        Ok(())
    }

    async fn healthy(&self) -> Result<()> {
        let deadline = Instant::now() + WAIT;
        while !crate::load::answers(self.port.address(), "/health").await {
            ensure!(Instant::now() < deadline, "the bare container does not become healthy");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}
