//! Goal 8: the API beside a bare axum and sqlx server on the same database, and what an idle service costs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::AssertSqlSafe;

use crate::bare::Bare;
use crate::load::{self, Outcome};
use crate::plane::{APPLICATION, Plane};
use crate::program::Program;
use crate::report::{Report, Row};

const RUN: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(10);
const ROWS: u32 = 100_000;
/// So that the last rows are on page 50,000.
const PAGE: u32 = 2;
const MEMORY_MB: f64 = 60.0;

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let plane = Plane::open().await?;
    sqlx::raw_sql(
        "CREATE TABLE bare (id BINARY(16) NOT NULL PRIMARY KEY, name VARCHAR(63) NOT NULL, description TEXT NOT NULL, \
         created_at DATETIME(6) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    )
    .execute(&plane.raw)
    .await?;
    // The keys are made by the service, so it must find no token but its own; the plane makes none.
    let program =
        Program::serve(&plane.url, true, &[("BACKOUT_LOG_FILTER", "warn"), ("BACKOUT_REQUESTS_PER_MINUTE", "0")])
            .await?;
    idle(&program, report).await?;
    let bare = Bare::start(&plane.url).await?;
    let sides = Sides { product: program.address(), bare: bare.address(), token: program.token.clone() };
    get_by_name(&sides, report).await?;
    create(&sides, report).await?;
    lists(&plane, &sides, report).await?;
    let memory = resident_mb(program.server.pid())?;
    report.note(&format!("Goal 8: after these loads the service holds {memory:.0} MB."));
    Ok(())
}

struct Sides {
    product: SocketAddr,
    bare: SocketAddr,
    token: String,
}

impl Sides {
    /// Runs both in turn, twice; what else the machine does then meets both.
    async fn compare(
        &self,
        product: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
        bare: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
    ) -> Result<[Outcome; 2]> {
        const TURN: u32 = 10_000_000;
        let mut best: Option<[Outcome; 2]> = None;
        for turn in 0..2 {
            let (ours, theirs) = (product.clone(), bare.clone());
            let limit = load::run(self.bare, RUN, move |number| theirs(turn * TURN + number)).await?;
            let measured = load::run(self.product, RUN, move |number| ours(turn * TURN + number)).await?;
            best = Some(match best {
                None => [measured, limit],
                Some([a, b]) => [faster(a, measured), faster(b, limit)],
            });
        }
        best.context("nothing was measured")
    }
}

/// The run that the rest of the machine disturbed less.
fn faster(a: Outcome, b: Outcome) -> Outcome {
    if a.per_second >= b.per_second { a } else { b }
}

fn row(what: String, [product, bare]: &[Outcome; 2], limit: &str, target: &'static str, least: f64) -> Row {
    let ratio = product.per_second / bare.per_second;
    Row {
        goal: "8",
        what,
        measured: format!("{:.0}/s, {}", product.per_second, product.took.shown()),
        beside: format!("{limit} {:.0}/s, {}", bare.per_second, bare.took.shown()),
        ratio: Some(ratio),
        target,
        reached: Some(ratio >= least),
    }
}

async fn get_by_name(sides: &Sides, report: &mut Report) -> Result<()> {
    let ours = load::get(&format!("/api/v1/applications/{APPLICATION}"), Some(&sides.token));
    let theirs = load::get(&format!("/applications/{APPLICATION}"), None);
    let both = sides.compare(move |_| ours.clone(), move |_| theirs.clone()).await?;
    report.row(row(
        "GET one application, authenticated".to_owned(),
        &both,
        "bare axum + sqlx, no authentication,",
        "≥ 0.8 ×",
        0.8,
    ));
    Ok(())
}

async fn create(sides: &Sides, report: &mut Report) -> Result<()> {
    let body = |number: u32| format!("{{\"name\":\"n{number}\",\"description\":\"measured\"}}");
    let token = sides.token.clone();
    let ours = move |number: u32| {
        let headers = format!("authorization: Bearer {token}\r\nidempotency-key: key-{number}\r\n");
        load::post("/api/v1/applications", &headers, &body(number))
    };
    let both = sides.compare(ours, move |number| load::post("/applications", "", &body(number))).await?;
    report.row(row(
        "POST an application: idempotency, uniqueness, audit".to_owned(),
        &both,
        "bare durable insert over HTTP",
        "≥ 0.5 ×",
        0.5,
    ));
    Ok(())
}

