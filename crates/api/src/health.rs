//! Health: for orchestrators, load balancers and people.

use axum::extract::State;
use control::{Control, Dependency};
use domain::problem::ProblemType;
use sentence::{Sentence, sentence};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::error::Failure;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready)).routes(routes!(health))
}

/// Whether the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct LiveView {
    /// Always `live`: a process that is not does not answer.
    status: &'static str,
}

/// Whether the service can work.
#[derive(Debug, Serialize, ToSchema)]
struct HealthView {
    /// `ready` or `unready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Version of Backout.
    version: &'static str,
    /// What it depends on.
    dependencies: Vec<DependencyView>,
    /// How many workers beat, here or elsewhere: without one, jobs wait. Absent where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u64>,
}

/// Something that the service depends on.
#[derive(Debug, Serialize, ToSchema)]
struct DependencyView {
    /// `database`.
    name: &'static str,
    /// Whether it works.
    ready: bool,
    /// Why it does not.
    #[schema(value_type = Option<String>)]
    problem: Option<Sentence>,
}

impl From<Dependency> for DependencyView {
    fn from(dependency: Dependency) -> Self {
        Self { name: dependency.name, ready: dependency.problem.is_none(), problem: dependency.problem }
    }
}

/// Whether the process lives; asks nothing else.
#[utoipa::path(get, path = "/health/live", tag = "health", responses(
    (status = 200, description = "It lives", body = Success<LiveView>),
))]
async fn live() -> Answered {
    Ok(Answer::ok(LiveView { status: "live" }))
}

/// Whether everything that the service depends on works, by name.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "Everything works", body = Success<HealthView>),
    (status = 503, description = "Something does not; `data` says what", body = FailureBody),
))]
async fn ready(State(control): State<Control>) -> Answered {
    of(&control).await
}

/// The same as `/health/ready`.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, description = "Everything works", body = Success<HealthView>),
    (status = 503, description = "Something does not; `data` says what", body = FailureBody),
))]
async fn health(State(control): State<Control>) -> Answered {
    of(&control).await
}

async fn of(control: &Control) -> Answered {
    let (dependencies, workers) = tokio::join!(control.dependencies(), control.living_workers());
    answered(dependencies, workers)
}

fn answered(dependencies: Vec<Dependency>, workers: Option<u64>) -> Answered {
    let problem = |dependency: &Dependency| {
        dependency.problem.as_ref().map(|problem| sentence!("{name}: {problem}", name = dependency.name, problem))
    };
    let problems = dependencies.iter().filter_map(problem).collect::<Vec<_>>();
    let view = HealthView {
        status: if problems.is_empty() { "ready" } else { "unready" },
        version: env!("CARGO_PKG_VERSION"),
        dependencies: dependencies.into_iter().map(DependencyView::from).collect(),
        workers,
    };
    if problems.is_empty() {
        return Ok(Answer::ok(view));
    }
    let failure = Failure::hinted(
        ProblemType::Unavailable,
        sentence!("{all}", all = problems),
        Sentence::verbatim("backout doctor"),
    );
    Err(failure.with_data(serde_json::to_value(view).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dependency_that_fails_is_named_and_makes_the_service_unready() {
        let dependencies = vec![
            Dependency { name: "database", problem: None },
            Dependency { name: "redis", problem: Some(Sentence::verbatim("connection refused")) },
        ];
        let failure = answered(dependencies, Some(1)).unwrap_err();
        assert_eq!(failure.error().detail.to_string(), "redis: connection refused");
        let data = failure.data().unwrap();
        assert_eq!(data["status"], "unready");
        assert_eq!(data["dependencies"][0]["ready"], true);
        assert_eq!(data["workers"], 1);
        assert_eq!(failure.retry_after(), Some(5));
    }
}
