//! `backout plan`: what a rollback or a deployment would do. Nothing is changed.

use clap::Args;
use domain::view::{DeployRequest, LossView, RollbackRequest};

use crate::cli::args::SchemaChoice;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{output, render};

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[arg(value_name = "VERSION", conflicts_with = "deploy")]
    version: Option<String>,
    #[arg(long, value_name = "VERSION")]
    deploy: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    schema: SchemaChoice,
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[arg(long, conflicts_with = "deploy")]
    samples: bool,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let plan = if let Some(version) = self.deploy {
            let request =
                DeployRequest { version, schema: self.schema.into(), accept: self.accept, ..DeployRequest::default() };
            context.client.plan_deployment(&place.app, &place.env, &request).await?
        } else {
            let environment = context.environment(&place).await?;
            let request = RollbackRequest {
                target: self.version,
                expected_current: Some(super::rollback::current_of(&environment)),
                schema: self.schema.into(),
                accept: self.accept,
                ..RollbackRequest::default()
            };
            if self.samples {
                let losses = context.client.sample_losses(&place.app, &place.env, &request).await?;
                if context.json {
                    output::json(&losses);
                } else {
                    samples(context, &losses);
                }
                return Ok(Exit::Done);
            }
            context.client.plan_rollback(&place.app, &place.env, &request).await?
        };
        if context.json {
            output::json(&plan);
        } else {
            output::line(render::plan(context.language, &plan).trim_end());
        }
        Ok(if plan.is_runnable() { Exit::Done } else { Exit::Refused })
    }
}

/// What the target would not know, with some of it.
fn samples(context: &Context, losses: &[LossView]) {
    if losses.is_empty() {
        output::line(&context.text("cli.no-losses", []));
    }
    for LossView { loss, samples } in losses {
        let rows = loss.loss.rows.map_or_else(|| context.text("cli.not-counted", []), |rows| rows.to_string());
        let params = [("store", loss.store.as_str()), ("object", &loss.loss.object), ("rows", &rows)];
        output::line(&context.text("cli.loss", params));
        for sample in samples {
            output::line(&format!("  {sample}"));
        }
    }
}
