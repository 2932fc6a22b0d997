//! The labels that containers made by jobs carry.

/// The job that made it.
pub(crate) const JOB: &str = "io.backout.job";
/// The step that made it.
pub(crate) const STEP: &str = "io.backout.step";
/// `application/environment`.
pub(crate) const ENVIRONMENT: &str = "io.backout.environment";
/// The service that it runs, or stands in for.
pub(crate) const SERVICE: &str = "io.backout.service";
/// Id of the release that it runs.
pub(crate) const RELEASE: &str = "io.backout.release";
/// Names of the variables that the release pinned, with commas between them.
pub(crate) const PINNED: &str = "io.backout.pinned";
/// Names of the variables that the environment gave, with commas between them.
pub(crate) const CURRENT: &str = "io.backout.current";
/// The port that the environment gave, with the network that it is published on. Empty where somebody else made the
/// container and its own way to its port was kept.
pub(crate) const PORT: &str = "io.backout.port";
/// The command that the environment gave, as JSON; empty where it gave none.
pub(crate) const COMMAND: &str = "io.backout.command";
/// The mounts that the environment gave, as a JSON list.
pub(crate) const VOLUMES: &str = "io.backout.volumes";
/// [`ROLE_SERVICE`] or [`ROLE_MAINTENANCE`].
pub(crate) const ROLE: &str = "io.backout.role";
/// Runs a service.
pub(crate) const ROLE_SERVICE: &str = "service";
/// Answers in a service's place.
pub(crate) const ROLE_MAINTENANCE: &str = "maintenance";
