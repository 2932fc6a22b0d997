//! The maintenance page of a whole environment, shown by the gateway in front of it.

use domain::environment::{Gateway, GatewayKind};
use driver_gateway::{Nginx, Page};
use saga::{StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::error::gateway_error;
use crate::provider::Provider;

/// The page that the gateway shows.
pub(crate) struct PageGateway {
    pub(crate) gateway: Gateway,
}

/// A page that the gateway answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownByGateway {
    gateway: String,
    file: String,
}

impl PageGateway {
    pub(crate) async fn show(&self, provider: &dyn Provider, cx: &StepContext) -> Result<ShownByGateway, StepError> {
        let gateway = self.open(provider, cx).await?;
        let job = cx.held().job;
        let reason = provider.maintenance_reason(job).await?;
        let page = Page { owner: job.to_string(), reason };
        let prepared = gateway.prepare(&page).await.map_err(|error| gateway_error(&error))?;
        cx.assert_held().await?;
        gateway.show(prepared).await.map_err(|error| gateway_error(&error))?;
        Ok(self.evidence(&gateway))
    }

    pub(crate) async fn shown(
        &self,
        provider: &dyn Provider,
        cx: &StepContext,
    ) -> Result<Option<ShownByGateway>, StepError> {
        let gateway = self.open(provider, cx).await?;
        let is_shown = is_ours(&gateway, cx).await? && answers_with_page(&gateway).await?;
        Ok(is_shown.then(|| self.evidence(&gateway)))
    }

    pub(crate) async fn hide(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        let gateway = self.open(provider, cx).await?;
        cx.assert_held().await?;
        gateway.hide().await.map_err(|error| gateway_error(&error))
    }

    pub(crate) async fn withdraw(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        let gateway = self.open(provider, cx).await?;
        if is_ours(&gateway, cx).await? { self.hide(provider, cx).await } else { Ok(()) }
    }

    pub(crate) async fn is_hidden(&self, provider: &dyn Provider, cx: &StepContext) -> Result<bool, StepError> {
        let gateway = self.open(provider, cx).await?;
        Ok(owner(&gateway).await?.is_none() && !answers_with_page(&gateway).await?)
    }

    async fn open(&self, provider: &dyn Provider, cx: &StepContext) -> Result<Nginx, StepError> {
        let Gateway { kind: GatewayKind::Nginx, directory, url } = &self.gateway;
        let environment = provider.environment(cx.held().job).await?;
        Ok(Nginx::of_environment(directory, &environment, url))
    }

    fn evidence(&self, gateway: &Nginx) -> ShownByGateway {
        ShownByGateway { gateway: self.gateway.url.clone(), file: gateway.switch_file().display().to_string() }
    }
}

async fn is_ours(gateway: &Nginx, cx: &StepContext) -> Result<bool, StepError> {
    Ok(owner(gateway).await?.is_some_and(|owner| owner == cx.held().job.to_string()))
}

async fn owner(gateway: &Nginx) -> Result<Option<String>, StepError> {
    gateway.owner().await.map_err(|error| gateway_error(&error))
}

async fn answers_with_page(gateway: &Nginx) -> Result<bool, StepError> {
    gateway.shows_page().await.map_err(|error| gateway_error(&error))
}
