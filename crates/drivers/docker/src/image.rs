//! Images.

use sentence::sentence;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::{Engine, checked};
use crate::error::Result;

/// One image, as inspected.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// The digest of its configuration, `sha256:…`: what a container is pinned to.
    pub id: String,
    /// `name@sha256:…` for each registry it came from; empty for images built here.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_digests: Vec<String>,
    /// `name:tag` for each tag.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_tags: Vec<String>,
    /// The defaults that it gives to containers, raw.
    #[serde(default)]
    pub config: Value,
    /// When it was built, RFC 3339; some builders leave it out.
    #[serde(default)]
    pub created: String,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
}

/// One image, as listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageSummary {
    /// The digest of its configuration, `sha256:…`.
    pub id: String,
    /// `name:tag` for each tag.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_tags: Vec<String>,
    /// `name@sha256:…` for each registry it came from.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_digests: Vec<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// When it was built, seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// Bytes.
    #[serde(default)]
    pub size: i64,
}

impl Engine {
    /// The image with this id, tag or digest; `None` if the engine does not have it.
    pub async fn inspect_image(&self, reference: &str) -> Result<Option<Image>> {
        let reference = image_reference(reference)?;
        match self.get(&format!("/images/{reference}/json")).send().await {
            Ok(answer) => answer.json().await.map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives an image one more tag; a tag that another image has is moved.
    pub async fn tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        let reference = image_reference(reference)?;
        self.post(&format!("/images/{reference}/tag"))
            .query(&[("repo", repository), ("tag", tag)])
            .send()
            .await
            .map(drop)
    }

    /// The images that match all filters, such as `("reference", "cms-backend")` or
    /// `("label", "release=v0.8.1")`.
    pub async fn list_images(&self, filters: &[(&str, &str)]) -> Result<Vec<ImageSummary>> {
        self.get("/images/json").query(&[("filters", &filters_json(filters))]).send().await?.json().await
    }
}

pub(crate) fn image_reference(reference: &str) -> Result<&str> {
    checked(sentence!("image reference"), reference, "/:@+")
}

/// The engine's filter form: `{"label":["a=b","c=d"]}`.
pub(crate) fn filters_json(filters: &[(&str, &str)]) -> String {
    let mut map = Map::new();
    for (key, value) in filters {
        let values = map.entry(*key).or_insert_with(|| Value::Array(Vec::new())).as_array_mut();
        if let Some(values) = values {
            values.push(Value::from(*value));
        }
    }
    Value::Object(map).to_string()
}

/// The engine writes empty lists and maps as `null`.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
