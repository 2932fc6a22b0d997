//! `backout env create | set | show`: an environment's settings, from a file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::environment::{EnvironmentSpec, FieldError};
use domain::view::{EnvironmentView, NewEnvironment};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::manifest::{FileError, Source};
use crate::cli::output;

#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    Create(Given),
    Set(Given),
    Show(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Given {
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[arg(value_name = "NAME")]
    name: String,
}

const MAX_BYTES: u64 = 256 * 1024;

impl Env {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(Given { name, file }) => {
                let spec = read(&file)?;
                let app = context.application().await?;
                let made = context.client.create_environment(&app, &NewEnvironment { name, spec }).await?;
                tell(context, "cli.environment-made", &made);
            }
            Self::Set(Given { name, file }) => {
                let spec = read(&file)?;
                let app = context.application().await?;
                let revision = context.client.get_environment(&app, &name).await?.revision;
                let edited = context.client.replace_environment(&app, &name, &spec, Some(revision)).await?;
                tell(context, "cli.environment-set", &edited);
            }
            Self::Show(Named { name }) => {
                let app = context.application().await?;
                // Settings are nested; JSON is what reads best and what `env set` takes back.
                output::json(&context.client.get_environment(&app, &name).await?.spec);
            }
        }
        Ok(Exit::Done)
    }
}

fn read(path: &Path) -> Result<EnvironmentSpec, FileError> {
    let source = Source::read(path, MAX_BYTES)?;
    let spec: EnvironmentSpec = match path.extension() {
        Some(extension) if extension == "json" => source.parse_json()?,
        _ => source.parse_toml()?,
    };
    let mistakes = spec.validate();
    if mistakes.is_empty() { Ok(spec) } else { Err(FileError::wrong(path, None, FieldError::together(&mistakes))) }
}

fn tell(context: &Context, key: &str, environment: &EnvironmentView) {
    if context.json {
        output::json(environment);
        return;
    }
    let revision = environment.revision.to_string();
    let params = [
        ("application", environment.application.as_str()),
        ("name", environment.name.as_str()),
        ("revision", revision.as_str()),
    ];
    output::line(&context.text(key, params));
}

#[cfg(test)]
mod tests {
    use i18n::Language;

    use super::*;

    fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    const TOML: &str = r#"
[[hosts]]
name = "local"
docker = "unix:///var/run/docker.sock"

[[services]]
name = "web"
hosts = ["local"]
container = "cms-web"
port = 8080
env.DATABASE_URL.secret = "mysql://u:p@h/db"
env.REGION.plain = "eu"
"#;

    #[test]
    fn settings_are_the_same_from_toml_and_json() {
        let (_one, toml) = file("production.toml", TOML);
        let spec = read(&toml).unwrap();
        let (_two, json) = file("production.json", &serde_json::to_string(&spec).unwrap());
        assert_eq!(read(&json).unwrap(), spec);
        assert_eq!(spec.services[0].env.len(), 2);
    }

    #[test]
    fn a_mistake_names_file_and_line_or_field() {
        let (_one, misspelt) = file("a.toml", &TOML.replace("port = 8080", "prot = 8080"));
        let message = read(&misspelt).unwrap_err().message(Language::En);
        assert!(message.contains("a.toml:") && message.contains("prot"), "{message}");
        let (_two, dangling) = file("b.toml", &TOML.replace("hosts = [\"local\"]", "hosts = [\"gone\"]"));
        let message = read(&dangling).unwrap_err().message(Language::En);
        assert!(message.contains("services[0].hosts[0]"), "{message}");
    }
}
