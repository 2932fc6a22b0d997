//! The two locale files hold together, and everything that the domain names has a sentence in both.

use std::collections::{BTreeMap, BTreeSet};

use backout_i18n::{self as i18n, Language};
use domain::finding::{Code, Finding};
use domain::job::JobState;
use domain::plan::StepSpec;
use domain::problem::ProblemType;
use domain::step::StepState;
use utoipa::PartialSchema;

/// The sentences by locale and key, read as the crate itself reads them.
fn locales() -> BTreeMap<String, BTreeMap<String, String>> {
    rust_i18n_support::load_locales(concat!(env!("CARGO_MANIFEST_DIR"), "/locales"), |_| false)
}

fn placeholders(sentence: &str) -> BTreeSet<&str> {
    sentence.split("%{").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// The parameters that the planner gives with each code; a new code has to be added here.
fn params_of(code: Code) -> &'static [&'static str] {
    match code {
        Code::ReleaseIsCurrent | Code::NothingToMigrate => &["version"],
        Code::ImageMissing | Code::ImageChanged | Code::MaintenanceImageMissing => &["host", "image"],
        Code::ImageUnnamed => &["service", "version"],
        Code::GatewayNotReady => &["environment", "reason", "url"],
        Code::HostUnreachable => &["host", "reason"],
        Code::StoreUnreachable | Code::LedgerUnreadable => &["reason", "store"],
        Code::StoreUnknown => &["engine", "store"],
        Code::DownScriptMissing
        | Code::ScriptTampered
        | Code::MigrationHole
        | Code::MigrationUnknown
        | Code::MigrationEdited
        | Code::Unrehearsed => &["migration", "store"],
        Code::MigrationOutOfOrder => &["migration", "newest", "store"],
        Code::AppliedScriptUsed => &["migration", "release", "store"],
        Code::CannotBeUndone | Code::RehearsalFailed => &["direction", "migration", "reason", "store"],
        Code::SchemaDrifted => &["found", "left_as", "store"],
        Code::DiskLow => &["available", "needed", "place"],
        Code::StatementRefused => &["direction", "migration", "position", "reason", "store"],
        Code::SchemaIncompatible => &["head", "store", "version"],
        Code::RequirementNotMet | Code::RequirementUnknown => &["reported", "requirement", "store"],
        Code::ContainerMissing => &["host", "service"],
        Code::ContainerForeign => &["container", "host", "port", "service"],
        Code::ContainerDrifted => &["container", "found", "host", "left_as", "service"],
        Code::MaintenancePageUnset | Code::MaintenanceWindow | Code::TrafficBeforeVerification | Code::NoProbes => {
            &["environment"]
        }
        Code::DataDropped | Code::DataPreserved | Code::DataRestored => &["migration", "objects", "store"],
        Code::SchemaKept | Code::StoreUnused => &["head", "store"],
        Code::ScriptNotPredictable => &["direction", "migration", "store"],
        Code::RiskUnknown => &["direction", "migration", "position", "store"],
        Code::ConfigurationMissing => &["environment", "version"],
    }
}

#[test]
fn there_is_one_file_for_each_language() {
    let tags: BTreeSet<&str> = Language::ALL.iter().map(|language| language.tag()).collect();
    let locales = locales();
    assert_eq!(locales.keys().map(String::as_str).collect::<BTreeSet<_>>(), tags);
}

#[test]
fn both_files_have_the_same_keys_and_the_same_placeholders() {
    let locales = locales();
    let (english, chinese) = (&locales["en"], &locales["zh-CN"]);
    let (en_keys, zh_keys): (BTreeSet<_>, BTreeSet<_>) = (english.keys().collect(), chinese.keys().collect());
    assert_eq!(en_keys.difference(&zh_keys).collect::<Vec<_>>(), Vec::<&&String>::new(), "only in English");
    assert_eq!(zh_keys.difference(&en_keys).collect::<Vec<_>>(), Vec::<&&String>::new(), "only in Chinese");
    for (key, sentence) in english {
        assert_eq!(placeholders(sentence), placeholders(&chinese[key]), "{key}");
        assert!(!sentence.trim().is_empty() && !chinese[key].trim().is_empty(), "{key} is empty");
    }
}

#[test]
fn sections_and_their_keys_are_sorted_and_none_is_there_twice() {
    for file in [include_str!("../locales/en.yml"), include_str!("../locales/zh-CN.yml")] {
        let (mut section, mut key) = ("", "");
        for line in file.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
            let name = line.trim().split(':').next().unwrap();
            if !line.starts_with(' ') {
                assert!(section < name, "section {name} stands after {section}");
                (section, key) = (name, "");
            } else if line.starts_with("  ") && !line.starts_with("   ") {
                assert!(key < name, "key {section}.{name} stands after {section}.{key}");
                key = name;
            }
        }
    }
}

