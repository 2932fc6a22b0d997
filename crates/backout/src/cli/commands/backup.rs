//! `backout backup`: backs data stores up anew.

use clap::Args;
use domain::view::BackupRequest;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[arg(long, value_name = "NAME")]
    store: Vec<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let request = BackupRequest { stores: self.store, reason: self.reason };
        let job = context.client.start_backup(&place.app, &place.env, &request).await?;
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
