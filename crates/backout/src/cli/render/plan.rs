//! A plan as a person reads it before saying yes.

use std::fmt::Write;

use domain::plan::{Plan, PlannedStep};
use i18n::{Language, step_name, text};

use super::{difference, findings};
use crate::cli::format::{NOTHING, duration, plain_table};

const DIGEST_DIGITS: usize = 12;

/// Findings first, then what differs, the steps with what they destroy and keep, and the expected time.
pub(crate) fn plan(language: Language, plan: &Plan) -> String {
    let say = |key: &str| text(language, key, []);
    let mut told = String::new();
    let from = plan.from.as_ref().map_or_else(|| NOTHING.to_owned(), |from| from.version.to_string());
    let to = plan.to.version.to_string();
    let title = format!("cli.plan-{}", plan.kind.as_str());
    let params =
        [("application", plan.application.as_str()), ("environment", &plan.environment), ("from", &from), ("to", &to)];
    let _ = writeln!(told, "{}\n", text(language, &title, params));
    if let Some(verdict) = plan.verdict {
        let _ = writeln!(told, "{}\n", say(&format!("cli.verdict-{}", verdict.as_str())));
    }
    if !plan.findings.is_empty() {
        let _ = writeln!(told, "{}\n{}", say("cli.heading-findings"), findings(language, &plan.findings));
    }
    let _ = writeln!(told, "{}\n{}", say("cli.heading-difference"), difference(language, &plan.difference));
    let _ = writeln!(told, "{}", say("cli.heading-steps"));
    let mut table = plain_table(language, &["number", "step", "on", "expected", "effect"]);
    for step in &plan.steps {
        let subject = step.spec.subject();
        table.add_row([
            step.id.to_string(),
            step_name(language, step.spec.name()),
            if subject.is_empty() { NOTHING.to_owned() } else { subject },
            step.expected_ms.map_or_else(|| NOTHING.to_owned(), |expected| duration(language, expected)),
            effect(language, step, plan.pivot),
        ]);
    }
    let _ = writeln!(told, "{table}");
    if !plan.losses.is_empty() {
        let _ = writeln!(told, "{}\n{}", say("cli.heading-losses"), losses(language, plan));
    }
    if let Some(statements) = statements(language, plan) {
        let _ = writeln!(told, "{}\n{statements}", say("cli.heading-statements"));
    }
    let expected = match plan.expected_ms {
        Some(expected) => text(language, "cli.expected", [("duration", duration(language, expected).as_str())]),
        None => say("cli.expected-unknown"),
    };
    let digest: String = plan.digest.chars().take(DIGEST_DIGITS).collect();
    let _ = writeln!(told, "{expected} {}", text(language, "cli.digest", [("digest", digest.as_str())]));
    told
}

/// What the target will not know, in numbers.
fn losses(language: Language, plan: &Plan) -> String {
    let mut table = plain_table(language, &["store", "migration", "object", "rows"]);
    for one in &plan.losses {
        let rows = one.loss.rows.map_or_else(|| text(language, "cli.not-counted", []), |rows| rows.to_string());
        table.add_row([one.store.clone(), one.migration.clone(), one.loss.object.clone(), rows]);
    }
    table.to_string()
}

/// What the steps run that migrate; none where no step does.
fn statements(language: Language, plan: &Plan) -> Option<String> {
    let mut table = plain_table(language, &["step", "migration", "position", "statement", "class", "expected"]);
    let mut more = 0;
    for step in &plan.steps {
        for one in &step.statements {
            let class = one.class.map(|class| text(language, &format!("cli.class-{}", class.as_str()), []));
            table.add_row([
                step.id.to_string(),
                one.migration.clone(),
                one.position.clone(),
                one.does.clone(),
                class.unwrap_or_else(|| NOTHING.to_owned()),
                one.expected_ms.map_or_else(|| NOTHING.to_owned(), |expected| duration(language, expected)),
            ]);
        }
        more += step.more_statements;
    }
    if table.is_empty() {
        return None;
    }
    let more = match more {
        0 => String::new(),
        more => format!("\n{}", text(language, "cli.more-statements", [("count", more.to_string().as_str())])),
    };
    Some(format!("{table}{more}"))
}