#[test]
fn every_finding_has_a_sentence_with_exactly_the_parameters_it_carries() {
    let locales = locales();
    for code in Code::ALL {
        let key = format!("finding.{}", code.as_str());
        let sentence = locales["en"].get(&key).unwrap_or_else(|| panic!("{key} has no sentence"));
        assert_eq!(placeholders(sentence).into_iter().collect::<Vec<_>>(), params_of(*code), "{key}");
    }
}

#[test]
fn every_blocker_has_a_hint_and_no_hint_is_left_over() {
    for code in Code::ALL.iter().filter(|code| code.severity() == domain::finding::Severity::Blocker) {
        for language in Language::ALL {
            assert!(i18n::finding_hint(language, &with_params(*code)).is_some(), "{} has no hint", code.as_str());
        }
    }
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for key in locales()["en"].keys() {
        for section in ["finding.", "hint."] {
            if let Some(code) = key.strip_prefix(section) {
                assert!(codes.contains(code), "{key} belongs to no code");
            }
        }
    }
    assert_eq!(i18n::finding_hint(Language::En, &with_params(Code::SchemaKept)), None);
}

/// What the plan adds to every finding.
const EVERYWHERE: [&str; 3] = ["application", "environment", "version"];

fn with_params(code: Code) -> Finding {
    let names = params_of(code).iter().chain(&EVERYWHERE);
    names.fold(Finding::new(code, []), |finding, name| finding.about(name, format!("the {name}")))
}

#[test]
fn a_hint_can_be_typed_as_it_stands() {
    for code in Code::ALL {
        for language in Language::ALL {
            let Some(hint) = i18n::finding_hint(language, &with_params(*code)) else { continue };
            let open = hint.contains("%{") || hint.contains('<');
            assert!(!open, "{}: {hint}", code.as_str());
        }
    }
    let drifted = Finding::new(Code::SchemaDrifted, [("store", "main"), ("left_as", "a"), ("found", "b")]);
    let drifted =
        EVERYWHERE.iter().zip(["shop", "live", "v2"]).fold(drifted, |one, (name, value)| one.about(name, value));
    let hint = i18n::finding_hint(Language::En, &drifted).unwrap();
    assert!(hint.starts_with("backout drift --app shop --env live "), "{hint}");
}

#[test]
fn every_problem_state_and_step_has_a_name_in_both_languages() {
    let steps = serde_json::to_value(StepSpec::schema()).unwrap();
    let step_names: Vec<&str> = steps["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| find_step_tag(variant).unwrap_or_else(|| panic!("no tag in {variant}")))
        .collect();
    assert!(step_names.contains(&"preflight") && step_names.contains(&"finish"), "{step_names:?}");
    for language in Language::ALL {
        let names = ProblemType::ALL
            .iter()
            .map(|problem| i18n::problem_title(language, *problem))
            .chain(JobState::ALL.map(|state| i18n::job_state(language, state)))
            .chain(StepState::ALL.map(|state| i18n::step_state(language, state)))
            .chain(step_names.iter().map(|name| i18n::step_name(language, name)));
        for name in names {
            // A missing sentence comes back as its key, e.g. `step.stop_service`.
            assert!(!name.contains('.') && !name.contains('_'), "{name} has no {} sentence", language.tag());
        }
    }
}

/// The one value that the tag of a step may have, wherever the schema puts it.
fn find_step_tag(schema: &serde_json::Value) -> Option<&str> {
    schema["properties"]["step"]["enum"][0]
        .as_str()
        .or_else(|| schema["allOf"].as_array().and_then(|parts| parts.iter().find_map(find_step_tag)))
}

#[test]
fn a_finding_is_told_with_its_parameters_in_the_language_asked_for() {
    let missing = Finding::new(Code::ImageMissing, [("image", "cms-backend:v0.8.1"), ("host", "local")]);
    assert_eq!(i18n::finding(Language::En, &missing), "Image cms-backend:v0.8.1 is not on host local.");
    assert_eq!(i18n::finding(Language::ZhCn, &missing), "主机 local 上没有镜像 cms-backend:v0.8.1。");
    assert_eq!(i18n::step_name(Language::En, "stop_service"), "Stop service");
    assert_eq!(i18n::job_state(Language::ZhCn, JobState::Queued), "排队中");
}
