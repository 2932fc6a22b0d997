//! `backout gateway`: what the operator gives the gateway once, so that it can show the maintenance page.

use std::path::Path;

use domain::environment::{Gateway, GatewayKind};
use driver_gateway::nginx::{file_stem, snippet};
use sentence::Sentence;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;

/// The snippet goes to standard output, so that it can be redirected into its file; how, to standard error.
pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let place = context.place().await?;
    let environment = context.environment(&place).await?;
    let Some(Gateway { kind: GatewayKind::Nginx, directory, .. }) = environment.spec.gateway else {
        let detail = context.text("cli.gateway-unset", [("environment", place.env.as_str())]);
        return Err(Failure::Settings(Sentence::verbatim(detail)));
    };
    let name = file_stem(&format!("{}/{}", place.app, place.env));
    let (file, snippet) = (format!("{directory}/{name}.conf"), snippet(Path::new(&directory), &name));
    let include = format!("include {file};");
    if context.json {
        output::json(&json!({ "file": file, "include": include, "snippet": snippet }));
    } else {
        output::line(snippet.trim_end());
        output::error(&context.text("cli.gateway-how", [("file", file.as_str()), ("include", &include)]));
    }
    Ok(Exit::Done)
}
