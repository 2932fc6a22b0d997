//! The log and the counters of the process.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use sentence::sentence;
use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Result};
use crate::settings::{LogFormat, Settings};

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Sends the log to standard error, where it does not mix with what commands print.
pub(crate) fn log(settings: &Settings) -> Result<()> {
    let terminal = std::io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let failed = |error: &dyn std::fmt::Display| {
        Failure::internal(sentence!("the log cannot be installed: {error}", error = error.to_string()))
    };
    let filter = EnvFilter::builder().parse(&settings.log_filter).map_err(|error| failed(&error))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(terminal).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| failed(&error))?;
    for name in &settings.ignored {
        tracing::warn!(variable = %name, "no setting of that name; the variable is ignored");
    }
    Ok(())
}

/// Begins to count, and keeps the counters from growing; needs the runtime.
pub(crate) fn metrics() -> Result<PrometheusHandle> {
    let recorder = api::recorder().map_err(|error| Failure::internal(error.to_string()))?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| {
        Failure::internal(sentence!("counters are installed already: {error}", error = error.to_string()))
    })?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
