//! `backout restore BACKUP`: restores a backup into a database of its own, or only sees that it can.

use clap::Args;
use domain::ids::BackupId;
use domain::view::RestoreRequest;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[arg(value_name = "BACKUP")]
    backup: BackupId,
    #[arg(long, value_name = "DATABASE", required_unless_present = "check", conflicts_with = "check")]
    into: Option<String>,
    #[arg(long)]
    check: bool,
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let request = RestoreRequest { into: self.into, reason: self.reason };
        let job = context.client.start_restore(&place.app, &place.env, self.backup, &request).await?;
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
