//! The four layers of a difference: image, configuration, schema, code.

use domain::ledger::Direction;
use domain::plan::Difference;
use domain::release::GitRefs;
use i18n::{Language, text};

use crate::cli::format::{NOTHING, plain_table, short_commit};

/// A row for each thing that differs; a sentence where nothing does.
pub(crate) fn difference(language: Language, difference: &Difference) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut add = |layer: &str, what: String, from: Option<String>, to: Option<String>| {
        let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_owned());
        rows.push([text(language, &format!("cli.layer-{layer}"), []), what, or_nothing(from), or_nothing(to)]);
    };
    for change in &difference.images {
        add("image", change.service.clone(), change.from.clone(), change.to.clone());
    }
    for change in &difference.config {
        add("config", format!("{} {}", change.service, change.key), change.from.clone(), change.to.clone());
    }
    for change in &difference.schema {
        let named = format!("{} {}", change.version, change.name);
        let (from, to) = match change.direction {
            Direction::Down => (Some(named), Some(text(language, "cli.taken-back", []))),
            Direction::Up => (None, Some(named)),
        };
        add("schema", change.store.clone(), from, to);
    }
    if let Some(code) = &difference.code {
        add("code", "git".to_owned(), Some(git(&code.from)), Some(git(&code.to)));
    }
    if rows.is_empty() {
        return format!("{}\n", text(language, "cli.no-difference", []));
    }
    let mut table = plain_table(language, &["layer", "what", "before", "after"]);
    table.add_rows(rows);
    format!("{table}\n")
}

/// Tag and commit.
pub(crate) fn git(refs: &GitRefs) -> String {
    match (&refs.tag, &refs.commit) {
        (Some(tag), Some(commit)) => format!("{tag} ({})", short_commit(commit)),
        (Some(one), None) => one.clone(),
        (None, Some(commit)) => short_commit(commit),
        (None, None) => refs.branch.clone().unwrap_or_else(|| NOTHING.to_owned()),
    }
}
