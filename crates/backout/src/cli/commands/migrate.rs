//! `backout migrate VERSION`: applies a release's migrations ahead of it, while the version that runs goes on.

use clap::Args;
use domain::view::MigrateRequest;

use super::rollback::show;
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[arg(value_name = "VERSION")]
    version: String,
    #[arg(long, value_name = "MIGRATION")]
    through: Option<String>,
    #[arg(long)]
    dry_run: bool,
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[arg(long, short)]
    yes: bool,
}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let environment = context.environment(&place).await?;
        let mut request = MigrateRequest {
            release: self.version,
            through: self.through,
            accept: self.accept,
            ..MigrateRequest::default()
        };
        let plan = context.client.plan_migrations(&place.app, &place.env, &request).await?;
        if let Some(refused) = show(context, &plan) {
            return Ok(refused);
        }
        if self.dry_run {
            if context.json {
                crate::cli::output::json(&plan);
            }
            return Ok(Exit::Done);
        }
        let protection = &environment.spec.protection;
        let confirmed = confirm(context, &place.env, protection, self.yes, self.reason).await?;
        request.plan_digest = Some(plan.digest);
        request.reason = confirmed.reason;
        request.confirm = confirmed.confirm;
        let job = context.client.start_migrations(&place.app, &place.env, &request).await?;
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
