//! Why a command did not do what was asked, told with the next command.

use std::fmt::Write;

use client::Problem;
use domain::ids::JobId;
use i18n::{Language, text};
use sentence::Sentence;
use serde_json::json;

use super::exit::Exit;
use super::manifest::FileError;
use super::{output, render};

#[derive(Debug)]
pub(crate) enum Failure {
    /// The service said no, or nothing.
    Client(client::Error),
    /// A setting cannot be used.
    Settings(Sentence),
    /// A file cannot be used.
    File(FileError),
    /// There is none, or more than one, to choose from.
    Choose { what: What, names: Vec<String> },
    /// Whoever was asked did not confirm.
    Declined,
    /// Whoever was asked for the reason gave none.
    NoReason,
    /// A confirmation, and perhaps a reason, is needed and nobody can be asked.
    NobodyToAsk { wants_reason: bool },
    /// Interrupted, perhaps while a job was watched.
    Interrupted(Option<JobId>),
    /// The operating system.
    Io(std::io::Error),
}

/// What has to be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Application,
    Environment,
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::Client(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Failure {
    pub(crate) fn io(error: std::io::Error) -> Self {
        Self::Io(error)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(client::Error::Problem(problem)) => match problem.status {
                502..=504 => Exit::Unreachable,
                400..=499 => Exit::Refused,
                _ => Exit::Failed,
            },
            Self::Client(client::Error::Unreachable { .. }) => Exit::Unreachable,
            Self::Client(client::Error::Protocol { .. }) | Self::Io(_) => Exit::Failed,
            Self::Client(client::Error::Settings(_) | client::Error::Tls { .. })
            | Self::Settings(_)
            | Self::File(_) => Exit::Configuration,
            Self::Choose { .. } | Self::Declined | Self::NoReason | Self::NobodyToAsk { .. } => Exit::Refused,
            Self::Interrupted(_) => Exit::Interrupted,
        }
    }

    /// Writes it to standard error: for scripts as the API's own error, for people as sentences.
    pub(crate) fn tell(&self, language: Language, as_json: bool) {
        if as_json {
            let told = match self {
                Self::Client(client::Error::Problem(problem)) => json!({ "error": problem }),
                _ => json!({ "error": { "message": self.message(language), "exit": self.exit().code() } }),
            };
            output::error(&told.to_string());
        } else {
            output::error(self.render(language).trim_end());
        }
    }

    /// Message, detail, findings, the next command.
    pub(crate) fn render(&self, language: Language) -> String {
        let mut told = format!("{}\n", self.message(language));
        if let Self::Client(client::Error::Problem(problem)) = self {
            tell_problem(&mut told, language, problem);
        }
        if let Some(hint) = self.hint(language) {
            let _ = writeln!(told, "{}", text(language, "cli.next", [("command", hint.as_str())]));
        }
        told
    }

    pub(crate) fn message(&self, language: Language) -> String {
        match self {
            Self::Client(client::Error::Problem(problem)) => problem.message.clone(),
            Self::Client(client::Error::Unreachable { url, reason }) => text(
                language,
                "cli.unreachable",
                [("url", url.as_str()), ("reason", &i18n::sentence(language, reason))],
            ),
            Self::Client(client::Error::Tls { url, reason }) => {
                text(language, "cli.tls", [("url", url.as_str()), ("reason", reason)])
            }
            Self::Client(client::Error::Protocol { url, detail }) => {
                text(language, "cli.protocol", [("url", url.as_str()), ("detail", &i18n::sentence(language, detail))])
            }
            Self::Client(client::Error::Settings(detail)) | Self::Settings(detail) => {
                text(language, "cli.settings-wrong", [("detail", i18n::sentence(language, detail).as_str())])
            }
            Self::File(error) => error.message(language),
            Self::Choose { what, names } => {
                let key = match (what, names.is_empty()) {
                    (What::Application, true) => "cli.no-application",
                    (What::Application, false) => "cli.which-application",
                    (What::Environment, true) => "cli.no-environment",
                    (What::Environment, false) => "cli.which-environment",
                };
                text(language, key, [("names", names.join(", ").as_str())])
            }
            Self::Declined => text(language, "cli.declined", []),
            Self::NoReason => text(language, "cli.no-reason", []),
            Self::NobodyToAsk { .. } => text(language, "cli.nobody-to-ask", []),
            Self::Interrupted(None) => text(language, "cli.interrupted", []),
            Self::Interrupted(Some(job)) => {
                text(language, "cli.interrupted-watching", [("job", job.to_string().as_str())])
            }
            Self::Io(error) => error.to_string(),
        }
    }

    /// The next command, where there is one.
    pub(crate) fn hint(&self, language: Language) -> Option<String> {
        match self {
            Self::Client(client::Error::Problem(problem)) => match (&problem.hint, problem.status) {
                // Whoever has no token cannot make one: here it is known where tokens are given.
                (_, 401) => Some(text(language, "cli.hint-token", [])),
                (Some(hint), _) => Some(hint.clone()),
                (None, 503) => Some("backout doctor".to_owned()),
                (None, _) => None,
            },
            Self::Client(client::Error::Unreachable { .. }) => Some(text(language, "cli.hint-unreachable", [])),
            Self::Client(client::Error::Tls { .. }) => Some(text(language, "cli.hint-tls", [])),
            Self::Choose { what: What::Application, names } => {
                Some(names.first().map_or("backout app create NAME".to_owned(), |name| format!("--app {name}")))
            }
            Self::Choose { what: What::Environment, names } => {
                Some(names.first().map_or("backout env create NAME -f FILE".to_owned(), |name| format!("--env {name}")))
            }
            Self::NoReason => Some("--reason 'why'".to_owned()),
            Self::NobodyToAsk { wants_reason: true } => Some("--yes --reason 'why'".to_owned()),
            Self::NobodyToAsk { wants_reason: false } => Some("--yes".to_owned()),
            Self::Interrupted(Some(job)) => Some(format!("backout job watch {job}")),
            _ => None,
        }
    }
}

