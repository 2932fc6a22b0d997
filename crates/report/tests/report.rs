//! Reports as people read them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

use domain::view::JobReport;
use i18n::Language;
use serde_json::json;

fn told() -> JobReport {
    let at = |second: &str| format!("2026-01-10T03:00:{second}Z");
    let release = |number: u32, version: &str| json!({ "id": format!("00000000-0000-7000-8000-{number:012}"), "version": version });
    let spec = json!({ "step": "migrate_down", "store": "main", "engine": "mariadb", "migrations": [] });
    let statement = json!({ "migration": "20250110001", "position": "1:1", "does": "ALTER TABLE users DROP COLUMN age",
        "class": "instant", "expected_ms": 12 });
    let plan = json!({
        "format": 2, "kind": "rollback", "application": "cms-backend", "environment": "production",
        "from": release(2, "v0.8.2"), "to": release(1, "v0.8.1"), "from_deployment": null, "settings_revision": 1,
        "steps": [{ "id": 0, "depends_on": [], "spec": spec, "statements": [statement] }],
        "pivot": 0, "digest": "abc123", "expected_ms": null, "accepted": ["risk-unknown"],
        "findings": [{ "code": "data-preserved", "severity": "note",
            "params": { "migration": "20250110001", "objects": "column users.age", "store": "main" } }],
        "difference": { "images": [], "config": [], "schema": [], "code": null },
    });
    let job = json!({
        "id": "00000000-0000-7000-8000-000000000009", "kind": "rollback", "application": "cms-backend",
        "environment": "production", "deployment": "00000000-0000-7000-8000-000000000008", "from": "v0.8.2", "to": "v0.8.1",
        "state": "undone", "actor": "<b>oncall</b>", "reason": "slow & broken", "created_at": at("00"), "started_at": at("01"),
        "ended_at": at("04"), "last_event": 9, "plan": plan,
        "error": { "message": "no such column" },
        "measurements": { "recovery_ms": 3004, "downtime_ms": null, "rows_preserved": 2, "rows_restored": 2, "backup_age_ms": 90 },
        "steps": [{ "id": 0, "name": "migrate_down", "subject": "main (mariadb)", "state": "undone", "attempts": 2,
            "started_at": at("02"), "finished_at": at("03"), "output": null, "error": null }],
    });
    let ran = |undo: bool, index: u32, done: Option<String>| {
        json!({ "step": 0, "undo": undo, "migration": "20250110001", "direction": if undo { "up" } else { "down" },
            "index": index, "begun_at": at("02"), "done_at": done, "affected": done.as_ref().map(|_| 2) })
    };
    let backup = json!({ "id": "00000000-0000-7000-8000-000000000007", "store": "main", "engine": "mariadb",
        "path": "/var/lib/backout/backups/main.sql.zst", "bytes": 4711, "sha256": "e3b0", "job": job["id"],
        "begun_at": at("01"), "verified_at": at("02") });
    let report = json!({
        "job": job, "backups": [backup],
        "statements": [ran(false, 0, Some(at("03"))), ran(false, 1, None), ran(true, 0, Some(at("03")))],
    });
    serde_json::from_value(report).unwrap()
}

#[test]
fn a_job_that_was_taken_back_in_plain_text() {
    insta::assert_snapshot!(report::text(Language::En, &told()));
}

#[test]
fn the_same_in_chinese_as_a_page_on_which_nothing_that_others_wrote_is_markup() {
    let page = report::html(Language::ZhCn, &told());
    assert!(!page.contains("<b>oncall"), "{page}");
    insta::assert_snapshot!(page.replace("><", ">\n<"));
}