fn effect(language: Language, step: &PlannedStep, pivot: u32) -> String {
    let mut lines = Vec::new();
    if !step.destroys.is_empty() {
        lines.push(text(language, "cli.destroys", [("objects", step.destroys.join(", ").as_str())]));
    }
    if !step.preserves.is_empty() {
        lines.push(text(language, "cli.preserves", [("objects", step.preserves.join(", ").as_str())]));
    }
    if step.id == pivot {
        lines.push(text(language, "cli.pivot", []));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use domain::deployment::DeploymentKind;
    use domain::environment::Engine;
    use domain::finding::{Code, Finding};
    use domain::ids::ReleaseId;
    use domain::ledger::Direction;
    use domain::plan::{
        CodeChange, ConfigChange, Difference, FORMAT, ImageChange, PlannedRelease, SchemaChange, ServiceAt, StepSpec,
    };
    use domain::release::GitRefs;

    use super::*;

    fn release(version: &str) -> PlannedRelease {
        PlannedRelease { id: ReleaseId::generate(), version: version.parse().unwrap() }
    }

    fn git(tag: &str, commit: &str) -> GitRefs {
        GitRefs { tag: Some(tag.into()), commit: Some(commit.into()), branch: None }
    }

    fn by_hand() -> Plan {
        let at = ServiceAt { host: "local".into(), service: "web".into(), container: "cms-web".into() };
        let specs = [
            (StepSpec::Preflight { preconditions: Vec::new() }, Some(40)),
            (StepSpec::Backup { store: "main".into(), engine: Engine::MariaDb, anew: false }, Some(2_310)),
            (StepSpec::StopService { at: at.clone() }, Some(350)),
            (StepSpec::MigrateDown { store: "main".into(), engine: Engine::MariaDb, migrations: Vec::new() }, None),
            (StepSpec::Verify { version: "v0.8.1".parse().unwrap(), from_deployment: None }, None),
            (StepSpec::Finish { retired: vec![at] }, None),
        ];
        let mut steps: Vec<PlannedStep> = specs
            .into_iter()
            .zip(0u32..)
            .map(|((spec, expected_ms), id)| {
                let depends_on = id.checked_sub(1).into_iter().collect();
                PlannedStep { expected_ms, ..PlannedStep::new(id, depends_on, spec) }
            })
            .collect();
        steps[3].destroys = vec!["column users.two_factor_secret".into()];
        steps[3].preserves = vec!["column users.two_factor_secret".into()];
        Plan {
            format: FORMAT,
            kind: DeploymentKind::Rollback,
            application: "cms-backend".into(),
            environment: "production".into(),
            from: Some(release("v0.8.2")),
            to: release("v0.8.1"),
            from_deployment: None,
            settings_revision: 1,
            steps,
            pivot: 4,
            findings: vec![
                Finding::new(Code::ImageMissing, [("image", "cms-backend:v0.8.1"), ("host", "local")]),
                Finding::new(Code::MaintenanceWindow, [("environment", "production")]),
                Finding::new(
                    Code::DataPreserved,
                    [("store", "main"), ("migration", "20250110001"), ("objects", "column users.two_factor_secret")],
                ),
            ],
            accepted: Vec::new(),
            verdict: None,
            losses: Vec::new(),
            difference: Difference {
                images: vec![ImageChange {
                    service: "web".into(),
                    from: Some("cms-backend:v0.8.2".into()),
                    to: Some("cms-backend:v0.8.1".into()),
                }],
                config: vec![ConfigChange {
                    service: "web".into(),
                    key: "CACHE_TTL_SECONDS".into(),
                    from: Some("300".into()),
                    to: None,
                }],
                schema: vec![SchemaChange {
                    store: "main".into(),
                    direction: Direction::Down,
                    version: "20250110001".into(),
                    name: "add_2fa_columns".into(),
                }],
                code: Some(CodeChange {
                    from: git("release/v0.8.2", "abc123def456789"),
                    to: git("release/v0.8.1", "7d90e5ab3c16"),
                }),
            },
            digest: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef".into(),
            expected_ms: None,
        }
    }

    #[test]
    fn a_plan_in_english() {
        insta::assert_snapshot!(plan(Language::En, &by_hand()));
    }

    #[test]
    fn a_plan_in_chinese() {
        insta::assert_snapshot!(plan(Language::ZhCn, &by_hand()));
    }

    #[test]
    fn a_first_deployment_has_nothing_before_it() {
        let first = Plan {
            kind: DeploymentKind::Deploy,
            from: None,
            findings: Vec::new(),
            accepted: Vec::new(),
            verdict: None,
            losses: Vec::new(),
            difference: Difference::default(),
            expected_ms: Some(61_000),
            ..by_hand()
        };
        let told = plan(Language::En, &first);
        assert!(told.contains("— → v0.8.1") && told.contains("1 min 01 s"), "{told}");
    }
}
