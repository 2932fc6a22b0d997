//! What compiling tells about a script without a server.
#![expect(clippy::expect_used, reason = "a test ends at the first surprise, also in its helpers")]

use std::time::{Duration, UNIX_EPOCH};

use mongo_script::{Compiled, ErrorKind, Operation, ScriptError, Settings, compile};
use sentence::Sentence;
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings { clock: Some(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)), ..Settings::new("shop") }
}

fn operations(source: &str) -> Vec<Operation> {
    match compile(source, &settings()).expect("the script compiles") {
        Compiled::Predictable(operations) => operations,
        live @ Compiled::Live { .. } => panic!("{live:?}"),
    }
}

fn commands(source: &str) -> Vec<Value> {
    operations(source).into_iter().map(|o| o.command).collect()
}

fn live(source: &str) -> (Sentence, u32) {
    match compile(source, &settings()).expect("the script compiles") {
        Compiled::Live { reason, line, .. } => (reason, line),
        predictable @ Compiled::Predictable(_) => panic!("{predictable:?}"),
    }
}

fn error(source: &str) -> ScriptError {
    compile(source, &settings()).expect_err("the script is refused")
}

fn int(number: i32) -> Value {
    json!({ "$numberInt": number.to_string() })
}

#[test]
fn a_down_script_becomes_its_database_commands() {
    let script = r#"// down 20240301
use content_store;

// what is there
db.migrations.find().sort({_id: -1}).limit(1);

db.pages.updateMany(
  {},
  { $unset: { "meta.revision": "", "meta.hidden": "" } }
);
db.pages.dropIndex("meta.revision_1");
db.migrations.deleteOne({ version: "20240301" });
"#;
    let operations = operations(script);
    let shape: Vec<_> =
        operations.iter().map(|o| (o.index, o.method.as_str(), o.database.as_deref(), o.line)).collect();
    assert_eq!(
        shape,
        [
            (0, "find", Some("content_store"), 5),
            (1, "updateMany", Some("content_store"), 7),
            (2, "dropIndex", Some("content_store"), 11),
            (3, "deleteOne", Some("content_store"), 12),
        ]
    );
    let commands: Vec<_> = operations.into_iter().map(|o| o.command).collect();
    assert_eq!(
        commands,
        [
            json!({"find": "migrations", "filter": {}, "sort": {"_id": int(-1)}, "limit": int(1)}),
            json!({"update": "pages", "updates": [
                {"q": {}, "u": {"$unset": {"meta.revision": "", "meta.hidden": ""}}, "multi": true}]}),
            json!({"dropIndexes": "pages", "index": "meta.revision_1"}),
            json!({"delete": "migrations", "deletes": [{"q": {"version": "20240301"}, "limit": int(1)}]}),
        ]
    );
}

#[test]
fn the_starting_database_is_not_named_and_others_are() {
    let operations = operations(
        "db.a.drop();\n  use other // there\ndb.a.drop();\ndb = db.getSiblingDB('third'); db['b'].drop(); use('shop'); db.a.drop();",
    );
    let databases: Vec<_> = operations.iter().map(|o| o.database.as_deref()).collect();
    assert_eq!(databases, [None, Some("other"), Some("third"), None]);
}

#[test]
fn a_use_line_in_a_comment_or_template_is_left_alone() {
    let commands = commands("/*\nuse other;\n*/\ndb.a.insertOne({_id: 1, t: `\nuse other;\n`});");
    assert_eq!(commands[0]["documents"][0]["t"], "\nuse other;\n");
}

#[test]
fn types_survive_as_canonical_extended_json() {
    let command = &commands(
        r#"db.types.insertOne({
            _id: ObjectId("65a1b2c3d4e5f60718293a4b"), re: /^a\/b"/im, date: ISODate("2024-02-03T04:05:06.007Z"),
            js: new Date(5), long: NumberLong("9007199254740993"), big: 9007199254740993n, int: NumberInt(7),
            dec: NumberDecimal("1.10"), dec2: Decimal128("2E+3"), whole: 3, wide: 4294967296, half: 1.5, minus: -0, nan: NaN,
            uuid: UUID("00112233-4455-6677-8899-aabbccddeeff"), bin: BinData(0, "aGk="), ts: Timestamp(5, 6),
            lo: MinKey(), hi: new MaxKey(), none: null, list: [1, [/x/]], undef: undefined, nested: {"$set": 1},
        });"#,
    )[0];
    assert_eq!(
        command["documents"][0],
        json!({
            "_id": {"$oid": "65a1b2c3d4e5f60718293a4b"},
            "re": {"$regularExpression": {"pattern": "^a\\/b\"", "options": "im"}},
            "date": {"$date": {"$numberLong": "1706933106007"}},
            "js": {"$date": {"$numberLong": "5"}},
            "long": {"$numberLong": "9007199254740993"},
            "big": {"$numberLong": "9007199254740993"},
            "int": int(7),
            "dec": {"$numberDecimal": "1.10"},
            "dec2": {"$numberDecimal": "2E+3"},
            "whole": int(3),
            "wide": {"$numberDouble": "4294967296.0"},
            "half": {"$numberDouble": "1.5"},
            "minus": {"$numberDouble": "-0.0"},
            "nan": {"$numberDouble": "NaN"},
            "uuid": {"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04"}},
            "bin": {"$binary": {"base64": "aGk=", "subType": "00"}},
            "ts": {"$timestamp": {"t": 5, "i": 6}},
            "lo": {"$minKey": 1},
            "hi": {"$maxKey": 1},
            "none": null,
            "list": [int(1), [{"$regularExpression": {"pattern": "x", "options": ""}}]],
            "undef": null,
            "nested": {"$set": int(1)},
        })
    );
}

