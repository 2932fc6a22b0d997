//! `POST /api/v1/auth/login`. The example keeps no passwords: whoever has a known email gets a token, and no
//! endpoint asks for it. What matters here is that the endpoint answers as a real one would.

use std::{fmt::Write as _, sync::Arc};

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    audit,
    envelope::{Answer, ApiError, Body},
};

#[derive(Deserialize)]
pub(crate) struct Login {
    email: String,
}

pub(crate) async fn login(State(app): State<Arc<App>>, Body(Login { email }): Body<Login>) -> Result<Answer, ApiError> {
    let mut transaction = app.databases.mariadb.begin().await?;
    let id: Option<u64> = sqlx::query_scalar("SELECT id FROM users WHERE email = ?")
        .bind(&email)
        .fetch_optional(&mut *transaction)
        .await?;
    let id = id.ok_or(ApiError::Unauthorized)?;
    audit::write(app.release, &mut transaction, "user.logged_in", &format!("users/{id}")).await?;
    transaction.commit().await?;

    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let token = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Answer::ok(json!({ "token": token, "token_type": "Bearer" })))
}
