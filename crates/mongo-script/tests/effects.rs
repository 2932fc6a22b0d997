//! What operations say about their effect.
#![expect(clippy::expect_used, reason = "a test ends at the first surprise, also in its helpers")]

use mongo_script::{Compiled, Effect, IndexReference, Operation, Settings, compile};
use serde_json::json;

fn operation(source: &str) -> Operation {
    match compile(source, &Settings::new("shop")).expect("the script compiles") {
        Compiled::Predictable(mut operations) => operations.remove(0),
        live @ Compiled::Live { .. } => panic!("{live:?}"),
    }
}

fn judged(source: &str) -> (bool, bool) {
    let effect = operation(source).effect();
    (effect.is_destructive(), effect.is_repeatable())
}

#[test]
fn unset_names_its_fields_in_both_forms() {
    for update in ["{$unset: {'a.b': '', c: 1}}", "[{$unset: ['a.b', 'c']}]"] {
        let effect = operation(&format!("db.x.updateMany({{k: 'v'}}, {update})")).effect();
        let expected = Effect::UnsetFields {
            collection: "x".into(),
            filter: json!({"k": "v"}),
            fields: vec!["a.b".into(), "c".into()],
            many: true,
        };
        assert_eq!(effect, expected);
    }
}

#[test]
fn indexes_are_named_by_name_key_or_all() {
    let indexes = |source| match operation(source).effect() {
        Effect::DropIndex { indexes, .. } => indexes,
        other => panic!("{other:?}"),
    };
    assert_eq!(indexes("db.x.dropIndex('a_1')"), [IndexReference::Name("a_1".into())]);
    assert_eq!(indexes("db.x.dropIndex({a: 1})"), [IndexReference::Key(json!({"a": {"$numberInt": "1"}}))]);
    assert_eq!(indexes("db.x.dropIndexes()"), [IndexReference::All]);
}

#[test]
fn an_aggregation_that_writes_is_a_write() {
    assert_eq!(operation("db.x.aggregate([{$match: {}}])").effect(), Effect::Read);
    for (stage, replaces) in [("{$out: 'y'}", true), ("{$merge: {into: 'y'}}", false)] {
        let effect = operation(&format!("db.x.aggregate([{stage}])")).effect();
        let expected = Effect::WriteInto { collection: "y".into(), replaces };
        assert_eq!(effect, expected);
    }
}

#[test]
fn destructive_and_repeatable_are_told_apart() {
    for (source, destructive, repeatable) in [
        ("db.x.find()", false, true),
        ("db.x.insertOne({})", false, false),
        ("db.x.createIndex({a: 1})", false, true),
        ("db.x.updateMany({}, {$unset: {a: 1}})", true, true),
        ("db.x.updateMany({}, {$set: {a: 1}})", true, true),
        ("db.x.updateMany({}, {$inc: {a: 1}})", true, false),
        ("db.x.updateMany({}, {$push: {a: 1}})", true, false),
        ("db.x.updateMany({}, {$rename: {a: 'b'}})", true, false),
        ("db.x.updateMany({}, {$set: {a: 1}}, {upsert: true})", true, false),
        ("db.x.updateOne({a: 0}, {$set: {a: 1}})", true, false),
        ("db.x.updateOne({_id: ObjectId()}, {$set: {a: 1}})", true, true),
        ("db.x.updateOne({_id: {$gt: 1}}, {$set: {a: 1}})", true, false),
        ("db.x.deleteMany({a: 1})", true, true),
        ("db.x.deleteOne({a: 1})", true, false),
        ("db.x.drop()", true, true),
        ("db.x.dropIndex('a_1')", true, true),
        ("db.x.renameCollection('y')", false, false),
        ("db.x.renameCollection('y', true)", true, false),
        ("db.runCommand({compact: 'x'})", true, false),
    ] {
        assert_eq!(judged(source), (destructive, repeatable), "{source}");
    }
}