fn tell_problem(told: &mut String, language: Language, problem: &Problem) {
    // The service's sentence may hold the detail, and the detail the fields: nothing is said twice.
    if let Some(detail) = problem.detail.as_ref().filter(|detail| !told.contains(*detail)) {
        let _ = writeln!(told, "{detail}");
    }
    let mut findings = problem.findings.clone();
    findings.sort_by_key(|finding| finding.severity);
    told.push_str(&render::findings(language, &findings));
    for field in &problem.fields {
        if !told.contains(&format!("{} {}", field.field, field.message)) {
            let _ = writeln!(told, "  - {}: {}", field.field, field.message);
        }
    }
    if let Some(job) = problem.lock_holder {
        let _ = writeln!(told, "{}", text(language, "cli.lock-holder", [("job", job.to_string().as_str())]));
    }
    if let Some(seconds) = problem.retry_after {
        let _ = writeln!(told, "{}", text(language, "cli.retry-after", [("seconds", seconds.to_string().as_str())]));
    }
    if let Some(id) = problem.request_id.as_ref().filter(|_| problem.status >= 500) {
        let _ = writeln!(told, "{}", text(language, "cli.request-id", [("id", id.as_str())]));
    }
}

#[cfg(test)]
mod tests {
    use domain::finding::{Code, Finding};

    use super::*;

    fn problem(status: u16) -> Problem {
        Problem {
            status,
            kind: "plan-blocked".into(),
            message: "The plan may not run".into(),
            detail: Some("the plan to v0.8.1 is blocked by: image-missing".into()),
            hint: Some("backout plan v0.8.1".into()),
            findings: vec![
                Finding::new(Code::NoProbes, [("environment", "production")]),
                Finding::new(Code::ImageMissing, [("image", "web:v0.8.1"), ("host", "local")]),
            ],
            fields: Vec::new(),
            lock_holder: None,
            retry_after: None,
            request_id: None,
        }
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let of = |status| Failure::Client(client::Error::Problem(Box::new(problem(status)))).exit().code();
        assert_eq!([of(400), of(409), of(422), of(500), of(503)], [3, 3, 3, 1, 5]);
        let gone = client::Error::Unreachable { url: String::new(), reason: Sentence::verbatim("") };
        assert_eq!(Failure::Client(gone).exit().code(), 5);
        assert_eq!(Failure::Settings(Sentence::verbatim("")).exit().code(), 64);
        assert_eq!(Failure::Declined.exit().code(), 3);
    }

    #[test]
    fn what_the_message_says_already_is_not_said_again() {
        let field =
            domain::environment::FieldError { field: "name".into(), message: Sentence::verbatim("is too long") };
        let mut invalid = problem(422);
        invalid.message = "A field cannot be accepted: name is too long".into();
        invalid.detail = Some("name is too long".into());
        invalid.findings.clear();
        invalid.fields = vec![field];
        let told = Failure::Client(client::Error::Problem(Box::new(invalid))).render(Language::En);
        assert_eq!(told.matches("too long").count(), 1, "{told}");
    }

    #[test]
    fn a_refusal_is_told_with_blockers_first_and_the_next_command_last() {
        let told = Failure::Client(client::Error::Problem(Box::new(problem(409)))).render(Language::En);
        let places: Vec<usize> = [
            "The plan may not run",
            "is blocked by",
            "web:v0.8.1 is not",
            "no verification probe",
            "backout plan v0.8.1",
        ]
        .iter()
        .map(|part| told.find(part).unwrap_or_else(|| panic!("{part} is not in\n{told}")))
        .collect();
        assert!(places.is_sorted(), "{told}");
    }
}
