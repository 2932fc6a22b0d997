//! The claims that this process is driving at the moment, by job and fence: a task of an earlier claim may still be on
//! its way out when the next one drives the same job. What the store says we hold and is not among them was lost on
//! the way: the answer to a claim that went through never came, or the task that drove it panicked.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::JobId;
use saga::Held;

#[derive(Clone, Default)]
pub(super) struct Driven {
    claims: Arc<Mutex<HashSet<(JobId, u64)>>>,
}

/// Says that a claim is driven for as long as it lives.
pub(super) struct Driving {
    driven: Driven,
    claim: (JobId, u64),
}

impl Driven {
    pub(super) fn enter(&self, held: &Held) -> Driving {
        let claim = (held.job, held.fence);
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).insert(claim);
        Driving { driven: self.clone(), claim }
    }

    pub(super) fn contains(&self, job: JobId, fence: u64) -> bool {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).contains(&(job, fence))
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.driven.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.claim);
    }
}
