//! From drivers' errors to those of steps.

use saga::{ErrorKind, StepError};
use sentence::{Sentence, sentence};

/// A failed call to the engine of `host`. A lost answer is transient as well: the saga probes before it
/// runs a step again, and an undo looks before it acts.
pub fn docker_error(host: &str, error: &driver_docker::Error) -> StepError {
    let kind =
        if error.is_transient() || error.is_outcome_unknown() { ErrorKind::Transient } else { ErrorKind::Permanent };
    StepError::new(kind, sentence!("host {host}: {error}", host, error = error.sentence()))
}

/// A failed call to a cache.
pub(crate) fn cache_error(store: &str, error: &driver_redis::Error) -> StepError {
    let kind = if error.is_transient() { ErrorKind::Transient } else { ErrorKind::Permanent };
    StepError::new(kind, sentence!("{store}: {error}", store, error = error.sentence()))
}

/// A failed call to the gateway.
pub(crate) fn gateway_error(error: &driver_gateway::Error) -> StepError {
    let kind = if error.is_transient() { ErrorKind::Transient } else { ErrorKind::Permanent };
    StepError::new(kind, error.sentence())
}

/// The world is not the one that was planned for.
pub(crate) fn world_changed(message: Sentence) -> StepError {
    StepError::new(ErrorKind::WorldChanged, message)
}
