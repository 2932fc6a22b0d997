//! The jobs that this process is driving at the moment. What the store says we hold and is not among them was
//! lost on the way: the answer to a claim that went through never came, or the task that drove it panicked.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::JobId;

#[derive(Clone, Default)]
pub(super) struct Driven {
    jobs: Arc<Mutex<HashSet<JobId>>>,
}

/// Says that a job is driven for as long as it lives.
pub(super) struct Driving {
    driven: Driven,
    job: JobId,
}

impl Driven {
    pub(super) fn enter(&self, job: JobId) -> Driving {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
        Driving { driven: self.clone(), job }
    }

    pub(super) fn contains(&self, job: JobId) -> bool {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).contains(&job)
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.driven.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.job);
    }
}