#[test]
fn every_method_makes_its_command() {
    let commands = commands(
        r#"
        const c = db.getCollection("a.b");
        c.insertMany([{_id: 1}, {_id: 2}], {ordered: false});
        c.updateOne({_id: 1}, [{$set: {x: "$y"}}], {upsert: true});
        c.replaceOne({_id: 1}, {y: 1});
        c.deleteMany({gone: true});
        c.createIndex({"m.v": 1, t: "text"}, {sparse: true});
        c.createIndexes([{a: 1}, {b: -1}]);
        c.dropIndex({a: 1});
        c.dropIndexes();
        db.createCollection("n", {capped: true, size: 10});
        c.renameCollection("z", true);
        db.n.drop();
        db.a.aggregate([{$match: {}}, {$merge: {into: "t"}}]);
        db.runCommand({collMod: "n", validationLevel: "off"});
        db.adminCommand("ping");
        db.dropDatabase();
        "#,
    );
    assert_eq!(
        commands,
        [
            json!({"insert": "a.b", "documents": [{"_id": int(1)}, {"_id": int(2)}], "ordered": false}),
            json!({"update": "a.b", "updates": [{"q": {"_id": int(1)}, "u": [{"$set": {"x": "$y"}}], "multi": false, "upsert": true}]}),
            json!({"update": "a.b", "updates": [{"q": {"_id": int(1)}, "u": {"y": int(1)}, "multi": false}]}),
            json!({"delete": "a.b", "deletes": [{"q": {"gone": true}, "limit": int(0)}]}),
            json!({"createIndexes": "a.b", "indexes": [{"key": {"m.v": int(1), "t": "text"}, "name": "m.v_1_t_text", "sparse": true}]}),
            json!({"createIndexes": "a.b", "indexes": [{"key": {"a": int(1)}, "name": "a_1"}, {"key": {"b": int(-1)}, "name": "b_-1"}]}),
            json!({"dropIndexes": "a.b", "index": {"a": int(1)}}),
            json!({"dropIndexes": "a.b", "index": "*"}),
            json!({"create": "n", "capped": true, "size": int(10)}),
            json!({"renameCollection": "shop.a.b", "to": "shop.z", "dropTarget": true}),
            json!({"drop": "n"}),
            json!({"aggregate": "a", "pipeline": [{"$match": {}}, {"$merge": {"into": "t"}}], "cursor": {}}),
            json!({"collMod": "n", "validationLevel": "off"}),
            json!({"ping": int(1)}),
            json!({"dropDatabase": int(1)}),
        ]
    );
}

#[test]
fn commands_of_the_server_go_to_the_admin_database() {
    let operations = operations("db.a.renameCollection('b'); db.adminCommand({ping: 1});");
    assert_eq!(operations[0].database.as_deref(), Some("admin"));
    assert_eq!(operations[1].database.as_deref(), Some("admin"));
}

#[test]
fn a_bulk_write_is_one_operation_for_each_statement() {
    let methods: Vec<_> = operations(
        "db.a.bulkWrite([{insertOne: {document: {_id: 1}}}, {updateMany: {filter: {}, update: {$set: {a: 1}}}}, {deleteOne: {filter: {_id: 1}}}]);",
    )
    .into_iter()
    .map(|o| (o.method.clone(), o.command_name().to_owned()))
    .collect();
    let expected = ["insert", "update", "delete"].map(|name| ("bulkWrite".into(), name.into()));
    assert_eq!(methods, expected);
}

#[test]
fn a_script_compiles_to_the_same_operations_under_the_same_clock() {
    let script = "db.a.insertOne({at: new Date(), ms: Date.now(), r: Math.random(), u: UUID()});";
    assert_eq!(operations(script), operations(script));
    assert_eq!(commands(script)[0]["documents"][0]["at"], json!({"$date": {"$numberLong": "1700000000123"}}));
}

#[test]
fn known_values_of_a_write_can_be_used() {
    let commands = commands(
        "const id = db.a.insertOne({}).insertedId; db.b.insertOne({_id: 1, a: id}); db.b.dropIndex(db.b.createIndex({x: 1}));",
    );
    assert_eq!(commands[0]["documents"][0]["_id"], commands[1]["documents"][0]["a"]);
    assert_eq!(commands[3]["index"], "x_1");
}

