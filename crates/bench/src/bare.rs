//! The bare limit of the API: axum and sqlx with nothing around them, in a process of its own as the product is.

use std::net::SocketAddr;

use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use domain::view::NewApplication;
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use testkit::process::Launch;
use testkit::{ReservedPort, Scratch, Server};

/// The argument that makes this program the bare server.
pub(crate) const SUBCOMMAND: &str = "bare-api";
/// As many as the product has.
const CONNECTIONS: u32 = 20;

/// The bare server as a process.
pub(crate) struct Bare {
    _server: Server,
    _scratch: Scratch,
    port: ReservedPort,
}

impl Bare {
    pub(crate) async fn start(url: &str) -> Result<Self> {
        let (scratch, port) = (Scratch::new("bare")?, ReservedPort::new()?);
        let launch = Launch::new(std::env::current_exe()?, scratch.path().join("bare.log"));
        let server = Server::spawn(launch.args([SUBCOMMAND, &port.address().to_string(), url]))?;
        let bare = Self { _server: server, _scratch: scratch, port };
        let wait = std::time::Duration::from_secs(20);
        testkit::eventually(wait, || crate::load::answers(bare.address(), "/")).await?;
        Ok(bare)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

pub(crate) async fn serve(listen: &str, url: &str) -> Result<()> {
    let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    let router = Router::new()
        .route("/", get(StatusCode::OK))
        .route("/applications/{name}", get(show))
        .route("/applications", post(create))
        .with_state(pool);
    axum::serve(tokio::net::TcpListener::bind(listen).await?, router).await?;
    Ok(())
}

async fn show(State(pool): State<MySqlPool>, Path(name): Path<String>) -> Result<Json<Value>, StatusCode> {
    let row = sqlx::query("SELECT id, name, description, created_at FROM applications WHERE name = ?")
        .bind(name)
        .fetch_one(&pool)
        .await
        .map_err(refused)?;
    let (id, created): (uuid::Uuid, DateTime<Utc>) =
        (row.try_get("id").map_err(refused)?, row.try_get("created_at").map_err(refused)?);
    let (name, description): (String, String) =
        (row.try_get("name").map_err(refused)?, row.try_get("description").map_err(refused)?);
    Ok(Json(json!({ "id": id, "name": name, "description": description, "created_at": created })))
}

/// One durable row, and nothing else.
async fn create(State(pool): State<MySqlPool>, Json(new): Json<NewApplication>) -> Result<StatusCode, StatusCode> {
    sqlx::query("INSERT INTO bare (id, name, description, created_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))")
        .bind(uuid::Uuid::now_v7())
        .bind(&new.name)
        .bind(&new.description)
        .execute(&pool)
        .await
        .map_err(refused)?;
    Ok(StatusCode::CREATED)
}

fn refused(_: sqlx::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
