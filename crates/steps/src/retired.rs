//! The container that a service ran in before, kept aside until the job is past its pivot.
//!
//! It must stay down, also when the Docker daemon restarts meanwhile, and must come back exactly as it
//! was. The engine leaves a container down that somebody stopped only under the policies `no` and
//! `unless-stopped`; under `always`, and under `on-failure` after a non-zero exit code, a restarting
//! daemon would start the old version over a schema that is half way. So such a policy is changed to
//! `no`; and since it has to be known again after a crash between any two calls, and neither labels nor
//! anything else of a container can be changed later, the *name* says it: `web.backout-<job>.always`.
//! The name is given before the policy is taken, and taken away after the policy is given back.
//!
//! `unless-stopped` needs that too where the container had ended by itself: the engine does not count it
//! as stopped by somebody then. A plain `web.backout-<job>` has its own policy still.
//!
//! Not covered: `on-failure` with a limit above [`MAX_RETRIES`], which is left as it is, since each limit is
//! a name to look for.

use domain::ids::JobId;
use domain::plan::ServiceAt;
use driver_docker::{RestartPolicy, is_removed_on_stop};
use futures::future::try_join_all;
use saga::StepError;

use crate::container::Container;
use crate::error::world_changed;
use crate::host::Host;

const MAX_RETRIES: i64 = 10;

/// A retired container.
pub(crate) struct Retired {
    pub(crate) container: Container,
    /// The policy that it had and gets back.
    pub(crate) policy: RestartPolicy,
    /// Whether the name says it, so that the container itself has to have `no`.
    is_parked: bool,
}

/// The job's name for the container while it is retired: the same for every worker.
pub(crate) fn name(container: &str, job: JobId) -> String {
    let job = job.to_string();
    let digits = job.rsplit('-').next().unwrap_or(&job);
    format!("{container}.backout-{digits}")
}

/// The name for a container that has just been stopped, or was not running before (`stopped` is false).
pub(crate) fn name_with_policy(container: &Container, job: JobId, stopped: bool) -> String {
    let policy = container.restart_policy();
    let base = name(container.name(), job);
    let needs_parking = match policy.name.as_str() {
        "always" => true,
        "on-failure" => policy.maximum_retry_count <= MAX_RETRIES,
        "unless-stopped" => !stopped,
        _ => false,
    };
    if needs_parking { format!("{base}.{}", word(&policy)) } else { base }
}

/// The retired container of the job, if there is one.
pub(crate) async fn find(host: &Host<'_>, container: &str, job: JobId) -> Result<Option<Retired>, StepError> {
    let base = name(container, job);
    if let Some(container) = host.inspect(&base).await? {
        let policy = container.restart_policy();
        return Ok(Some(Retired { container, policy, is_parked: false }));
    }
    let parked = try_join_all(parkable().map(|policy| {
        let name = format!("{base}.{}", word(&policy));
        async move { Ok::<_, StepError>(host.inspect(&name).await?.map(|found| (found, policy))) }
    }))
    .await?;
    Ok(parked.into_iter().flatten().next().map(|(container, policy)| Retired { container, policy, is_parked: true }))
}

impl Retired {
    /// Whether it is down and stays down.
    pub(crate) fn is_at_rest(&self) -> bool {
        let would_come_up = self.is_parked && self.container.restart_policy().name != "no";
        !self.container.is_up() && !would_come_up
    }

    /// Brings it to rest, from wherever an earlier worker or a restarted daemon left it.
    pub(crate) async fn bring_to_rest(self, host: &Host<'_>) -> Result<Self, StepError> {
        if self.is_at_rest() {
            return Ok(self);
        }
        if self.is_parked {
            host.set_restart_policy(&self.container, &RestartPolicy::none()).await?;
        }
        if self.container.is_up() {
            host.stop(&self.container).await?;
        }
        let container = host.inspect_existing(self.container.id()).await?;
        Ok(Self { container, ..self })
    }
}

