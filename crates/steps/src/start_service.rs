//! Creates and starts the container of the target release, with its configuration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::ReleaseId;
use domain::plan::ServiceAt;
use driver_docker::{CarriedOver, Image};
use saga::{Probe, Step, StepContext, StepError};
use sentence::sentence;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::body::Wanted;
use crate::container::Container;
use crate::error::world_changed;
use crate::host::Host;
use crate::provider::Provider;
use crate::retired;

/// Creating and starting take about a second; the rest is for a host that is away for half a minute and, in
/// the undo, for the longest grace (2 min).
const DEADLINE: Duration = Duration::from_mins(3);

pub(crate) struct StartService {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) at: ServiceAt,
    pub(crate) release: ReleaseId,
    pub(crate) image: String,
    pub(crate) image_id: String,
    pub(crate) config_sha256: String,
    pub(crate) replaces: bool,
}

/// The container that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewContainer {
    container_id: String,
    image_id: String,
    /// By the engine's clock.
    started_at: Option<DateTime<Utc>>,
}

impl NewContainer {
    fn of(container: &Container) -> Self {
        Self {
            container_id: container.id().to_owned(),
            image_id: container.image_id().to_owned(),
            started_at: container.started_at(),
        }
    }
}

impl StartService {
    async fn host<'a>(&'a self, cx: &'a StepContext) -> Result<Host<'a>, StepError> {
        Host::open(self.provider.as_ref(), cx, &self.at.host).await
    }

    /// The image, if its reference still stands for the one that was planned.
    async fn image(&self, host: &Host<'_>) -> Result<Image, StepError> {
        let Some(image) = host.image(&self.image).await? else {
            return Err(world_changed(sentence!(
                "image {image} is no longer on host {host}",
                image = self.image,
                host = self.at.host
            )));
        };
        self.require_planned(&image.id)?;
        Ok(image)
    }

    fn require_planned(&self, image_id: &str) -> Result<(), StepError> {
        if image_id == self.image_id {
            return Ok(());
        }
        Err(world_changed(sentence!(
            "image {image} on host {host} is {found} and was {planned} when this was planned",
            image = self.image,
            host = self.at.host,
            found = image_id,
            planned = self.image_id
        )))
    }

    /// From the retired container, or, where the plan knew of none, from the environment's settings.
    async fn body(&self, host: &Host<'_>, cx: &StepContext, image: &Image) -> Result<CarriedOver, StepError> {
        let job = cx.held().job;
        let wanted = Wanted {
            job,
            step: cx.step(),
            environment: self.provider.environment(job).await?,
            release: self.release,
            image: self.image.clone(),
            service: self.provider.service(job, &self.at.service).await?,
            pinned: self.provider.config(job, self.release, &self.at.service, &self.config_sha256).await?,
        };
        let Some(retired) = retired::find(host, &self.at.container, job).await? else {
            if self.replaces {
                // The stop's undo says what to do, once everything else is undone.
                let name = retired::name(&self.at.container, job);
                return Err(retired::gone(&self.at, &name).with_command(format!("backout job watch {job}")));
            }
            return Ok(wanted.fresh());
        };
        // A daemon that restarted before the policy was taken may have brought it up.
        let retired = retired.bring_to_rest(host).await?;
        let old = &retired.container;
        let Some(old_image) = host.image(old.image_id()).await? else {
            return Err(world_changed(sentence!(
                "the image of {old} is no longer on host {host}: its defaults cannot be told from the container's own settings",
                old = old.describe(),
                host = self.at.host
            )));
        };
        let on_host_network = old.0["HostConfig"]["NetworkMode"] == "host";
        let host_name = if on_host_network { Some(host.own_name().await?) } else { None };
        let carried = wanted.carried(&retired, &old_image, image, host_name).map_err(|error| host.error(&error))?;
        if !carried.not_carried.is_empty() {
            cx.progress(json!({ "not_carried": carried.not_carried })).await?;
        }
        Ok(carried)
    }

    /// The container that this job made, if the name is its.
    async fn own(&self, host: &Host<'_>, cx: &StepContext) -> Result<Option<Container>, StepError> {
        let found = host.inspect(&self.at.container).await?;
        Ok(found.filter(|container| container.is_of(cx.held().job)))
    }
}

#[async_trait]
impl Step for StartService {
    type Output = NewContainer;

    async fn run(&self, cx: &StepContext) -> Result<NewContainer, StepError> {
        let host = self.host(cx).await?;
        let found = host.inspect(&self.at.container).await?;
        let id = match found {
            Some(container) if container.is_of(cx.held().job) => {
                if container.started_at().is_none() {
                    // Perhaps the networks are not all connected yet.
                    let image = self.image(&host).await?;
                    let carried = self.body(&host, cx, &image).await?;
                    host.connect_networks(container.id(), &carried).await?;
                }
                container.id().to_owned()
            }
            Some(foreign) => return Err(host.name_is_taken(&foreign)),
            None => {
                let image = self.image(&host).await?;
                let carried = self.body(&host, cx, &image).await?;
                host.create(&self.at.container, &carried).await?
            }
        };
        // The reference may have moved between the look at it and the creation.
        self.require_planned(host.inspect_existing(&id).await?.image_id())?;
        host.start(&id).await?;
        Ok(NewContainer::of(&host.inspect_existing(&id).await?))
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<NewContainer>, StepError> {
        let host = self.host(cx).await?;
        Ok(match self.own(&host, cx).await? {
            Some(container) if container.is_up() => Probe::Done(NewContainer::of(&container)),
            _ => Probe::NotDone,
        })
    }

    async fn undo(&self, cx: &StepContext, _output: Option<NewContainer>) -> Result<(), StepError> {
        let host = self.host(cx).await?;
        match self.own(&host, cx).await? {
            Some(container) => host.stop_and_remove(&container).await,
            None => Ok(()),
        }
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}
