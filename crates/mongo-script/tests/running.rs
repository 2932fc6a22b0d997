//! What a script does with a server's answers. The host here answers from memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mongo_script::{
    ErrorKind, Host, HostError, Limits, Operation, RunReport, ScriptError, Settings, StopSign, run_live,
};
use sentence::Sentence;
use serde_json::{Value, json};

struct Scripted {
    replies: VecDeque<Result<Value, HostError>>,
    seen: Vec<Operation>,
}

impl Host for Scripted {
    fn execute(&mut self, operation: &Operation) -> Result<Value, HostError> {
        self.seen.push(operation.clone());
        self.replies.pop_front().unwrap_or_else(|| Err(HostError::Stop(Sentence::verbatim("no further reply"))))
    }
}

/// Shows the stop sign once the script has done so many operations.
struct Stopping {
    after: usize,
    done: Arc<AtomicUsize>,
}

impl Host for Stopping {
    fn execute(&mut self, _: &Operation) -> Result<Value, HostError> {
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(json!({ "ok": 1, "n": 1 }))
    }

    fn stop_sign(&self) -> StopSign {
        let (after, done) = (self.after, Arc::clone(&self.done));
        Arc::new(move || done.load(Ordering::SeqCst) >= after)
    }
}

#[test]
fn a_script_that_is_told_to_stop_does_no_further_operation_and_cannot_go_on_computing() {
    for source in [
        "for (let i = 0; i < 9; i++) { try { db.a.deleteOne({i: i}).deletedCount; } catch (e) {} }",
        "db.a.deleteOne({}).deletedCount; db.a.deleteOne({}); for (;;) {}",
    ] {
        let mut host = Stopping { after: 2, done: Arc::default() };
        let begun = Instant::now();
        let error = run_live(source, &mut host, &Settings::new("shop")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stopped, "{error}");
        assert_eq!(host.done.load(Ordering::SeqCst), 2);
        // Long before the time limit.
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

fn run_with(
    source: &str,
    replies: impl IntoIterator<Item = Result<Value, HostError>>,
    settings: &Settings,
) -> (Result<RunReport, ScriptError>, Vec<Operation>) {
    let mut host = Scripted { replies: replies.into_iter().collect(), seen: Vec::new() };
    let report = run_live(source, &mut host, settings);
    (report, host.seen)
}

fn run(
    source: &str,
    replies: impl IntoIterator<Item = Result<Value, HostError>>,
) -> (Result<RunReport, ScriptError>, Vec<Operation>) {
    run_with(source, replies, &Settings::new("shop"))
}

fn int(number: i32) -> Value {
    json!({ "$numberInt": number.to_string() })
}

fn page(kind: &str, documents: &[&Value], id: &str) -> Value {
    json!({"cursor": {kind: documents, "id": {"$numberLong": id}, "ns": "shop.a"}, "ok": {"$numberDouble": "1.0"}})
}

fn refused(code: i32, name: &str) -> Result<Value, HostError> {
    Err(HostError::Server { code: Some(code), name: Some(name.into()), message: "the server refuses".into() })
}

#[test]
fn a_cursor_is_read_batch_by_batch_and_its_documents_keep_their_types() {
    let first = json!({"_id": int(1), "n": {"$numberLong": "9007199254740993"}, "re": {"$regularExpression": {"pattern": "a/b", "options": "i"}}});
    let second = json!({"_id": {"$oid": "65a1b2c3d4e5f60718293a4b"}, "d": {"$numberDecimal": "1.10"}, "t": {"$date": {"$numberLong": "5"}}});
    let (report, seen) = run(
        "db.a.find({}).forEach(d => db.b.replaceOne({_id: d._id}, d));",
        [
            Ok(page("firstBatch", &[&first], "77")),
            Ok(json!({"n": int(1), "nModified": int(1)})),
            Ok(page("nextBatch", &[&second], "0")),
            Ok(json!({"n": int(1), "nModified": int(1)})),
        ],
    );
    assert_eq!(report.unwrap().operations, 4);
    assert_eq!(seen[1].command["updates"][0]["u"], first);
    assert_eq!(seen[2].command, json!({"getMore": {"$numberLong": "77"}, "collection": "a"}));
    assert_eq!(seen[3].command["updates"][0]["u"], second);
}

#[test]
fn results_have_the_fields_the_shell_gives_them() {
    let (report, _) = run(
        "const r = db.a.updateMany({}, {$set: {x: 1}}); print(r.matchedCount, r.modifiedCount, r.upsertedCount);
         print(db.a.deleteMany({}).deletedCount, db.a.countDocuments(), db.a.findOne({}) === null);
         print(db.a.getIndexes().map(i => i.name)[0], db.a.insertOne({_id: 5}).insertedId);
         printjson({a: NumberLong(5), b: ISODate('2024-01-01')});",
        [
            Ok(json!({"n": int(3), "nModified": int(2)})),
            Ok(json!({"n": int(4)})),
            Ok(page("firstBatch", &[&json!({"_id": int(1), "n": int(9)})], "0")),
            Ok(page("firstBatch", &[], "0")),
            Ok(page("firstBatch", &[&json!({"v": int(2), "key": {"_id": int(1)}, "name": "_id_"})], "0")),
            Ok(json!({"n": int(1)})),
        ],
    );
    let output = report.unwrap().output;
    assert_eq!(output[..3], ["3 2 0", "4 9 true", "_id_ 5"]);
    assert!(output[3].contains("2024-01-01T00:00:00.000Z"), "{output:?}");
}

#[test]
fn a_bulk_write_adds_up_its_counts() {
    let (report, _) = run(
        "const r = db.a.bulkWrite([{insertOne: {document: {}}}, {updateOne: {filter: {}, update: {$set: {a: 1}}}}, {deleteMany: {filter: {}}}]);
         print(r.insertedCount, r.modifiedCount, r.deletedCount);",
        [
            Ok(json!({"n": int(1)})),
            Ok(json!({"n": int(1), "nModified": int(1)})),
            Ok(json!({"n": int(6)})),
        ],
    );
    assert_eq!(report.unwrap().output, ["1 1 6"]);
}

#[test]
fn an_error_of_the_server_can_be_handled() {
    let (report, seen) = run(
        "try { db.a.dropIndex('x_1') } catch (e) { if (e.code !== 27) throw e; print(e.codeName) }\ndb.a.drop();",
        [refused(27, "IndexNotFound"), Ok(json!({"ok": 1}))],
    );
    assert_eq!(report.unwrap().output, ["IndexNotFound"]);
    assert_eq!(seen.len(), 2);
}

#[test]
fn an_unhandled_error_of_the_server_ends_the_script_with_code_and_place() {
    let (report, _) = run("\ndb.a.dropIndex('x_1');\ndb.a.drop();", [refused(26, "NamespaceNotFound")]);
    let error = report.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Server { code: Some(26) });
    assert_eq!((error.message.to_string().as_str(), error.line), ("the server refuses", 2));
}

#[test]
fn a_stop_of_the_host_cannot_be_caught() {
    let (report, seen) = run(
        "for (;;) { try { db.a.drop() } catch (e) {} }",
        [Err(HostError::Stop(Sentence::verbatim("the lease is lost")))],
    );
    let error = report.unwrap_err();
    assert_eq!((error.kind, error.message.to_string().as_str()), (ErrorKind::Stopped, "the lease is lost"));
    assert_eq!(seen.len(), 1);
}

#[test]
fn output_beyond_the_limit_is_dropped_and_said_to_be() {
    let settings = Settings { limits: Limits { output_bytes: 20, ..Limits::default() }, ..Settings::new("shop") };
    let (report, _) = run_with("for (let i = 0; i < 100; i++) print('line ' + i)", [], &settings);
    let report = report.unwrap();
    assert_eq!(report.output, ["line 0", "line 1"]);
    assert!(report.output_truncated);
}

#[test]
fn a_cursor_that_is_never_read_sends_nothing() {
    let (report, seen) = run("db.a.find(); print('done');", []);
    assert_eq!(report.unwrap().output, ["done"]);
    assert!(seen.is_empty());
}
