//! A script cannot use more than its limits, nor reach anything but its host.
#![expect(clippy::expect_used, reason = "a test ends at the first surprise, also in its helpers")]

use std::time::{Duration, Instant};

use mongo_script::{ErrorKind, Host, HostError, Limits, Operation, Settings, compile, run_live};

fn settings() -> Settings {
    Settings {
        limits: Limits {
            memory_bytes: 16 * 1024 * 1024,
            time: Duration::from_millis(300),
            output_bytes: 1024,
            operations: 100,
        },
        ..Settings::new("shop")
    }
}

fn kind(source: &str) -> ErrorKind {
    compile(source, &settings()).expect_err("the script is stopped").kind
}

#[test]
fn an_endless_loop_is_stopped() {
    let started = Instant::now();
    assert_eq!(kind("while (true) {}"), ErrorKind::Time);
    assert_eq!(kind("for (;;) { try { for (;;) {} } catch (e) {} }"), ErrorKind::Time);
    assert_eq!(kind("/(a+)+$/.test('a'.repeat(40) + 'b')"), ErrorKind::Time);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_loop_inside_the_interpreter_does_not_hold_the_caller() {
    let started = Instant::now();
    assert_eq!(kind("const a = []; a.length = 4294967295; a.indexOf(1)"), ErrorKind::Time);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_memory_bomb_is_stopped() {
    assert_eq!(kind("const a = []; for (;;) a.push('x'.repeat(100000) + a.length)"), ErrorKind::Memory);
    assert_eq!(kind("new Array(1e8).fill(1)"), ErrorKind::Memory);
}

#[test]
fn endless_recursion_is_an_error_of_the_script() {
    assert_eq!(kind("(function f() { return f() + 1 })()"), ErrorKind::Thrown);
}

#[test]
fn too_many_operations_are_refused() {
    assert_eq!(kind("for (let i = 0; i < 101; i++) db.a.insertOne({_id: i})"), ErrorKind::TooLarge);
}

#[test]
fn operations_larger_than_the_memory_limit_are_refused() {
    let script = "const x = 'x'.repeat(1e6); for (let i = 0; i < 50; i++) db.a.insertOne({_id: i, x})";
    let patient = Settings { limits: Limits { time: Duration::from_secs(10), ..settings().limits }, ..settings() };
    let error = compile(script, &patient).expect_err("the script is stopped");
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

#[test]
fn waiting_for_nothing_is_an_error() {
    assert_eq!(kind("await new Promise(() => {})"), ErrorKind::Thrown);
}

#[test]
fn what_a_script_prints_beyond_its_limit_is_cut_off_and_that_is_told() {
    struct Silent;
    impl Host for Silent {
        fn execute(&mut self, _: &Operation) -> Result<serde_json::Value, HostError> {
            Ok(serde_json::json!({ "ok": 1 }))
        }
    }
    let report = run_live("for (let i = 0; i < 100; i++) print('x'.repeat(99));", &mut Silent, &settings())
        .expect("printing too much is no error");
    assert!(report.output_truncated);
    assert_eq!(report.output.iter().map(|line| line.len() + 1).sum::<usize>(), 1000);
}
