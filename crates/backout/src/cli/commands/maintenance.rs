//! `backout maintenance on | off`: the page, switched by a person.

use clap::{Args, Subcommand};
use domain::view::MaintenanceRequest;

use crate::cli::confirm::{Confirmed, confirm};
use crate::cli::context::{Context, Place};
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
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[arg(long, short)]
    yes: bool,
}

impl On {
    /// A protected environment is not taken off the network by a slip of the hand; elsewhere nothing is asked.
    async fn request(self, context: &Context, place: &Place) -> Result<MaintenanceRequest, Failure> {
        let protection = context.environment(place).await?.spec.protection;
        if !protection.typed_confirmation {
            return Ok(MaintenanceRequest { reason: self.reason.unwrap_or_default(), confirm: None });
        }
        let Confirmed { reason, confirm } = confirm(context, &place.env, &protection, self.yes, self.reason).await?;
        Ok(MaintenanceRequest { reason, confirm })
    }
}

impl Maintenance {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let job = match self {
            Self::On(on) => {
                let request = on.request(context, &place).await?;
                context.client.maintenance_on(&place.app, &place.env, &request).await?
            }
            Self::Off => context.client.maintenance_off(&place.app, &place.env).await?,
        };
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
