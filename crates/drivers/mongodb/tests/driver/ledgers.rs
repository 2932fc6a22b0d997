//! The application's own ledger and that of migrate-mongo, which `scripts/ledger-tools` installs for the ignored test.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::ledger::{EntryState, LedgerTool};
use serde_json::json;

use crate::support::{insert, target};

#[tokio::test]
async fn a_database_without_ledgers_has_none() {
    let target = target("bare").await;
    assert_eq!(target.ledgers("migrations").await.unwrap(), []);
    // Somebody else's collection of that name.
    insert(&target, "changelog", json!([{ "text": "v1 is out" }])).await;
    assert_eq!(target.ledgers("migrations").await.unwrap(), []);
}

#[tokio::test]
async fn the_list_of_versions_comes_before_the_ledger_of_migrate_mongo() {
    let target = target("ledgers").await;
    let at = |day: u32| json!({ "$date": format!("2026-01-0{day}T03:04:05Z") });
    let changes = json!([
        { "fileName": "2-two.js", "fileHash": "abc", "appliedAt": at(2), "migrationBlock": { "$numberLong": "7" } },
        { "fileName": "1-one.js", "appliedAt": at(1) },
    ]);
    insert(&target, "changelog", changes).await;
    insert(&target, "changelog_lock", json!([{ "createdAt": at(3) }])).await;
    insert(&target, "migrations", json!([{ "version": "001", "name": "articles", "applied_at": at(1) }])).await;
    let found = target.ledgers("migrations").await.unwrap();
    assert_eq!(
        found.iter().map(|ledger| ledger.tool).collect::<Vec<_>>(),
        [LedgerTool::Versions, LedgerTool::MigrateMongo]
    );
    assert_eq!((found[0].entries[0].id.as_str(), found[0].entries[0].name.as_deref()), ("001", Some("articles")));
    let [one, two] = &found[1].entries[..] else { panic!("{found:?}") };
    assert_eq!((one.id.as_str(), one.version.as_str(), &one.checksum), ("1-one.js", "1", &None));
    assert_eq!((two.id.as_str(), two.name.as_deref(), two.checksum.as_deref()), ("2-two.js", Some("two"), Some("abc")));
    assert_eq!(one.applied_at.unwrap().to_rfc3339(), "2026-01-01T03:04:05+00:00");
    assert_eq!(found[1].lock.as_ref().unwrap().since.unwrap().to_rfc3339(), "2026-01-03T03:04:05+00:00");
}

fn tool(file: &str) -> PathBuf {
    let folder = std::env::var_os("BACKOUT_LEDGER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("ledger-tools"), PathBuf::from);
    let file = folder.join(file);
    assert!(file.exists(), "{} is not there: scripts/ledger-tools installs it", file.display());
    file
}

#[tokio::test]
#[ignore = "needs scripts/ledger-tools"]
async fn migrate_mongo_lists_files_with_hashes_and_leaves_no_trace_of_what_failed() {
    let target = target("migratemongo").await;
    let project = tempfile::tempdir().unwrap();
    let files = project.path().join("migrations");
    std::fs::create_dir(&files).unwrap();
    let config = format!(
        "module.exports = {{ mongodb: {{ url: '{}', databaseName: '{}', options: {{}} }}, migrationsDir: 'migrations', \
         changelogCollectionName: 'changelog', lockCollectionName: 'changelog_lock', lockTtl: 0, \
         migrationFileExtension: '.js', useFileHash: true, moduleSystem: 'commonjs' }};",
        testkit::shared_mongo().url(),
        target.database()
    );
    std::fs::write(project.path().join("migrate-mongo-config.js"), config).unwrap();
    let up = |body: &str| format!("module.exports = {{ async up(db) {{ {body} }}, async down(db) {{}} }};");
    let write = |name: &str, body: &str| std::fs::write(files.join(name), up(body)).unwrap();
    write("20260101000001-articles.js", "await db.collection('articles').insertOne({ a: 1 });");
    write("20260101000002-broken.js", "await db.collection('halves').insertOne({ a: 1 }); throw new Error('broken');");
    let output = Command::new(tool("npm/node_modules/.bin/migrate-mongo"))
        .current_dir(project.path())
        .env("NODE_PATH", tool("npm/node_modules"))
        .arg("up")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("broken"), "{said}");
    let found = target.ledgers("migrations").await.unwrap();
    assert_eq!(found.len(), 1, "{said}");
    assert_eq!(found[0].tool, LedgerTool::MigrateMongo);
    let [entry] = &found[0].entries[..] else { panic!("{found:?}") };
    assert_eq!((entry.id.as_str(), entry.version.as_str()), ("20260101000001-articles.js", "20260101000001"));
    assert_eq!((entry.checksum.as_ref().map(String::len), entry.state), (Some(64), EntryState::Applied));
    assert!(entry.applied_at.is_some());
}
