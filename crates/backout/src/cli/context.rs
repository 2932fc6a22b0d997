//! What every command works with.

use std::cell::Cell;

use client::Client;
use domain::ids::JobId;
use domain::view::EnvironmentView;
use i18n::{Language, text};
use secrecy::SecretString;

use super::args::Global;
use super::failure::{Failure, What};
use super::settings::Settings;

pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) language: Language,
    /// Whether the API's data is wanted instead of tables.
    pub(crate) json: bool,
    app: Option<String>,
    env: Option<String>,
    /// The flags that were given, to be repeated in commands that are suggested.
    given: String,
    watched: Cell<Option<JobId>>,
}

/// An application and one of its environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) app: String,
    pub(crate) env: String,
}

impl Context {
    pub(crate) fn new(settings: Settings, global: &Global, language: Language) -> Result<Self, Failure> {
        let token: Option<SecretString> = settings.token;
        let language_tag = language.tag().to_owned();
        let connection =
            client::Settings { url: settings.url, ca_file: settings.ca_file, token, language: language_tag };
        let client = Client::new(connection)?;
        let mut given = String::new();
        for (flag, value) in [("--app", &global.app), ("--env", &global.env)] {
            if let Some(value) = value {
                given.extend([" ", flag, " ", value]);
            }
        }
        Ok(Self {
            client,
            language,
            json: global.json,
            app: settings.app,
            env: settings.env,
            given,
            watched: Cell::new(None),
        })
    }

    /// The sentence of that key in the language of the person.
    pub(crate) fn text<'a>(&self, key: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        text(self.language, key, params)
    }

    /// A command that can be typed as it stands.
    pub(crate) fn command(&self, command: &str) -> String {
        format!("backout {command}{}", self.given)
    }

    /// The same for a command about that place, also where flags and settings name another one or none.
    pub(crate) async fn command_at(&self, command: &str, app: &str, env: &str) -> String {
        match self.place().await {
            Ok(place) if place.app == app && place.env == env => self.command(command),
            _ => format!("backout {command} --app {app} --env {env}"),
        }
    }

    /// The application that was named, or the only one.
    pub(crate) async fn application(&self) -> Result<String, Failure> {
        if let Some(app) = &self.app {
            return Ok(app.clone());
        }
        only(What::Application, self.applications().await?)
    }

    /// The applications that were meant: the one that was named, or all.
    pub(crate) async fn applications(&self) -> Result<Vec<String>, Failure> {
        if let Some(app) = &self.app {
            return Ok(vec![app.clone()]);
        }
        let list = client::every(async |page| self.client.list_applications(&page).await).await?;
        Ok(list.items.into_iter().map(|application| application.name).collect())
    }

    /// The application and the environment that were named, or the only ones.
    pub(crate) async fn place(&self) -> Result<Place, Failure> {
        let app = self.application().await?;
        if let Some(env) = &self.env {
            return Ok(Place { app, env: env.clone() });
        }
        let names = self.environments(&app).await?.into_iter().map(|environment| environment.name).collect();
        let env = only(What::Environment, names)?;
        Ok(Place { app, env })
    }

    /// The environment as it is now.
    pub(crate) async fn environment(&self, place: &Place) -> Result<EnvironmentView, Failure> {
        Ok(self.client.get_environment(&place.app, &place.env).await?)
    }

    /// The environments of an application, or the one that was named.
    pub(crate) async fn environments(&self, app: &str) -> Result<Vec<EnvironmentView>, Failure> {
        let list = client::every(async |page| self.client.list_environments(app, &page).await).await?;
        Ok(list.items.into_iter().filter(|found| self.env.as_ref().is_none_or(|env| *env == found.name)).collect())
    }

    /// The application's name if one was named.
    pub(crate) fn named_application(&self) -> Option<String> {
        self.app.clone()
    }

    /// The environment's name if one was named.
    pub(crate) fn named_environment(&self) -> Option<String> {
        self.env.clone()
    }

    /// Remembers the job that is being watched, for whoever interrupts.
    pub(crate) fn watching(&self, job: Option<JobId>) {
        self.watched.set(job);
    }

    pub(crate) fn watched(&self) -> Option<JobId> {
        self.watched.get()
    }
}

fn only(what: What, mut names: Vec<String>) -> Result<String, Failure> {
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (last, _) => {
            names.extend(last);
            Err(Failure::Choose { what, names })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_needs_no_name_and_of_several_none_is_guessed() {
        assert_eq!(only(What::Environment, vec!["production".into()]).unwrap(), "production");
        for names in [vec![], vec!["a".to_owned(), "b".to_owned()]] {
            let failure = only(What::Environment, names.clone()).unwrap_err();
            assert!(matches!(failure, Failure::Choose { names: told, .. } if told == names));
        }
    }
}
