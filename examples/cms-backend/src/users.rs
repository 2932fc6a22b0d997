//! Users, kept in MariaDB.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;

use crate::{
    app::App,
    audit,
    envelope::{Answer, ApiError, Body, text},
};

/// The newest 100; column 5 exists only where the release has two-factor authentication.
const LIST: &str = "SELECT u.id, u.name, u.email, r.name, DATE_FORMAT(u.created_at, '%Y-%m-%dT%H:%i:%sZ') \
    FROM users u JOIN roles r ON r.id = u.role_id ORDER BY u.id DESC LIMIT 100";
const LIST_WITH_TWO_FACTOR: &str = "SELECT u.id, u.name, u.email, r.name, \
    DATE_FORMAT(u.created_at, '%Y-%m-%dT%H:%i:%sZ'), u.two_factor_enabled \
    FROM users u JOIN roles r ON r.id = u.role_id ORDER BY u.id DESC LIMIT 100";
const INSERT: &str = "INSERT INTO users (name, email, role_id) SELECT ?, ?, id FROM roles WHERE name = 'author'";

#[derive(Serialize)]
struct User {
    id: u64,
    name: String,
    email: String,
    role: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    two_factor_enabled: Option<bool>,
}

#[derive(Deserialize)]
pub(crate) struct NewUser {
    name: String,
    email: String,
}

/// `GET /api/v1/users`, newest first.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Answer, ApiError> {
    let with_two_factor = app.release.has_two_factor();
    let query = if with_two_factor { LIST_WITH_TWO_FACTOR } else { LIST };
    let rows = sqlx::query(query).fetch_all(&app.databases.mariadb).await?;
    let users: Vec<User> = rows
        .iter()
        .map(|row| {
            Ok(User {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                email: row.try_get(2)?,
                role: row.try_get(3)?,
                created_at: row.try_get(4)?,
                two_factor_enabled: if with_two_factor { Some(row.try_get(5)?) } else { None },
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(Answer::items(&users))
}

/// `POST /api/v1/users` `{name, email}`
pub(crate) async fn create(State(app): State<Arc<App>>, Body(user): Body<NewUser>) -> Result<Answer, ApiError> {
    let name = text("name", &user.name, 100)?;
    let email = text("email", &user.email, 190)?;
    if !email.contains('@') {
        return Err(ApiError::BadRequest("email must contain an @".into()));
    }
    let mut transaction = app.databases.mariadb.begin().await?;
    let inserted = sqlx::query(INSERT).bind(&name).bind(&email).execute(&mut *transaction).await;
    let id = match inserted {
        Ok(done) => done.last_insert_id(),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            return Err(ApiError::Conflict("a user with this email exists".into()));
        }
        Err(error) => return Err(error.into()),
    };
    audit::write(app.release, &mut transaction, "user.created", &format!("users/{id}")).await?;
    transaction.commit().await?;
    Ok(Answer::created(json!({ "id": id, "name": name, "email": email })))
}
