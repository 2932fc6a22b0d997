//! Work on documents that goes page by page. A worker that lost its job, or was told to stop, writes no further page.

use std::sync::{Arc, Mutex, PoisonError};

use driver_mongodb::{Target, Turn};
use saga::StepError;

use super::locked::Run;
use crate::error::Error;

/// The target for such work.
pub(super) struct Paged {
    pub(super) target: Target,
    /// Why the next page was not allowed.
    refusal: Arc<Mutex<Option<StepError>>>,
}

impl Run {
    /// Everything that is done through it carries `comment`, by which a worker that takes over finds it on the
    /// server; each page is written only under lock and lease.
    pub(super) fn paged(&self, comment: &str) -> Paged {
        let refusal = Arc::<Mutex<Option<StepError>>>::default();
        let (run, slot) = (self.clone(), Arc::clone(&refusal));
        let target = self.target.watched(comment, move |turn| {
            let (run, slot) = (run.clone(), Arc::clone(&slot));
            Box::pin(async move {
                let allowed = match turn {
                    Turn::Read => run.go_on(),
                    Turn::Write => run.assert_lock().await,
                };
                allowed.map_err(|error| {
                    let why = error.message.clone();
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    driver_mongodb::Error::Stopped(why)
                })
            })
        });
        Paged { target, refusal }
    }
}

impl Paged {
    /// The step's error: the refusal where the work ended with one.
    pub(super) fn failed(&self, error: driver_mongodb::Error) -> StepError {
        let refused = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.unwrap_or_else(|| Error::from(error).into())
    }
}
