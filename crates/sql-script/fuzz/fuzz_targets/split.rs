//! Whatever the script, splitting and classifying it end, and the pieces are pieces of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sql_script::{classify, non_atomic, split};

fuzz_target!(|script: &str| {
    let Ok(statements) = split(script) else { return };
    let mut end = 0;
    for statement in &statements {
        // In order, none within another, and each where it says it is.
        assert!(statement.offset >= end, "{statement:?} begins within the one before");
        let rest = &script[statement.offset..];
        assert!(rest.starts_with(&statement.text), "{statement:?} is not what stands at its place");
        end = statement.offset + statement.text.len();
        let before = &script[..statement.offset];
        let line = 1 + before.matches('\n').count();
        assert_eq!(statement.line as usize, line, "{statement:?}");
        let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
        assert_eq!(statement.column as usize, 1 + before[start_of_line..].chars().count(), "{statement:?}");
        let _ = non_atomic(&classify(&statement.text));
    }
});
