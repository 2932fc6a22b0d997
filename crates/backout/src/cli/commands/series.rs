//! `backout series list | set`: what all releases of a series can run on.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::series::SeriesRules;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, pairs, table};
use crate::cli::manifest::{FileError, Source};
use crate::cli::output;

const MAX_BYTES: u64 = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Series {
    List,
    Set(Set),
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[arg(value_name = "SERIES")]
    series: String,
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
}

impl Series {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let app = context.application().await?;
        let views = match self {
            Self::List => context.client.list_series(&app).await?.items,
            Self::Set(Set { series, file }) => {
                let rules = read(&file)?;
                vec![context.client.replace_series(&app, &series, &rules).await?]
            }
        };
        if context.json {
            output::json(&views);
            return Ok(Exit::Done);
        }
        if views.is_empty() {
            output::line(&context.text("cli.no-series", []));
            return Ok(Exit::Done);
        }
        let headings = ["series", "needs", "schema-heads", "frontend", "breaking", "notes"];
        let mut table = table(context.language, &headings);
        for view in &views {
            let rules = &view.rules;
            let heads = rules.runs_on.iter().map(|(store, range)| {
                let bound = |bound: &Option<String>| bound.clone().unwrap_or_else(|| NOTHING.to_owned());
                format!("{store}: {} … {}", bound(&range.min), bound(&range.max))
            });
            let heads = heads.collect::<Vec<_>>().join("\n");
            let text = |text: &str| if text.is_empty() { NOTHING.to_owned() } else { text.to_owned() };
            table.add_row([
                view.series.clone(),
                pairs(&rules.requires),
                text(&heads),
                text(&rules.frontend),
                context.text(if rules.breaking { "cli.yes" } else { "cli.no" }, []),
                text(&rules.notes),
            ]);
        }
        output::line(&table.to_string());
        Ok(Exit::Done)
    }
}

/// TOML, or JSON where the file's name says so.
fn read(path: &Path) -> Result<SeriesRules, FileError> {
    let source = Source::read(path, MAX_BYTES)?;
    match path.extension() {
        Some(extension) if extension == "json" => source.parse_json(),
        _ => source.parse_toml(),
    }
}