#[test]
fn results_thrown_away_leave_a_script_predictable() {
    for script in [
        "db.a.find({x: 1}).sort({y: 1})",
        "db.a.findOne();",
        "db.a.getIndexes()\ndb.a.countDocuments({x: {$exists: true}});",
        "function check() { db.a.estimatedDocumentCount() }\ncheck();",
        "if (true) {\n  db.a.drop();\n}",
        "db.getCollection('a')\n  .drop()\n",
        "const r = db.a.updateMany({}, {$set: {x: 1}});",
        "print('中文'); db.a.drop();",
    ] {
        assert!(!operations(script).is_empty(), "{script}");
    }
}

#[test]
fn looking_at_a_result_makes_a_script_live() {
    for (script, line) in [
        ("const r = db.a.updateMany({}, {$set: {x: 1}});\nprint(r.modifiedCount);", 2),
        ("print(db.a.deleteMany({}));", 1),
        ("\ndb.a.find().forEach(d => db.b.insertOne(d));", 2),
        ("if (!db.a.findOne({x: 1})) db.a.insertOne({x: 1});", 1),
        ("const n = db.a.countDocuments();", 1),
        ("for (; db.a.countDocuments(); ) {}", 1),
        ("for (const d of db.a.find()) {}", 1),
        ("db.b.insertOne({n: db.a.countDocuments()});", 1),
        ("const gone = db.a.drop()", 1),
        ("[1].map(() => db.a.findOne())", 1),
        ("db.a.find().toArray()", 1),
        ("db.a.drop() || print(1)", 1),
        ("JSON.stringify(db.runCommand({ping: 1}))", 1),
        ("x = 1;\ntry { db.a.dropIndex('x') } catch (e) {}", 2),
        ("db.getCollectionNames().forEach(n => db[n].drop())", 1),
        ("db.a.insertOne({r: db.a.updateOne({}, {$set: {a: 1}})})", 1),
    ] {
        assert_eq!(live(script).1, line, "{script}");
    }
}

#[test]
fn catching_everything_does_not_hide_that_a_result_was_used() {
    let (reason, _) = live("try { db.a.findOne().x } catch (e) {}\nwhile (true) {}");
    assert_eq!(reason, "the script uses the result of findOne");
}

#[test]
fn an_unknown_method_is_reported_with_its_place_and_the_nearest_name() {
    let error = error("use x;\n\n  db.articles.dropIndx('a_1');");
    assert_eq!(error.kind, ErrorKind::UnknownName);
    assert_eq!(error.line, 3);
    assert!(error.column > 1);
    assert_eq!(error.message, "collection articles has no method dropIndx in this sandbox; did you mean dropIndex?");
}

#[test]
fn unknown_names_of_every_kind_are_refused() {
    for (script, hint) in [
        ("db.creatCollection('a')", "createCollection"),
        ("db.a.find().limitt(1)", "limit"),
        ("ObjectIdd('x')", "ObjectId"),
        ("prnt(1)", "print"),
        ("load('other.js')", "load"),
        ("require('fs')", "require"),
        ("fetch('http://localhost')", "fetch"),
    ] {
        let error = error(script);
        assert_eq!(error.kind, ErrorKind::UnknownName, "{script}: {error}");
        assert!(error.message.to_string().contains(hint), "{error}");
        assert_eq!(error.line, 1, "{error}");
    }
}

#[test]
fn calls_that_make_no_command_are_refused() {
    for script in [
        "db.a.deleteMany()",
        "db.a.updateMany({}, {x: 1})",
        "db.a.replaceOne({}, {$set: {x: 1}})",
        "db.a.deleteMany({}, {typo: 1})",
        "db.a.insertOne({f: () => 1})",
        "const a = {}; a.a = a; db.a.insertOne(a)",
        "db.a.insertOne({_id: ObjectId('12')})",
        "db.a.insertOne({x: 'a\\ud800'})",
        "db.a.bulkWrite([], {ordered: false})",
        "db.a = 1",
    ] {
        let error = error(script);
        assert_eq!(error.kind, ErrorKind::Argument, "{script}: {error}");
        assert_eq!(error.line, 1, "{script}: {error}");
    }
}

#[test]
fn errors_of_the_script_have_a_place() {
    let syntax = error("db.a.drop();\nlet = = 3;");
    assert_eq!((syntax.kind, syntax.line), (ErrorKind::Syntax, 2));
    let thrown = error("\nthrow new Error('not today');");
    assert_eq!((thrown.kind, thrown.line), (ErrorKind::Thrown, 2));
    assert_eq!(thrown.message, "Error: not today");
    assert_eq!(error("throw 'plain'").message, "plain");
}

#[test]
fn an_unawaited_failure_is_not_lost() {
    let error = error("(async () => { await 1; db.a.nothing(); })();");
    assert_eq!(error.kind, ErrorKind::UnknownName);
}

#[test]
fn awaiting_a_write_is_allowed_and_changes_nothing() {
    assert_eq!(commands("await db.a.updateMany({}, {$set: {x: 1}});").len(), 1);
}
