//! `backout status`: what runs where.

use domain::view::{EnvironmentView, Page};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, pairs, short_commit, table, time};
use crate::cli::output;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let mut items = Vec::new();
    for app in context.applications().await? {
        items.extend(context.environments(&app).await?);
    }
    if items.is_empty() && context.named_environment().is_some() {
        // An environment that was named and is not there is told as such.
        items.push(context.environment(&context.place().await?).await?);
    }
    if context.json {
        output::json(&Page { items, next_cursor: None });
        return Ok(Exit::Done);
    }
    if items.is_empty() {
        output::line(&context.text("cli.no-environments", []));
        return Ok(Exit::Done);
    }
    let headings = ["application", "environment", "version", "since", "tag", "commit", "image", "job"];
    let mut table = table(context.language, &headings);
    for environment in &items {
        table.add_row(row(environment));
    }
    output::line(&table.to_string());
    for environment in &items {
        if let Some(reason) = &environment.maintenance {
            let params = [("environment", environment.name.as_str()), ("reason", reason)];
            output::line(&context.text("cli.maintenance-is-on", params));
        }
    }
    Ok(Exit::Done)
}

fn row(environment: &EnvironmentView) -> [String; 8] {
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_owned());
    let current = environment.current.as_ref();
    [
        environment.application.clone(),
        environment.name.clone(),
        or_nothing(current.map(|current| current.version.to_string())),
        or_nothing(current.map(|current| time(current.since))),
        or_nothing(current.and_then(|current| current.git.tag.clone())),
        or_nothing(current.and_then(|current| current.git.commit.as_deref().map(short_commit))),
        or_nothing(current.map(|current| pairs(&current.images))),
        or_nothing(environment.active_job.map(|job| job.to_string())),
    ]
}