/// Stops the service's container and keeps it for `job`. Goes on from wherever an earlier call ended.
pub(crate) async fn put_aside(host: &Host<'_>, at: &ServiceAt, job: JobId) -> Result<Retired, StepError> {
    if let Some(retired) = find(host, &at.container, job).await? {
        return retired.bring_to_rest(host).await;
    }
    let Some(container) = host.inspect(&at.container).await? else {
        return Err(world_changed(format!("there is no container {} of {at}", at.container)));
    };
    if container.is_of(job) {
        return Err(StepError::unknown(format!(
            "container {} was made by this job, and the one before it is gone",
            container.describe()
        )));
    }
    if is_removed_on_stop(&container.0) {
        return Err(StepError::permanent(format!(
            "container {} was started with --rm: the engine would remove it at its stop, and it could not come back",
            container.describe()
        ))
        .with_hint("start the container again without --rm"));
    }
    let stopped = host.stop(&container).await?;
    host.rename(&container, &name_with_policy(&container, job, stopped)).await?;
    let retired = find(host, &at.container, job)
        .await?
        .ok_or_else(|| world_changed(format!("container {} vanished while it was stopped", container.describe())))?;
    retired.bring_to_rest(host).await
}

/// Gives the container that was kept for `job` its policy and its name back, and starts it. Goes on from
/// wherever [`put_aside`] or an earlier call ended. `false` if there is no such container at all.
pub(crate) async fn take_back(host: &Host<'_>, at: &ServiceAt, job: JobId) -> Result<bool, StepError> {
    let in_place = host.inspect(&at.container).await?;
    if let Some(retired) = find(host, &at.container, job).await? {
        match in_place {
            // The one that the same job made in its place.
            Some(replacement) if replacement.is_of(job) => host.stop_and_remove(&replacement).await?,
            Some(foreign) => return Err(host.name_is_taken(&foreign)),
            None => {}
        }
        if retired.is_parked {
            host.set_restart_policy(&retired.container, &retired.policy).await?;
        }
        host.rename(&retired.container, &at.container).await?;
        host.start(retired.container.id()).await?;
        return Ok(true);
    }
    match in_place {
        // Stopped but not renamed, or renamed back but not started.
        Some(container) if !container.is_of(job) => {
            // A worker that died in its stop left the engine with it, and the container would go down once its grace
            // is over: a stop of our own returns when it is down. Once it has been started again no signal is later
            // than its start, so that this happens once. (What the engine would remove was not stopped by us.)
            if container.is_up() && !is_removed_on_stop(&container.0) && host.was_signalled(&container).await? {
                host.stop(&container).await?;
            }
            if !host.inspect_existing(container.id()).await?.is_up() {
                host.start(container.id()).await?;
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Every policy that a name may say.
fn parkable() -> impl Iterator<Item = RestartPolicy> {
    let without_limit = ["always", "unless-stopped"].map(|name| (name, 0));
    let with_limit = (0..=MAX_RETRIES).map(|limit| ("on-failure", limit));
    without_limit
        .into_iter()
        .chain(with_limit)
        .map(|(name, limit)| RestartPolicy { name: name.to_owned(), maximum_retry_count: limit })
}

fn word(policy: &RestartPolicy) -> String {
    if policy.name == "on-failure" { format!("on-failure-{}", policy.maximum_retry_count) } else { policy.name.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name_for(policy: &str, limit: i64, stopped: bool) -> String {
        let job: JobId = "0197f3a0-0000-7000-8000-0123456789ab".parse().unwrap();
        let policy = json!({ "Name": policy, "MaximumRetryCount": limit });
        let container = json!({ "Name": "/web", "HostConfig": { "RestartPolicy": policy } });
        name_with_policy(&Container(container), job, stopped)
    }

    #[test]
    fn a_policy_that_a_daemon_would_act_on_is_in_the_name() {
        assert_eq!(name_for("no", 0, true), "web.backout-0123456789ab");
        assert_eq!(name_for("unless-stopped", 0, true), "web.backout-0123456789ab");
        assert_eq!(name_for("unless-stopped", 0, false), "web.backout-0123456789ab.unless-stopped");
        assert_eq!(name_for("always", 0, true), "web.backout-0123456789ab.always");
        assert_eq!(name_for("on-failure", 3, true), "web.backout-0123456789ab.on-failure-3");
        assert_eq!(name_for("on-failure", 11, true), "web.backout-0123456789ab");
    }

    #[test]
    fn every_policy_that_a_name_says_is_looked_for() {
        for policy in parkable() {
            let name = name_for(&policy.name, policy.maximum_retry_count, false);
            assert!(name.ends_with(&format!(".{}", word(&policy))), "{name}");
        }
    }
}
