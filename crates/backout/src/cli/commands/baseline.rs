//! `backout baseline`: adopts a data store that was there before.

use clap::Args;
use domain::view::BaselineRequest;

use super::repair::answer;
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::render;

#[derive(Debug, Args)]
pub(crate) struct Baseline {
    #[arg(value_name = "STORE")]
    store: String,
    #[arg(long, value_name = "VERSION")]
    release: String,
    #[arg(long, value_name = "MIGRATION")]
    through: Option<String>,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, short)]
    yes: bool,
}

impl Baseline {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        if !context.json {
            render::drift(context, &context.client.get_drift(&place.app, &place.env, &self.store).await?);
            let params = [("store", self.store.as_str()), ("version", self.release.as_str())];
            output::line(&context.text("cli.baseline-will", params));
        }
        let protection = context.environment(&place).await?.spec.protection;
        let confirmed = confirm(context, &place.env, &protection, self.yes, Some(self.reason)).await?;
        let request = BaselineRequest {
            release: self.release,
            through: self.through,
            reason: confirmed.reason,
            confirm: confirmed.confirm,
        };
        let view = context.client.record_baseline(&place.app, &place.env, &self.store, &request).await?;
        Ok(answer(context, &view))
    }
}
