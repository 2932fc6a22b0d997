//! Whatever value a script writes down reaches the command with its type.

use mongo_script::{Compiled, Settings, compile};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A value as a script writes it, and as canonical extended JSON.
type Written = (String, Value);

fn double(number: f64) -> Written {
    let (source, shown) = (format!("{number:?}"), format!("{number:?}"));
    (source, json!({ "$numberDouble": shown }))
}

fn scalar() -> impl Strategy<Value = Written> {
    let text = any::<String>().prop_map(|text| (json!(text).to_string(), json!(text)));
    let whole = any::<i32>().prop_map(|n| (n.to_string(), json!({ "$numberInt": n.to_string() })));
    let long = any::<i64>().prop_map(|n| (format!("NumberLong(\"{n}\")"), json!({ "$numberLong": n.to_string() })));
    let big = any::<i64>().prop_map(|n| (format!("{n}n"), json!({ "$numberLong": n.to_string() })));
    let fraction = any::<f64>().prop_filter("a whole number is an integer", |n| n.is_finite() && n.fract() != 0.0);
    let decimal = "-?[1-9][0-9]{0,20}(\\.[0-9]{1,12})?"
        .prop_map(|n| (format!("NumberDecimal(\"{n}\")"), json!({ "$numberDecimal": n })));
    let id = "[0-9a-f]{24}".prop_map(|id| (format!("ObjectId(\"{id}\")"), json!({ "$oid": id })));
    let date = (-8_640_000_000_000_000_i64..=8_640_000_000_000_000)
        .prop_map(|ms| (format!("new Date({ms})"), json!({ "$date": { "$numberLong": ms.to_string() } })));
    let bytes =
        ("([A-Za-z0-9+/]{4}){0,8}", prop::sample::select(vec![0_u8, 5, 128, 255])).prop_map(|(base64, kind)| {
            (
                format!("BinData({kind}, \"{base64}\")"),
                json!({ "$binary": { "base64": base64, "subType": format!("{kind:02x}") } }),
            )
        });
    let stamp = (any::<u32>(), any::<u32>())
        .prop_map(|(t, i)| (format!("Timestamp({t}, {i})"), json!({ "$timestamp": { "t": t, "i": i } })));
    let constant = prop::sample::select(vec![
        ("null".to_owned(), Value::Null),
        ("true".to_owned(), json!(true)),
        ("false".to_owned(), json!(false)),
        ("MinKey()".to_owned(), json!({ "$minKey": 1 })),
        ("new MaxKey()".to_owned(), json!({ "$maxKey": 1 })),
        ("-0".to_owned(), json!({ "$numberDouble": "-0.0" })),
        ("Infinity".to_owned(), json!({ "$numberDouble": "Infinity" })),
        ("-Infinity".to_owned(), json!({ "$numberDouble": "-Infinity" })),
    ]);
    prop_oneof![
        text,
        whole,
        long,
        big,
        fraction.prop_map(double),
        decimal,
        id,
        date,
        bytes,
        stamp,
        regular_expression(),
        constant
    ]
}

fn regular_expression() -> impl Strategy<Value = Written> {
    let parts = vec!["a", "\\.", "\\/", "[0-9]", "\"", "é", "\\d+", "(?:x|y)", "'", "\\\\"];
    let options = vec!["", "i", "m", "im", "s", "ims"];
    (prop::collection::vec(prop::sample::select(parts), 1..6), prop::sample::select(options)).prop_map(
        |(parts, options)| {
            let pattern = parts.concat();
            let written = format!("/{pattern}/{options}");
            (written, json!({ "$regularExpression": { "pattern": pattern, "options": options } }))
        },
    )
}

fn value() -> impl Strategy<Value = Written> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..6).prop_map(|values| {
            let (sources, expected): (Vec<String>, Vec<Value>) = values.into_iter().unzip();
            (format!("[{}]", sources.join(", ")), Value::Array(expected))
        });
        let document = prop::collection::btree_map("[a-zé][a-zA-Z0-9_$.]{0,7}", inner, 0..6).prop_map(|fields| {
            let (mut sources, mut expected) = (Vec::new(), Map::new());
            for (name, (source, value)) in fields {
                sources.push(format!("{}: {source}", json!(name)));
                expected.insert(name, value);
            }
            (format!("{{{}}}", sources.join(", ")), Value::Object(expected))
        });
        prop_oneof![list, document]
    })
}

/// The same, with doubles compared as numbers: there are several ways to write one.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(comparable).collect(),
        Value::Object(fields) => match fields.get("$numberDouble").and_then(Value::as_str) {
            Some(number) => {
                json!(number.parse::<f64>().map_or_else(|_| number.to_owned(), |number| number.to_bits().to_string()))
            }
            None => fields.iter().map(|(name, value)| (name.clone(), comparable(value))).collect(),
        },
        other => other.clone(),
    }
}

/// Each case starts an interpreter of its own.
const CASES: u32 = 64;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_value_of_any_type_reaches_the_command_as_it_was_written((source, expected) in value()) {
        let script = format!("db.a.insertOne({{_id: 1, v: {source}}});");
        let compiled = compile(&script, &Settings::new("shop"));
        let Compiled::Predictable(operations) = compiled.expect("a value is no reason to refuse a script") else {
            panic!("the script asks the server nothing");
        };
        let found = &operations[0].command["documents"][0]["v"];
        prop_assert_eq!(comparable(found), comparable(&expected), "{}", source);
    }

    #[test]
    fn an_unknown_call_is_refused_where_it_stands(lines in 0_u32..40, indent in 0_usize..20) {
        let script = format!("{}{}db.a.obliterate({{}});", "db.a.find();\n".repeat(lines as usize), " ".repeat(indent));
        let error = compile(&script, &Settings::new("shop")).expect_err("there is no such method");
        prop_assert!(error.to_string().contains("obliterate"), "{}", error);
        prop_assert_eq!(error.line, lines + 1);
    }
}
