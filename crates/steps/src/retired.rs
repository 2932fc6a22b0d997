//! The container that a service ran in before, kept aside until the job is past its pivot.
//!
//! It must stay down, also when the Docker daemon restarts meanwhile, and must come back exactly as it
//! was. The engine leaves a container down that somebody stopped only under the policies `no` and
//! `unless-stopped`; under `always`, and under `on-failure` after a non-zero exit code, a restarting
//! daemon would start the old version over a schema that is half way, and under `unless-stopped` too
//! where the container had ended by itself. So every policy is changed to `no`; and since it has to be
//! known again after a crash between any two calls, and neither labels nor anything else of a container
//! can be changed later, the *name* says it: `web.backout-<job>.always`. In the same way it says that
//! the container was down before: `web.backout-<job>.down.always`.
//!
//! The name is given before anything else is done to the container, and taken away after everything else
//! is as it was. A container under its own name is therefore as it was before the job, whenever a worker
//! died.

use domain::ids::JobId;
use domain::plan::ServiceAt;
use driver_docker::{RestartPolicy, is_removed_on_stop};
use saga::StepError;
use sentence::sentence;

use crate::container::Container;
use crate::error::world_changed;
use crate::host::Host;

/// What the name says of a container that was down before.
const DOWN: &str = "down";
/// The one policy with a limit.
const ON_FAILURE: &str = "on-failure";

/// A retired container.
pub(crate) struct Retired {
    pub(crate) container: Container,
    /// The policy that it had and gets back.
    pub(crate) policy: RestartPolicy,
    /// Whether it ran before, and will again.
    pub(crate) was_up: bool,
    /// Whether the name says its policy, so that the container itself has to have `no`.
    is_parked: bool,
}

/// The job's name for the container while it is retired, without what it says besides: the same for every worker.
pub(crate) fn name(container: &str, job: JobId) -> String {
    let job = job.to_string();
    let digits = job.rsplit('-').next().unwrap_or(&job);
    format!("{container}.backout-{digits}")
}

/// The name for a container as it is now.
fn name_of(container: &Container, job: JobId) -> String {
    let policy = container.restart_policy();
    let down = (!container.is_up()).then(|| DOWN.to_owned());
    let parked = Some(word(&policy)).filter(|word| policy_of(word).is_some());
    std::iter::once(name(container.name(), job)).chain(down).chain(parked).collect::<Vec<_>>().join(".")
}

/// What a name says behind [`name`]: whether the container was up, and its policy if the container itself does not
/// have it. `None` where the name is not one of ours.
fn read(rest: &str) -> Option<(bool, Option<RestartPolicy>)> {
    let mut words = rest.split('.');
    if words.next() != Some("") {
        return None;
    }
    let (mut was_up, mut policy) = (true, None);
    for word in words {
        match word {
            DOWN => was_up = false,
            word => policy = Some(policy_of(word)?),
        }
    }
    Some((was_up, policy))
}

/// The retired container of the job, if there is one.
pub(crate) async fn find(host: &Host<'_>, container: &str, job: JobId) -> Result<Option<Retired>, StepError> {
    let base = name(container, job);
    let listed = host.engine.find_by_name(&base).await.map_err(|error| host.error(&error))?;
    let found = listed.iter().find_map(|one| {
        let says = one.names.iter().find_map(|name| read(name.trim_start_matches('/').strip_prefix(&base)?))?;
        Some((one.id.as_str(), says))
    });
    let Some((id, (was_up, parked))) = found else { return Ok(None) };
    Ok(host.inspect(id).await?.map(|container| {
        let is_parked = parked.is_some();
        let policy = parked.unwrap_or_else(|| container.restart_policy());
        Retired { container, policy, was_up, is_parked }
    }))
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
        return Err(world_changed(sentence!(
            "there is no container {container} of {at}",
            container = at.container,
            at = at.to_string()
        )));
    };
    if container.is_of(job) {
        return Err(StepError::unknown(sentence!(
            "container {container} was made by this job, and the one before it is gone",
            container = container.describe()
        )));
    }
    if is_removed_on_stop(&container.0) {
        let why = sentence!(
            "container {container} was started with --rm: the engine would remove it at its stop, and it could not come back",
            container = container.describe()
        );
        return Err(StepError::permanent(why).with_hint(sentence!("start the container again without --rm")));
    }
    host.rename(&container, &name_of(&container, job)).await?;
    let retired = find(host, &at.container, job).await?.ok_or_else(|| {
        world_changed(sentence!(
            "container {container} vanished while it was stopped",
            container = container.describe()
        ))
    })?;
    retired.bring_to_rest(host).await
}

