//! Faults on purpose, so that demo and tests have something to roll back from.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    envelope::{Answer, ApiError, Body},
};

/// How long an answer is held back by [`Fault::Slow`]: clearly over the usual alarm at 1 s.
pub(crate) const SLOWNESS: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// Every answer under `/api` is 500.
    Errors,
    /// Every answer under `/api` takes [`SLOWNESS`] longer.
    Slow,
    /// `/health` is 503.
    Unhealthy,
    /// The process ends as soon as it listens; only at start.
    Crash,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "errors" => Ok(Self::Errors),
            "slow" => Ok(Self::Slow),
            "unhealthy" => Ok(Self::Unhealthy),
            "crash" => Ok(Self::Crash),
            _ => Err(format!("{text:?} is none of none, errors, slow, unhealthy, crash")),
        }
    }
}

/// The fault of the moment, shared by all requests.
pub(crate) struct FaultSwitch(AtomicU8);

impl FaultSwitch {
    pub(crate) fn new(fault: Fault) -> Self {
        Self(AtomicU8::new(fault as u8))
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.0.load(Ordering::Relaxed) == fault as u8
    }

    fn set(&self, fault: Fault) {
        self.0.store(fault as u8, Ordering::Relaxed);
    }
}

#[derive(Deserialize)]
pub(crate) struct Switch {
    mode: Fault,
}

/// `POST /_fault`
pub(crate) async fn switch(
    State(app): State<Arc<App>>,
    Body(Switch { mode }): Body<Switch>,
) -> Result<Answer, ApiError> {
    if mode == Fault::Crash {
        return Err(ApiError::BadRequest("crash is possible at start only (CMS_FAULT)".into()));
    }
    app.faults.set(mode);
    app.log.warn(format_args!("fault switched to {mode:?}"));
    Ok(Answer::ok(json!({ "mode": format!("{mode:?}").to_lowercase() })))
}
