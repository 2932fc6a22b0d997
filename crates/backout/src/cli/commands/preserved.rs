//! `backout preserved [list] | show | export | drop`: what was put aside before a script destroyed it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use client::{ExportFormat, PageRequest};
use domain::ids::PreservationId;
use domain::ledger::Direction;
use domain::view::{DropKeptRequest, KeptDetail, KeptState, KeptView};
use futures::TryStreamExt;
use indicatif::HumanBytes;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::cli::confirm::confirm;
use crate::cli::context::{Context, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, optional_time, table, time};
use crate::cli::output;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Preserved {
    #[command(subcommand)]
    command: Option<What>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum What {
    List(List),
    Show(Show),
    Export(Export),
    Drop(Drop),
}

#[derive(Debug, Args)]
struct List {
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct Show {
    #[arg(value_name = "ID")]
    id: PreservationId,
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: u32,
}

#[derive(Debug, Args)]
struct Export {
    #[arg(value_name = "ID")]
    id: PreservationId,
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Drop {
    #[arg(value_name = "ID")]
    id: PreservationId,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

impl Preserved {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        match self.command.unwrap_or(What::List(self.list)) {
            What::List(list) => list.run(context, &place).await,
            What::Show(show) => show.run(context, &place).await,
            What::Export(export) => export.run(context, &place).await,
            What::Drop(drop) => drop.run(context, &place).await,
        }
    }
}

impl List {
    async fn run(self, context: &Context, place: &Place) -> Result<Exit, Failure> {
        let page = PageRequest { limit: Some(self.limit), cursor: self.cursor };
        let page = context.client.list_preserved(&place.app, &place.env, self.store.as_deref(), &page).await?;
        if context.json {
            output::json(&page);
            return Ok(Exit::Done);
        }
        if page.items.is_empty() {
            output::line(&context.text("cli.no-preserved", []));
            return Ok(Exit::Done);
        }
        let headings =
            ["id", "store", "migration", "object", "rows", "size", "at", "job", "comes-back-with", "expires", "state"];
        let mut table = table(context.language, &headings);
        for kept in &page.items {
            table.add_row(row(context, kept));
        }
        output::line(&table.to_string());
        output::next_page(context, page.next_cursor.as_deref());
        Ok(Exit::Done)
    }
}

fn row(context: &Context, kept: &KeptView) -> [String; 11] {
    [
        kept.id.to_string(),
        kept.store.clone(),
        kept.migration.clone(),
        kept.object.clone(),
        kept.rows.to_string(),
        size(kept),
        time(kept.kept_at),
        kept.job.to_string(),
        comes_back_with(context, kept),
        optional_time(kept.expires_at),
        state(context, kept.state),
    ]
}

fn size(kept: &KeptView) -> String {
    kept.bytes.map_or_else(|| NOTHING.to_owned(), |bytes| HumanBytes(bytes).to_string())
}

fn comes_back_with(context: &Context, kept: &KeptView) -> String {
    let key = match kept.comes_back_with {
        Direction::Up => "cli.comes-back-with-up",
        Direction::Down => "cli.comes-back-with-down",
    };
    context.text(key, [])
}

fn state(context: &Context, state: KeptState) -> String {
    context.text(&format!("cli.kept-{}", state.as_str()), [])
}

impl Show {
    async fn run(self, context: &Context, place: &Place) -> Result<Exit, Failure> {
        let rows = (self.rows > 0).then_some(self.rows);
        let get = |rows| context.client.get_preserved(&place.app, &place.env, self.id, rows);
        let (detail, may_see) = match get(rows).await {
            // What it is may be seen by more people than what it holds.
            Err(client::Error::Problem(problem)) if problem.status == 403 && rows.is_some() => {
                (get(None).await?, false)
            }
            answered => (answered?, true),
        };
        if context.json {
            output::json(&detail);
            return Ok(Exit::Done);
        }
        show(context, &detail);
        if !may_see {
            output::line(&context.text("cli.preserved-hidden", [("permission", "data.read")]));
        }
        Ok(Exit::Done)
    }
}

fn show(context: &Context, detail: &KeptDetail) {
    let kept = &detail.kept;
    let mut facts = table(context.language, &["what", "value"]);
    let mut fact = |heading: &str, value: String| {
        facts.add_row([context.text(&format!("cli.column-{heading}"), []), value]);
    };
    fact("id", kept.id.to_string());
    fact("store", kept.store.clone());
    fact("migration", kept.migration.clone());
    fact("object", kept.object.clone());
    fact("place", kept.place.clone());
    fact("rows", kept.rows.to_string());
    fact("size", size(kept));
    fact("at", time(kept.kept_at));
    fact("job", kept.job.to_string());
    fact("comes-back-with", comes_back_with(context, kept));
    fact("expires", optional_time(kept.expires_at));
    fact("state", state(context, kept.state));
    if let Some(drop) = &detail.drop {
        fact("actor", drop.actor.clone());
        fact("reason", drop.reason.clone());
    }
    output::line(&facts.to_string());
    let Some(sample) = &detail.sample else { return };
    if sample.rows.is_empty() {
        return;
    }
    let mut rows = comfy_table::Table::new();
    rows.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY).set_header(&sample.columns);
    for row in &sample.rows {
        rows.add_row(row.iter().map(cell));
    }
    output::line(&rows.to_string());
    let params = [("shown", sample.rows.len().to_string()), ("rows", kept.rows.to_string())];
    output::line(&context.text("cli.preserved-sample", params.iter().map(|(name, value)| (*name, value.as_str()))));
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Export {
    async fn run(self, context: &Context, place: &Place) -> Result<Exit, Failure> {
        let format = match self.format {
            Format::Csv => ExportFormat::Csv,
            Format::Jsonl => ExportFormat::Jsonl,
        };
        let mut pieces = context.client.export_preserved(&place.app, &place.env, self.id, format).await?;
        let Some(path) = &self.output else {
            let mut stdout = tokio::io::stdout();
            write(&mut pieces, &mut stdout).await?;
            return Ok(Exit::Done);
        };
        // An export that is broken off leaves no file that looks whole.
        let partial = partial(path);
        let mut file = tokio::fs::File::create(&partial).await.map_err(Failure::io)?;
        let written = write(&mut pieces, &mut file).await;
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(failure) => {
                // What is left of it is named as what it is.
                let _ = tokio::fs::remove_file(&partial).await;
                return Err(failure);
            }
        };
        file.sync_all().await.map_err(Failure::io)?;
        tokio::fs::rename(&partial, path).await.map_err(Failure::io)?;
        let shown = path.display().to_string();
        if context.json {
            output::json(&json!({ "id": self.id, "path": shown, "bytes": bytes }));
        } else {
            let size = HumanBytes(bytes).to_string();
            output::line(&context.text("cli.preserved-exported", [("path", shown.as_str()), ("size", &size)]));
        }
        Ok(Exit::Done)
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

async fn write(
    pieces: &mut (impl futures::Stream<Item = client::Result<Vec<u8>>> + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(piece) = pieces.try_next().await? {
        to.write_all(&piece).await.map_err(Failure::io)?;
        bytes += piece.len() as u64;
    }
    to.flush().await.map_err(Failure::io)?;
    Ok(bytes)
}

impl Drop {
    async fn run(self, context: &Context, place: &Place) -> Result<Exit, Failure> {
        if !context.json {
            let detail = context.client.get_preserved(&place.app, &place.env, self.id, None).await?;
            let rows = detail.kept.rows.to_string();
            let params = [("object", detail.kept.object.as_str()), ("rows", &rows), ("store", &detail.kept.store)];
            output::line(&context.text("cli.preserved-will-drop", params));
        }
        let protection = context.environment(place).await?.spec.protection;
        let confirmed = confirm(context, &place.env, &protection, self.yes, Some(self.reason)).await?;
        let request = DropKeptRequest { reason: confirmed.reason, confirm: confirmed.confirm };
        let detail = context.client.drop_preserved(&place.app, &place.env, self.id, &request).await?;
        if context.json {
            output::json(&detail);
            return Ok(Exit::Done);
        }
        let key = match detail.kept.state {
            KeptState::Dropped => "cli.preserved-dropped",
            _ => "cli.preserved-dropping",
        };
        output::line(&context.text(key, [("object", detail.kept.object.as_str())]));
        Ok(Exit::Done)
    }
}
