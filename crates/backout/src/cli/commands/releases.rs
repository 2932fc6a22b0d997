//! `backout releases`: what can be deployed, newest version first.

use clap::Args;
use client::{PageRequest, ReleaseFilter};
use domain::view::WayBack;
use i18n::Language;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, pairs, table, time};
use crate::cli::output;
use crate::cli::render::git;

#[derive(Debug, Args)]
pub(crate) struct Releases {
    #[arg(long, value_name = "SERIES")]
    series: Option<String>,
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Releases {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let app = context.application().await?;
        let filter = ReleaseFilter { series: self.series, search: self.search };
        let page = PageRequest { limit: Some(self.limit), cursor: self.cursor };
        let page = context.client.list_releases(&app, &filter, &page).await?;
        if context.json {
            output::json(&page);
            return Ok(Exit::Done);
        }
        let headings = ["version", "kind", "released", "notes", "git", "images", "schema", "rehearsed"];
        let mut table = table(context.language, &headings);
        for release in &page.items {
            let notes = match context.language {
                Language::ZhCn if !release.notes_zh.is_empty() => &release.notes_zh,
                _ => &release.notes,
            };
            let mut heads = pairs(&release.heads);
            if !release.irreversible.is_empty() {
                let names = release.irreversible.join(", ");
                heads.push('\n');
                heads.push_str(&context.text("cli.irreversible", [("migrations", names.as_str())]));
            }
            table.add_row([
                release.version.to_string(),
                context.text(&format!("cli.kind-{}", release.kind.as_str()), []),
                time(release.released_at),
                if notes.is_empty() { NOTHING.to_owned() } else { notes.clone() },
                git(&release.git),
                pairs(&release.images),
                heads,
                ways_back(context, &release.ways_back),
            ]);
        }
        output::line(&table.to_string());
        output::next_page(context, page.next_cursor.as_deref());
        Ok(Exit::Done)
    }
}

/// What the rehearsals of a release came to, an environment a line.
fn ways_back(context: &Context, ways: &[WayBack]) -> String {
    let lines: Vec<String> = ways
        .iter()
        .map(|way| {
            let state = context.text(&format!("cli.rehearsal-{}", way.state.as_str()), []);
            let reason = way.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{}: {state}{reason}", way.environment)
        })
        .collect();
    if lines.is_empty() { NOTHING.to_owned() } else { lines.join("\n") }
}
