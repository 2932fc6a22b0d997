//! Findings as a list, each with what to do about it.

use std::fmt::Write;

use domain::finding::{Finding, Severity};
use i18n::{Language, finding, finding_hint, text};

/// The findings in their order, one line each, and for what forbids or warns the next command below it.
pub(crate) fn findings(language: Language, findings: &[Finding]) -> String {
    let mut told = String::new();
    for found in findings {
        let (mark, key) = match found.severity {
            Severity::Blocker => ("✗", "cli.severity-blocker"),
            Severity::Warning => ("!", "cli.severity-warning"),
            Severity::Note => ("·", "cli.severity-note"),
        };
        let _ = writeln!(told, "  {mark} {}: {}", text(language, key, []), finding(language, found));
        if let Some(hint) = finding_hint(language, found).filter(|_| found.severity != Severity::Note) {
            let _ = writeln!(told, "      → {hint}");
        }
    }
    told
}
