//! Building an image from a few files: for the demo and for tests, not for releases.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::{Error, Result};

const BUILD_DEADLINE: Duration = Duration::from_mins(10);
/// The largest build output that is read.
const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;

/// Builds `tag` from a Dockerfile and files given as (path in the context, path here), with the
/// engine's classic builder and no network. Answers the image's id.
pub async fn build_image(engine: &Engine, tag: &str, dockerfile: &str, files: &[(&str, PathBuf)]) -> Result<String> {
    let context = context_tar(tag, dockerfile, files).await?;
    let mut answer = engine
        .post("/build")
        .query(&[("t", tag), ("rm", "true"), ("forcerm", "true"), ("networkmode", "none")])
        .tar(context)
        .within(BUILD_DEADLINE)
        .send()
        .await?;
    let output = answer.body(OUTPUT_LIMIT).await?;
    built_id(tag, &output)
}

async fn context_tar(tag: &str, dockerfile: &str, files: &[(&str, PathBuf)]) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    // The engine cannot read the format that the library uses for files with holes.
    builder.sparse(false);
    append(tag, &mut builder, "Dockerfile", 0o644, dockerfile.as_bytes())?;
    for (name, path) in files {
        let unreadable = |error: std::io::Error| build_error(tag, sentence!("{path}: {error}", path, error));
        let content = tokio::fs::read(path).await.map_err(unreadable)?;
        let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
        let mode = metadata.permissions().mode() & 0o777;
        append(tag, &mut builder, name, mode, &content)?;
    }
    builder.into_inner().map_err(|error| build_error(tag, Sentence::verbatim(error.to_string())))
}

fn append(tag: &str, builder: &mut tar::Builder<Vec<u8>>, name: &str, mode: u32, content: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    // Always the same time, so that the builder's cache sees an unchanged file as unchanged.
    header.set_mtime(0);
    builder
        .append_data(&mut header, name, content)
        .map_err(|error| build_error(tag, sentence!("{path}: {error}", path = name, error)))
}

/// The output is one JSON object a line, with status 200 even when the build fails.
fn built_id(tag: &str, output: &Bytes) -> Result<String> {
    let mut id = None;
    for message in serde_json::Deserializer::from_slice(output).into_iter::<Value>() {
        let message = message.map_err(|error| build_error(tag, Sentence::verbatim(error.to_string())))?;
        if let Some(error) = message["error"].as_str() {
            return Err(build_error(tag, Sentence::verbatim(error)));
        }
        if let Some(built) = message["aux"]["ID"].as_str() {
            id = Some(built.to_owned());
        }
    }
    id.ok_or_else(|| build_error(tag, sentence!("the builder named no image")))
}

fn build_error(tag: &str, message: Sentence) -> Error {
    Error::Build { tag: tag.to_owned(), message }
}
