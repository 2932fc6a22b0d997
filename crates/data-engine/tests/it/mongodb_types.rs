//! Values of every type: as a script writes them, as the server has them, and as they come back.

use domain::ledger::Direction;
use serde_json::{Value, json};

use crate::support::mongodb::Base;
use crate::support::scripts;

/// Values as a script writes them, and as canonical extended JSON.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("ObjectId('65a1b2c3d4e5f60718293a4b')", json!({ "$oid": "65a1b2c3d4e5f60718293a4b" })),
        ("ISODate('1969-12-31T23:59:59.999Z')", json!({ "$date": { "$numberLong": "-1" } })),
        ("new Date(253402300799999)", json!({ "$date": { "$numberLong": "253402300799999" } })),
        ("NumberLong('9223372036854775807')", json!({ "$numberLong": "9223372036854775807" })),
        ("NumberLong('-9223372036854775808')", json!({ "$numberLong": "-9223372036854775808" })),
        ("NumberLong('5')", json!({ "$numberLong": "5" })),
        ("5", json!({ "$numberInt": "5" })),
        ("5.25", json!({ "$numberDouble": "5.25" })),
        ("-0", json!({ "$numberDouble": "-0.0" })),
        ("NaN", json!({ "$numberDouble": "NaN" })),
        ("-Infinity", json!({ "$numberDouble": "-Infinity" })),
        ("NumberDecimal('1.10')", json!({ "$numberDecimal": "1.10" })),
        (
            "NumberDecimal('1234567890123456789012345678901234')",
            json!({ "$numberDecimal": "1234567890123456789012345678901234" }),
        ),
        ("NumberDecimal('-1E-6176')", json!({ "$numberDecimal": "-1E-6176" })),
        ("/^a\\/b\"ß/im", json!({ "$regularExpression": { "pattern": "^a\\/b\"ß", "options": "im" } })),
        ("BinData(0, 'AP8Q')", json!({ "$binary": { "base64": "AP8Q", "subType": "00" } })),
        ("BinData(128, '')", json!({ "$binary": { "base64": "", "subType": "80" } })),
        (
            "UUID('00112233-4455-6677-8899-aabbccddeeff')",
            json!({ "$binary": { "base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04" } }),
        ),
        ("Timestamp(4294967295, 7)", json!({ "$timestamp": { "t": 4_294_967_295_u32, "i": 7 } })),
        ("MinKey()", json!({ "$minKey": 1 })),
        ("MaxKey()", json!({ "$maxKey": 1 })),
        ("'\\u0000 \\u2028 🦀'", json!("\u{0} \u{2028} 🦀")),
        ("null", Value::Null),
        ("[[], [null, {a: [NumberLong('1')]}]]", json!([[], [null, { "a": [{ "$numberLong": "1" }] }]])),
        ("{a: {b: {c: NumberDecimal('0')}}}", json!({ "a": { "b": { "c": { "$numberDecimal": "0" } } } })),
    ]
}

/// What a collection has in `v`, in the order of `_id`.
async fn found(base: &Base) -> Vec<Value> {
    base.documents("t").await.into_iter().map(|mut document| document["v"].take()).collect()
}

#[tokio::test]
async fn a_value_of_any_type_is_what_the_script_wrote_and_comes_back_as_it_was() {
    let base = Base::new().await;
    let up: Vec<String> = values()
        .iter()
        .enumerate()
        .map(|(id, (source, _))| format!("db.t.insertOne({{_id: {id}, other: 1, v: {source}}});"))
        .collect();
    let fill = [scripts("1", &up.join("\n"), "db.t.drop();")];
    base.jobs.run(Direction::Up, &fill).await;
    let expected: Vec<Value> = values().into_iter().map(|(_, value)| value).collect();
    assert_eq!(found(&base).await, expected);

    let downs = [
        ("2", "db.t.updateMany({}, {$unset: {v: ''}});"),
        ("3", "db.t.updateMany({}, {$set: {v: 'gone'}});"),
        ("4", "db.t.deleteMany({});"),
    ];
    for (version, down) in downs {
        let migration = [scripts(version, "db.t.countDocuments({});", down)];
        base.jobs.run(Direction::Up, &migration).await;
        base.jobs.run(Direction::Down, &migration).await;
        assert_ne!(found(&base).await, expected, "{down}");
        let (_, up) = base.jobs.run(Direction::Up, &migration).await;
        assert_eq!(found(&base).await, expected, "{down}");
        assert!(up.warnings.is_empty(), "{down}: {:?}", up.warnings);
    }
}
