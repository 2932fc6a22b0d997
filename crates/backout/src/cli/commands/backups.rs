//! `backout backups`: the verified backups of an environment, and how far back each data store would fall.

use clap::Args;
use client::PageRequest;
use domain::view::{BackupView, RecoveryPoint};
use indicatif::HumanBytes;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{duration, optional_time, table, time};
use crate::cli::output;

#[derive(Debug, Args)]
pub(crate) struct Backups {
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Backups {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let page = PageRequest { limit: Some(self.limit), cursor: self.cursor };
        let page = context.client.list_backups(&place.app, &place.env, self.store.as_deref(), &page).await?;
        if context.json {
            output::json(&page);
            return Ok(Exit::Done);
        }
        if page.items.is_empty() {
            output::line(&context.text("cli.no-backups", []));
        } else {
            let mut table =
                table(context.language, &["id", "store", "contents-of", "size", "place", "job", "restored"]);
            for backup in &page.items {
                table.add_row(row(backup));
            }
            output::line(&table.to_string());
        }
        for point in &page.recovery_points {
            output::line(&recovery_point(context, &place.env, point));
        }
        output::next_page(context, page.next_cursor.as_deref());
        Ok(Exit::Done)
    }
}

fn row(backup: &BackupView) -> [String; 7] {
    [
        backup.id.to_string(),
        backup.store.clone(),
        time(backup.begun_at),
        HumanBytes(backup.bytes).to_string(),
        backup.path.clone(),
        backup.job.to_string(),
        optional_time(backup.restored_at),
    ]
}

/// How much of a data store would be lost if it were lost now.
pub(crate) fn recovery_point(context: &Context, environment: &str, point: &RecoveryPoint) -> String {
    let store = point.store.as_str();
    match point.age_seconds {
        None => context.text("cli.no-recovery-point", [("environment", environment), ("store", store)]),
        Some(seconds) => {
            let age = duration(context.language, seconds.saturating_mul(1_000));
            context.text("cli.recovery-point", [("environment", environment), ("store", store), ("age", age.as_str())])
        }
    }
}
