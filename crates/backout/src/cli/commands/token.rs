//! `backout token create | list | revoke`: who may do what.

use chrono::{DateTime, Duration, Utc};
use clap::{Args, Subcommand};
use domain::ids::TokenId;
use domain::view::NewToken;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{optional_time, table, time};
use crate::cli::output;

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    Create(Create),
    List,
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "PERMISSION", required = true, value_delimiter = ',')]
    permission: Vec<String>,
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[arg(value_name = "ID")]
    id: TokenId,
}

impl Token {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(Create { name, permission, expires_in }) => {
                let expires_at: Option<DateTime<Utc>> =
                    expires_in.map(|days| Utc::now() + Duration::days(i64::from(days)));
                let new = NewToken { name, permissions: permission, expires_at };
                let minted = context.client.create_token(&new).await?;
                if context.json {
                    output::json(&minted);
                } else {
                    output::line(&context.text("cli.token-made", [("name", minted.token.name.as_str())]));
                    output::line(&minted.secret);
                }
            }
            Self::List => list(context).await?,
            Self::Revoke(Revoke { id }) => {
                context.client.revoke_token(id).await?;
                if context.json {
                    output::json(&serde_json::json!({ "id": id, "revoked": true }));
                } else {
                    output::line(&context.text("cli.token-revoked", [("id", id.to_string().as_str())]));
                }
            }
        }
        Ok(Exit::Done)
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    // Whoever revokes one has to see it.
    let tokens = client::every(async |page| context.client.list_tokens(&page).await).await?;
    if context.json {
        output::json(&tokens);
        return Ok(());
    }
    let headings = ["id", "name", "prefix", "permissions", "at", "expires", "last-used"];
    let mut table = table(context.language, &headings);
    for token in &tokens.items {
        table.add_row([
            token.id.to_string(),
            token.name.clone(),
            token.prefix.clone(),
            token.permissions.join("\n"),
            time(token.created_at),
            optional_time(token.expires_at),
            optional_time(token.last_used_at),
        ]);
    }
    output::line(&table.to_string());
    Ok(())
}
