//! Articles, kept in MongoDB and listed through the cache.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::App,
    envelope::{Answer, ApiError, Body, text},
};

const LIST_LIMIT: i64 = 100;
/// Where neither `CACHE_TTL_SECONDS` nor table `cache_settings` says anything.
const DEFAULT_TTL_SECONDS: u64 = 60;

/// An article as it is listed; cached in this form.
#[derive(Serialize, Deserialize)]
struct Article {
    id: String,
    title: String,
    body: String,
    created_at: Option<String>,
    /// Only where the release knows it. A document without metadata shows it as null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

#[derive(Default, Serialize, Deserialize)]
struct Metadata {
    version: Value,
    draft: Value,
}

impl Article {
    fn read(document: &Document) -> Self {
        let text = |name| document.get_str(name).unwrap_or_default().to_owned();
        let metadata = document.get_document("metadata").ok();
        let field = |name| metadata.and_then(|metadata| metadata.get(name)).map_or(Value::Null, plain_json);
        Self {
            id: document.get("_id").map_or_else(String::new, id_text),
            title: text("title"),
            body: text("body"),
            created_at: document.get_datetime("created_at").ok().and_then(|at| at.try_to_rfc3339_string().ok()),
            metadata: Some(Metadata { version: field("version"), draft: field("draft") }),
        }
    }

    /// The form that the release shows, whichever release has cached the article.
    fn shown(self, with_metadata: bool) -> Self {
        let metadata = with_metadata.then(|| self.metadata.unwrap_or_default());
        Self { metadata, ..self }
    }
}

#[derive(Deserialize)]
pub(crate) struct NewArticle {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    draft: bool,
}

/// `GET /api/v1/articles`, newest first. `X-Cache` says where the list came from.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let cached = match &app.cache {
        Some(cache) => cache.articles().await.and_then(|json| serde_json::from_str::<Vec<Article>>(&json).ok()),
        None => None,
    };
    let (origin, articles) = match cached {
        Some(articles) => ("hit", articles),
        None => ("miss", read_and_cache(&app).await?),
    };
    let with_metadata = app.release.has_article_metadata();
    let shown: Vec<_> = articles.into_iter().map(|article| article.shown(with_metadata)).collect();
    Ok(([("x-cache", origin)], Answer::items(&shown)).into_response())
}

/// `POST /api/v1/articles` `{title, body?, draft?}`
pub(crate) async fn create(State(app): State<Arc<App>>, Body(article): Body<NewArticle>) -> Result<Answer, ApiError> {
    let mut document = doc! {
        "title": text("title", &article.title, 200)?,
        "body": article.body,
        "created_at": DateTime::now(),
    };
    if app.release.has_article_metadata() {
        document.insert("metadata", doc! { "version": 1, "draft": article.draft });
    }
    let inserted = app.databases.mongodb.collection::<Document>("articles").insert_one(&document).await?;
    document.insert("_id", inserted.inserted_id);
    if let Some(cache) = &app.cache {
        cache.forget_articles().await;
    }
    let created = Article::read(&document).shown(app.release.has_article_metadata());
    Ok(Answer::created(json!(created)))
}

async fn read_and_cache(app: &App) -> Result<Vec<Article>, ApiError> {
    let collection = app.databases.mongodb.collection::<Document>("articles");
    let newest = collection.find(doc! {}).sort(doc! { "created_at": -1 }).limit(LIST_LIMIT).await?;
    let documents: Vec<Document> = newest.try_collect().await?;
    let articles: Vec<_> = documents.iter().map(Article::read).collect();
    if let (Some(cache), Ok(json)) = (&app.cache, serde_json::to_string(&articles)) {
        let ttl = if app.release.cache_expires() { Some(ttl_seconds(app).await?) } else { None };
        cache.keep_articles(&json, ttl).await;
    }
    Ok(articles)
}

/// The environment's setting, or the one in MariaDB.
async fn ttl_seconds(app: &App) -> Result<u64, sqlx::Error> {
    if let Some(seconds) = app.cache_ttl_seconds {
        return Ok(seconds);
    }
    let seconds: Option<u32> = sqlx::query_scalar("SELECT ttl_seconds FROM cache_settings WHERE name = 'articles'")
        .fetch_optional(&app.databases.mariadb)
        .await?;
    Ok(seconds.map_or(DEFAULT_TTL_SECONDS, u64::from))
}

/// Numbers as JSON numbers: a script may have stored an integer as a double.
fn plain_json(value: &Bson) -> Value {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "only whole numbers come here")]
        Bson::Double(number) if number.fract() == 0.0 => json!(*number as i64),
        other => other.clone().into_relaxed_extjson(),
    }
}

fn id_text(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(id) => id.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_without_metadata_shows_nulls() {
        let shown = json!(Article::read(&doc! { "_id": "a", "title": "Old" }).shown(true));
        assert_eq!(shown["metadata"], json!({ "version": null, "draft": null }));
    }

    #[test]
    fn a_release_without_metadata_does_not_show_what_another_has_cached() {
        let document = doc! { "_id": "a", "title": "New", "metadata": { "version": 1.0, "draft": false } };
        let cached = json!([Article::read(&document)]).to_string();
        let mut articles: Vec<Article> = serde_json::from_str(&cached).unwrap();
        assert_eq!(json!(articles)[0]["metadata"], json!({ "version": 1, "draft": false }));
        let shown = json!(articles.remove(0).shown(false));
        assert_eq!(shown.get("metadata"), None);
    }
}
