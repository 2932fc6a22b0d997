//! The container engine of one host, as a step uses it.

use std::time::Duration;

use driver_docker::{CarriedOver, Engine, Image, RestartPolicy};
use saga::{StepContext, StepError};
use sentence::{Sentence, sentence};

use crate::container::Container;
use crate::error::{docker_error, world_changed};
use crate::masks::Masks;
use crate::provider::Provider;

/// Log lines that go into an error.
const LOG_LINES: u32 = 20;
/// Of these lines, the last characters.
const LOG_CHARACTERS: usize = 2_000;

/// A container whose output goes into an error where it fails.
#[derive(Clone, Copy)]
pub(crate) struct Watched<'a> {
    /// Its name or id.
    pub(crate) container: &'a str,
    /// The service whose secrets it knows.
    pub(crate) service: &'a str,
    pub(crate) provider: &'a dyn Provider,
}

/// An engine whose changes are each preceded by a look at the job's claim.
pub(crate) struct Host<'a> {
    pub(crate) engine: Engine,
    name: &'a str,
    cx: &'a StepContext,
}

impl<'a> Host<'a> {
    pub(crate) async fn open(provider: &dyn Provider, cx: &'a StepContext, name: &'a str) -> Result<Self, StepError> {
        let engine = provider.docker(cx.held().job, name).await?;
        Ok(Self { engine, name, cx })
    }

    pub(crate) async fn inspect(&self, container: &str) -> Result<Option<Container>, StepError> {
        Ok(self.engine.inspect(container).await.map_err(|error| self.error(&error))?.map(Container))
    }

    /// The container that is known to be there.
    pub(crate) async fn inspect_existing(&self, container: &str) -> Result<Container, StepError> {
        self.inspect(container).await?.ok_or_else(|| {
            world_changed(sentence!(
                "host {host}: container {container} was removed by somebody else",
                host = self.name,
                container
            ))
        })
    }

    pub(crate) async fn image(&self, reference: &str) -> Result<Option<Image>, StepError> {
        self.engine.inspect_image(reference).await.map_err(|error| self.error(&error))
    }

    /// The host's own name.
    pub(crate) async fn own_name(&self) -> Result<String, StepError> {
        Ok(self.engine.info().await.map_err(|error| self.error(&error))?.name)
    }

    /// Whether a container that is up was sent a signal since its start, as by a stop that is under way.
    pub(crate) async fn was_signalled(&self, container: &Container) -> Result<bool, StepError> {
        let Some(start) = container.started_at() else { return Ok(false) };
        self.engine.was_signalled_since(container.id(), start).await.map_err(|error| self.error(&error))
    }

    /// `false` if it was not running.
    pub(crate) async fn stop(&self, container: &Container) -> Result<bool, StepError> {
        self.cx.assert_held().await?;
        self.engine.stop(container.id(), container.grace()).await.map_err(|error| self.error(&error))
    }

    pub(crate) async fn start(&self, container: &str) -> Result<(), StepError> {
        self.cx.assert_held().await?;
        self.engine.start(container).await.map(drop).map_err(|error| self.error(&error))
    }

    pub(crate) async fn rename(&self, container: &Container, name: &str) -> Result<(), StepError> {
        self.cx.assert_held().await?;
        self.engine.rename(container.id(), name).await.map_err(|error| self.error(&error))
    }

    pub(crate) async fn set_restart_policy(
        &self,
        container: &Container,
        policy: &RestartPolicy,
    ) -> Result<(), StepError> {
        self.cx.assert_held().await?;
        self.engine.update_restart_policy(container.id(), policy).await.map_err(|error| self.error(&error))
    }

    pub(crate) async fn create(&self, name: &str, carried: &CarriedOver) -> Result<String, StepError> {
        self.cx.assert_held().await?;
        self.engine.create_carried_over(name, carried).await.map_err(|error| self.error(&error))
    }

    pub(crate) async fn connect_networks(&self, container: &str, carried: &CarriedOver) -> Result<(), StepError> {
        self.cx.assert_held().await?;
        self.engine.connect_networks(container, carried).await.map_err(|error| self.error(&error))
    }

    /// Removes a container that does not run; volumes stay.
    pub(crate) async fn remove(&self, container: &Container) -> Result<(), StepError> {
        self.cx.assert_held().await?;
        self.engine.remove(container.id(), false).await.map(drop).map_err(|error| self.error(&error))
    }

    /// Stops the container if need be, and removes it; volumes stay.
    pub(crate) async fn stop_and_remove(&self, container: &Container) -> Result<(), StepError> {
        if container.is_up() {
            self.stop(container).await?;
        }
        self.remove(container).await
    }

    /// Its last output without the secrets that it knows, for an error; what cannot be read is said instead.
    pub(crate) async fn last_output(&self, watched: Watched<'_>) -> Sentence {
        let masks = match Masks::of(watched.provider, self.cx, watched.service).await {
            Ok(masks) => masks,
            Err(error) => {
                return sentence!(
                    "its output is not shown, since its secrets cannot be told: {error}",
                    error = error.message
                );
            }
        };
        let log = match self.engine.logs(watched.container, LOG_LINES).await {
            Ok(log) => masks.hide(log.trim_end()),
            Err(error) => return sentence!("its output cannot be read: {error}", error = error.sentence()),
        };
        if log.is_empty() {
            return sentence!("it wrote nothing");
        }
        let surplus = log.chars().count().saturating_sub(LOG_CHARACTERS);
        sentence!("its last output: {output}", output = log.chars().skip(surplus).collect::<String>())
    }

    /// Waits, but not when the step is asked to stop.
    pub(crate) async fn sleep(&self, pause: Duration) -> Result<(), StepError> {
        sleep(self.cx, pause).await
    }

    /// Something that this job did not make has the name.
    pub(crate) fn name_is_taken(&self, by: &Container) -> StepError {
        StepError::permanent(sentence!(
            "host {host}: the name is taken by container {by}, which this job did not make",
            host = self.name,
            by = by.describe()
        ))
        .with_command(format!("docker inspect {}", by.name()))
    }

    /// A failed call to this host's engine.
    pub(crate) fn error(&self, error: &driver_docker::Error) -> StepError {
        docker_error(self.name, error)
    }
}

/// Waits. Being asked to stop is a transient error: the saga leaves the step as begun as it is.
pub(crate) async fn sleep(cx: &StepContext, pause: Duration) -> Result<(), StepError> {
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        () = cx.stop().cancelled() => Err(StepError::transient(sentence!("was asked to stop while it waited"))),
    }
}
