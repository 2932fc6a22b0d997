//! `backout maintenance on | off`: the page, switched by a person.

use clap::{Args, Subcommand};
use domain::view::MaintenanceRequest;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Subcommand)]
pub(crate) enum Maintenance {
    On(On),
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct On {
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Maintenance {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let job = match self {
            Self::On(On { reason }) => {
                context.client.maintenance_on(&place.app, &place.env, &MaintenanceRequest { reason }).await?
            }
            Self::Off => context.client.maintenance_off(&place.app, &place.env).await?,
        };
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