/// Keyset pages: the last one against the first.
async fn lists(plane: &Plane, sides: &Sides, report: &mut Report) -> Result<()> {
    plane.fill(ROWS).await?;
    let application = sqlx::query_scalar::<_, uuid::Uuid>("SELECT id FROM applications WHERE name = ?")
        .bind(APPLICATION)
        .fetch_one(&plane.raw)
        .await?
        .simple();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "INSERT INTO releases (id, application_id, version, sort_key, series, kind, notes, notes_zh, git, images, \
         schema_refs, config, config_sha256, requires, content_sha256, released_at, registered_at, registered_by) \
         SELECT UNHEX(CONCAT('0198000000007000', LPAD(HEX(seq), 16, '0'))), UNHEX('{application}'), \
         CONCAT('v2.0.', seq), CONCAT(LPAD(2, 20, '0'), '.', LPAD(0, 20, '0'), '.', LPAD(seq, 20, '0'), '~'), 'v2.0', \
         'patch', 'measured', '', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', UNHEX(REPEAT('0', 64)), \
         UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'bench' FROM seq_1_to_{ROWS}"
    )))
    .execute(&plane.raw)
    .await?;
    let last_page = ROWS - PAGE;
    let release: String = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT sort_key FROM releases ORDER BY sort_key DESC LIMIT 1 OFFSET {}",
        last_page - 1
    )))
    .fetch_one(&plane.raw)
    .await?;
    let job: uuid::Uuid = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT id FROM jobs ORDER BY id DESC LIMIT 1 OFFSET {}",
        last_page - 1
    )))
    .fetch_one(&plane.raw)
    .await?;
    let lists = [
        ("releases", format!("/api/v1/applications/{APPLICATION}/releases?limit={PAGE}"), release),
        ("jobs", format!("/api/v1/jobs?limit={PAGE}"), job.to_string()),
    ];
    for (name, path, key) in lists {
        let deep = format!("{path}&cursor={}", URL_SAFE_NO_PAD.encode(key));
        let pages = both_pages(sides, &path, &deep).await.with_context(|| format!("pages of {name}"))?;
        let [first, deep] = pages;
        let ratio = deep.took.median() / first.took.median();
        report.row(Row {
            goal: "8",
            what: format!("page {} of {name}, {PAGE} a page", ROWS / PAGE),
            measured: format!("{:.0}/s, {}", deep.per_second, deep.took.shown()),
            beside: format!("page 1: {:.0}/s, {}", first.per_second, first.took.shown()),
            ratio: Some(ratio),
            target: "≤ 1.3 × page 1 (time)",
            reached: Some(ratio <= 1.3),
        });
    }
    Ok(())
}

async fn both_pages(sides: &Sides, first: &str, deep: &str) -> Result<[Outcome; 2]> {
    let (first, deep) = (load::get(first, Some(&sides.token)), load::get(deep, Some(&sides.token)));
    let ask = async |bytes: Vec<u8>| load::run(sides.product, RUN, move |_| bytes.clone()).await;
    let (a, b) = (ask(first.clone()).await?, ask(deep.clone()).await?);
    Ok([faster(a, ask(first).await?), faster(b, ask(deep).await?)])
}

async fn idle(program: &Program, report: &mut Report) -> Result<()> {
    // What starting leaves behind is not idleness.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pid = program.server.pid();
    let before = cpu_ticks(pid)?;
    tokio::time::sleep(IDLE).await;
    // 100 ticks a second: a tick in ten seconds is a thousandth of a processor.
    let percent = f64::from(cpu_ticks(pid)? - before) / IDLE.as_secs_f64();
    let memory = resident_mb(pid)?;
    let row = |what: &str, measured: String, target, reached| Row {
        goal: "8",
        what: what.to_owned(),
        measured,
        beside: String::new(),
        ratio: None,
        target,
        reached: Some(reached),
    };
    report.row(row(
        "API + worker, idle for 10 s (mariadbd not counted)",
        format!("{percent:.2} % of one core"),
        "< 1 %",
        percent < 1.0,
    ));
    report.row(row("the same, resident memory", format!("{memory:.0} MB"), "≤ 60 MB", memory <= MEMORY_MB));
    Ok(())
}

/// User and system time that a process has used, in ticks.
fn cpu_ticks(pid: u32) -> Result<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(") ").context("no process name")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    ensure!(fields.len() > 13, "too few fields in /proc/{pid}/stat");
    Ok(fields[11].parse::<u32>()? + fields[12].parse::<u32>()?)
}

fn resident_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(f64::from(kib) / 1024.0)
}
