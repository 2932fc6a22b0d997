//! The maintenance page, wherever the plan shows it.

use domain::plan::PageAt;
use saga::{StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::page_container::{PageContainer, ShownByContainer};
use crate::page_gateway::{PageGateway, ShownByGateway};
use crate::provider::Provider;

/// A page that can be shown and taken away.
pub(crate) enum Page {
    Container(PageContainer),
    Gateway(PageGateway),
}

/// The page that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Shown {
    Container(ShownByContainer),
    Gateway(ShownByGateway),
}

impl Page {
    pub(crate) fn at(place: PageAt) -> Self {
        match place {
            PageAt::Container { at, image, port } => Self::Container(PageContainer { at, image, port }),
            PageAt::Gateway { gateway } => Self::Gateway(PageGateway { gateway }),
        }
    }

    /// What the page stands in front of.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Container(page) => page.at.container.clone(),
            Self::Gateway(page) => page.gateway.url.clone(),
        }
    }

    /// Shows the page and waits until it answers. Goes on with what an earlier worker made; a page that another
    /// job left gives way, since it tells another reason.
    pub(crate) async fn show(&self, provider: &dyn Provider, cx: &StepContext) -> Result<Shown, StepError> {
        match self {
            Self::Container(page) => {
                page.show(provider, cx).await.map(|page| Shown::Container(ShownByContainer::of(&page)))
            }
            Self::Gateway(page) => page.show(provider, cx).await.map(Shown::Gateway),
        }
    }

    /// The page of this job, if it is up and answers.
    pub(crate) async fn shown(&self, provider: &dyn Provider, cx: &StepContext) -> Result<Option<Shown>, StepError> {
        match self {
            Self::Container(page) => {
                let page = page.shown(provider, cx).await?;
                Ok(page.map(|page| Shown::Container(ShownByContainer::of(&page))))
            }
            Self::Gateway(page) => Ok(page.shown(provider, cx).await?.map(Shown::Gateway)),
        }
    }

    /// Removes the page, whichever job shows it.
    pub(crate) async fn hide(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        match self {
            Self::Container(page) => page.hide(provider, cx).await,
            Self::Gateway(page) => page.hide(provider, cx).await,
        }
    }

    /// Removes the page if this job shows it.
    pub(crate) async fn withdraw(&self, provider: &dyn Provider, cx: &StepContext) -> Result<(), StepError> {
        match self {
            Self::Container(page) => page.withdraw(provider, cx).await,
            Self::Gateway(page) => page.withdraw(provider, cx).await,
        }
    }

    /// Whether there is no page.
    pub(crate) async fn is_hidden(&self, provider: &dyn Provider, cx: &StepContext) -> Result<bool, StepError> {
        match self {
            Self::Container(page) => page.is_hidden(provider, cx).await,
            Self::Gateway(page) => page.is_hidden(provider, cx).await,
        }
    }
}
