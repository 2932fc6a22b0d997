//! `backout rollback`: shows the plan, asks, goes back, and tells how long it took and what undoes it.

use clap::Args;
use domain::view::{EnvironmentView, RollbackRequest};

use crate::cli::args::SchemaChoice;
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watch::watch_and_tell;
use crate::cli::{output, render};

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    #[command(flatten)]
    pub(super) how: How,
}

/// What every change of an environment can be told.
#[derive(Debug, Args)]
pub(crate) struct How {
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub(super) schema: SchemaChoice,
    #[arg(long, value_name = "CODE")]
    pub(super) accept: Vec<String>,
    #[arg(long, short)]
    pub(super) yes: bool,
}

impl Rollback {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let environment = context.environment(&place).await?;
        let mut request = RollbackRequest {
            target: self.version,
            // What was displayed: of two people who ask at once, the second must not go one release further.
            expected_current: Some(current_of(&environment)),
            schema: self.how.schema.into(),
            accept: self.how.accept,
            ..RollbackRequest::default()
        };
        let plan = context.client.plan_rollback(&place.app, &place.env, &request).await?;
        if let Some(refused) = show(context, &plan) {
            return Ok(refused);
        }
        let protection = &environment.spec.protection;
        let confirmed = confirm(context, &place.env, protection, self.how.yes, self.how.reason).await?;
        request.target = Some(plan.to.version.to_string());
        request.plan_digest = Some(plan.digest);
        request.reason = confirmed.reason;
        request.confirm = confirmed.confirm;
        let job = context.client.start_rollback(&place.app, &place.env, &request).await?;
        Ok(Exit::of_job(watch_and_tell(context, job.id).await?.state))
    }
}

/// Shows a plan before it is confirmed; one with blockers ends the command.
pub(super) fn show(context: &Context, plan: &domain::plan::Plan) -> Option<Exit> {
    let runnable = plan.is_runnable();
    if context.json {
        // A script that goes on wants one document: the job.
        if !runnable {
            output::json(plan);
        }
    } else {
        output::line(&render::plan(context.language, plan));
        if !runnable {
            output::error(&context.text("cli.plan-blocked", []));
        }
    }
    (!runnable).then_some(Exit::Refused)
}

/// The version that runs, as requests name it.
pub(super) fn current_of(environment: &EnvironmentView) -> String {
    environment.current.as_ref().map_or_else(|| "none".to_owned(), |current| current.version.to_string())
}
