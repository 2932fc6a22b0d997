//! The maintenance page of one service on one host: a container of its own on the service's port.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::plan::ServiceAt;
use driver_docker::CarriedOver;
use saga::{StepContext, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::body::expose;
use crate::container::Container;
use crate::host::{Host, Watched};
use crate::http;
use crate::labels;
use crate::provider::Provider;

/// What clients are told; a rollback's window is of that order.
const RETRY_AFTER_SECONDS: u32 = 30;
/// The page answers within milliseconds of its start.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const SERVICE_UNAVAILABLE: u16 = 503;

/// The page that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownByContainer {
    container_id: String,
    /// By the engine's clock.
    shown_at: Option<DateTime<Utc>>,
}

impl ShownByContainer {
    pub(crate) fn of(page: &Container) -> Self {
        Self { container_id: page.id().to_owned(), shown_at: page.started_at() }
    }
}

/// The page that stands in for a service.
pub(crate) struct PageContainer {
    pub(crate) at: ServiceAt,
    pub(crate) image: String,
    pub(crate) port: u16,
}

impl PageContainer {
    pub(crate) async fn show(&self, provider: &dyn Provider, cx: &StepContext) -> Result<Container, StepError> {
        let host = Host::open(provider, cx, &self.at.host).await?;
        let id = match self.find(&host, provider, cx).await? {
            Some(page) if page.is_of(cx.held().job) => page.id().to_owned(),
            other => {
                if let Some(other) = other {
                    host.stop_and_remove(&other).await?;
                }
                host.create(&self.name(), &self.body(provider, cx).await?).await?
            }
        };
        host.start(&id).await?;
        let url = self.url(provider, cx).await?;
        let watched = Watched { container: &id, service: &self.at.service, provider };
        http::wait_for_answer(&host, watched, &url, ANSWER_WITHIN, |status| status == SERVICE_UNAVAILABLE).await?;
        host.inspect_existing(&id).await
    }

    pub(crate) async fn shown(
        &self,
        provider: &dyn Provider,
        cx: &StepContext,
    ) -> Result<Option<Container>, StepError> {
        let host = Host::open(provider, cx, &self.at.host).await?;
        let found = self.find(&host, provider, cx).await?;
        let Some(page) = found.filter(|page| page.is_of(cx.held().job) && page.end().is_none()) else {
            return Ok(None);
        };
        let url = self.url(provider, cx).await?;
        let answer = http::client()?.get(url).timeout(ANSWER_WITHIN).send().await;
        Ok(answer.is_ok_and(|answer| answer.status().as_u16() == SERVICE_UNAVAILABLE).then_some(page))
    }

    pub(crate) async fn hide(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        self.remove_if(provider, cx, |_| true).await
    }

    pub(crate) async fn withdraw(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        self.remove_if(provider, cx, |page| page.is_of(cx.held().job)).await
    }

    pub(crate) async fn is_hidden(&self, provider: &dyn Provider, cx: &StepContext) -> Result<bool, StepError> {
        let host = Host::open(provider, cx, &self.at.host).await?;
        Ok(self.find(&host, provider, cx).await?.is_none())
    }

    async fn remove_if(
        &self,
        provider: &dyn Provider,
        cx: &StepContext,
        condition: impl Fn(&Container) -> bool,
    ) -> Result<(), StepError> {
        let host = Host::open(provider, cx, &self.at.host).await?;
        match self.find(&host, provider, cx).await? {
            Some(page) if condition(&page) => host.stop_and_remove(&page).await,
            _ => Ok(()),
        }
    }

    fn name(&self) -> String {
        format!("{}.maintenance", self.at.container)
    }

    /// The page of this environment and service, by whichever job: one may show it and another take it away. Any
    /// other container under that name is an error.
    async fn find(
        &self,
        host: &Host<'_>,
        provider: &dyn Provider,
        cx: &StepContext,
    ) -> Result<Option<Container>, StepError> {
        let Some(found) = host.inspect(&self.name()).await? else { return Ok(None) };
        let environment = provider.environment(cx.held().job).await?;
        let is_page = found.label(labels::ROLE) == Some(labels::ROLE_MAINTENANCE)
            && found.label(labels::ENVIRONMENT) == Some(environment.as_str())
            && found.label(labels::SERVICE) == Some(self.at.service.as_str());
        if is_page { Ok(Some(found)) } else { Err(host.name_is_taken(&found)) }
    }

    async fn url(&self, provider: &dyn Provider, cx: &StepContext) -> Result<String, StepError> {
        let address = provider.address(cx.held().job, &self.at.host).await?;
        Ok(http::url(&address, self.port, "/"))
    }

    async fn body(&self, provider: &dyn Provider, cx: &StepContext) -> Result<CarriedOver, StepError> {
        let job = cx.held().job;
        let service = provider.service(job, &self.at.service).await?.service;
        let reason = provider.maintenance_reason(job).await?;
        let mut body = json!({
            "Image": self.image,
            "Env": [
                format!("PORT={}", self.port),
                format!("MAINTENANCE_REASON={reason}"),
                format!("RETRY_AFTER_SECONDS={RETRY_AFTER_SECONDS}"),
            ],
            "Labels": {
                labels::JOB: job.to_string(),
                labels::STEP: cx.step().to_string(),
                labels::ENVIRONMENT: provider.environment(job).await?,
                labels::SERVICE: self.at.service,
                labels::ROLE: labels::ROLE_MAINTENANCE,
            },
            "HostConfig": {},
        });
        expose(&mut body, &service, self.port);
        Ok(CarriedOver { body, further_networks: [].into(), not_carried: Vec::new() })
    }
}
