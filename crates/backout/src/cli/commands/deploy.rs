//! `backout deploy VERSION`: the way forward, and the way to undo a rollback.

use clap::Args;
use domain::view::DeployRequest;

use super::rollback::{How, current_of, show};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[arg(value_name = "VERSION")]
    version: String,
    #[command(flatten)]
    how: How,
}

impl Deploy {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let environment = context.environment(&place).await?;
        let mut request = DeployRequest {
            version: self.version,
            expected_current: Some(current_of(&environment)),
            schema: self.how.schema.into(),
            accept: self.how.accept,
            ..DeployRequest::default()
        };
        let plan = context.client.plan_deployment(&place.app, &place.env, &request).await?;
        if let Some(refused) = show(context, &plan) {
            return Ok(refused);
        }
        let protection = &environment.spec.protection;
        let confirmed = confirm(context, &place.env, protection, self.how.yes, self.how.reason).await?;
        request.plan_digest = Some(plan.digest);
        request.reason = confirmed.reason;
        request.confirm = confirmed.confirm;
        let job = context.client.start_deployment(&place.app, &place.env, &request).await?;
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}