/// Makes the container that was kept for `job` what it was: its policy, whether it runs, and at last its name. Goes on
/// from wherever [`put_aside`] or an earlier call ended. `false` if there is no such container at all.
pub(crate) async fn take_back(host: &Host<'_>, at: &ServiceAt, job: JobId) -> Result<bool, StepError> {
    let in_place = host.inspect(&at.container).await?;
    let Some(retired) = find(host, &at.container, job).await? else {
        return Ok(in_place.is_some_and(|container| !container.is_of(job)));
    };
    match in_place {
        // The one that the same job made in its place.
        Some(replacement) if replacement.is_of(job) => host.stop_and_remove(&replacement).await?,
        Some(foreign) => return Err(host.name_is_taken(&foreign)),
        None => {}
    }
    let container = &retired.container;
    // A worker that died in its stop left the engine with it, and the container would go down once its grace is over: a
    // stop of our own returns when it is down. Once it has been started again no signal is later than its start, so
    // that this happens once.
    if container.is_up() && host.was_signalled(container).await? {
        host.stop(container).await?;
    }
    if retired.is_parked {
        host.set_restart_policy(container, &retired.policy).await?;
    }
    if retired.was_up {
        host.start(container.id()).await?;
    }
    host.rename(container, &at.container).await?;
    Ok(true)
}

/// What was kept, and is needed, was removed by somebody. It is not made again without being asked for: what people set
/// on it by hand, secrets among it, is written down nowhere.
pub(crate) fn gone(at: &ServiceAt, name: &str) -> StepError {
    StepError::permanent(sentence!(
        "container {container} of {at} was kept as {name} and is gone: somebody removed it, and what was set on it is not known",
        container = at.container,
        at = at.to_string(),
        name
    ))
}

fn word(policy: &RestartPolicy) -> String {
    if policy.name == ON_FAILURE { format!("{ON_FAILURE}-{}", policy.maximum_retry_count) } else { policy.name.clone() }
}

fn policy_of(word: &str) -> Option<RestartPolicy> {
    let (name, maximum_retry_count) = match word.strip_prefix(ON_FAILURE) {
        Some(limit) => (ON_FAILURE, limit.strip_prefix('-')?.parse().ok()?),
        None => (*["always", "unless-stopped"].iter().find(|known| **known == word)?, 0),
    };
    Some(RestartPolicy { name: name.to_owned(), maximum_retry_count })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name_for(policy: &str, limit: i64, is_up: bool) -> String {
        let job: JobId = "0197f3a0-0000-7000-8000-0123456789ab".parse().unwrap();
        let policy = json!({ "Name": policy, "MaximumRetryCount": limit });
        let host_config = json!({ "RestartPolicy": policy });
        name_of(&Container(json!({ "Name": "/web", "HostConfig": host_config, "State": { "Running": is_up } })), job)
    }

    #[test]
    fn what_has_to_be_known_for_going_back_is_in_the_name() {
        assert_eq!(name_for("no", 0, true), "web.backout-0123456789ab");
        assert_eq!(name_for("no", 0, false), "web.backout-0123456789ab.down");
        assert_eq!(name_for("always", 0, true), "web.backout-0123456789ab.always");
        assert_eq!(name_for("unless-stopped", 0, false), "web.backout-0123456789ab.down.unless-stopped");
        assert_eq!(name_for("on-failure", 3, true), "web.backout-0123456789ab.on-failure-3");
    }

    #[test]
    fn what_a_name_says_is_read_back() {
        for policy in [("always", 0), ("unless-stopped", 0), ("on-failure", 0), ("on-failure", 25)] {
            for is_up in [true, false] {
                let name = name_for(policy.0, policy.1, is_up);
                let (was_up, parked) = read(name.strip_prefix("web.backout-0123456789ab").unwrap()).unwrap();
                let parked = parked.unwrap();
                assert_eq!((was_up, parked.name.as_str(), parked.maximum_retry_count), (is_up, policy.0, policy.1));
            }
        }
        assert_eq!(read(""), Some((true, None)));
        assert_eq!(read(".down"), Some((false, None)));
        assert_eq!(read("0"), None);
        assert_eq!(read(".maintenance"), None);
    }
}
