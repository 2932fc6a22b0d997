//! The sentences of what the domain names by codes.

use domain::finding::Finding;
use domain::job::JobState;
use domain::problem::ProblemType;
use domain::step::StepState;

use crate::sentence::value;
use crate::{Language, has, text};

/// What a finding says, e.g. "Image cms-backend:v0.8.1 is not on host local."
pub fn finding(language: Language, finding: &Finding) -> String {
    told(language, &format!("finding.{}", finding.code.as_str()), finding)
}

/// What to do about a finding, mostly the next command; none where there is nothing to do.
pub fn finding_hint(language: Language, finding: &Finding) -> Option<String> {
    let key = format!("hint.{}", finding.code.as_str());
    has(&key).then(|| told(language, &key, finding))
}

fn told(language: Language, key: &str, finding: &Finding) -> String {
    let params: Vec<_> = finding.params.iter().map(|(name, param)| (name.as_str(), value(language, param))).collect();
    text(language, key, params.iter().map(|(name, value)| (*name, value.as_str())))
}

/// What a type of problem is called.
pub fn problem_title(language: Language, problem: ProblemType) -> String {
    text(language, &format!("problem.{}", problem.slug()), [])
}

/// What a job's state is called.
pub fn job_state(language: Language, state: JobState) -> String {
    text(language, &format!("job_state.{}", state.as_str()), [])
}

/// What a step's state is called.
pub fn step_state(language: Language, state: StepState) -> String {
    text(language, &format!("step_state.{}", state.as_str()), [])
}

/// What a step is called, by its stable name (`stop_service`); an unknown name is given back as its key.
pub fn step_name(language: Language, name: &str) -> String {
    text(language, &format!("step.{name}"), [])
}
