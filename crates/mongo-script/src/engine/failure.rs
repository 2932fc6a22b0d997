use rquickjs::{Ctx, Exception, Object, Value};
use sentence::{Sentence, sentence};

use crate::{
    error::{ErrorKind, ScriptError},
    names::nearest,
    settings::Settings,
};

/// The name under which the interpreter knows the script.
pub(super) const SCRIPT_NAME: &str = "script";

const BUILT_IN: [&str; 24] = [
    "Array",
    "BigInt",
    "Boolean",
    "Date",
    "Error",
    "Infinity",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "TypeError",
    "console",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "undefined",
];

/// Line and column of the innermost frame of the script in a stack trace. Frames look like
/// `    at name (script:3:14)` or `    at script:3:14`.
pub(super) fn position(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|frame| {
        let place = frame.trim().trim_start_matches("at ").trim_end_matches(')');
        let place = place.rsplit(['(', ' ']).next()?;
        let mut parts = place.strip_prefix(SCRIPT_NAME)?.strip_prefix(':')?.split(':');
        let line = parts.next()?.parse().ok()?;
        let column = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some((line, column))
    })
}

pub(super) fn out_of_time(settings: &Settings) -> ScriptError {
    ScriptError::new(
        ErrorKind::Time,
        sentence!("the script took longer than {limit} ms", limit = settings.limits.time.as_millis()),
    )
}

pub(super) fn told_to_stop() -> ScriptError {
    ScriptError::new(ErrorKind::Stopped, sentence!("the script was told to stop"))
}

pub(super) fn out_of_memory(settings: &Settings) -> ScriptError {
    ScriptError::new(
        ErrorKind::Memory,
        sentence!("the script needs more than {limit} bytes of memory", limit = settings.limits.memory_bytes),
    )
}

/// Describes what a script threw.
pub(super) fn describe<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, settings: &Settings) -> ScriptError {
    let Some(error) = thrown.as_object().filter(|object| object.is_error()) else {
        return ScriptError::new(ErrorKind::Thrown, text_of(ctx, thrown));
    };
    let field = |name: &str| error.get::<_, String>(name).unwrap_or_default();
    let (name, message) = (field("name"), field("message"));
    let position = position(&field("at")).or_else(|| position(&field("stack")));
    match (name.as_str(), message.as_str()) {
        ("InternalError", "out of memory") => out_of_memory(settings).at(position),
        ("InternalError", "interrupted") => out_of_time(settings).at(position),
        ("SyntaxError", _) => ScriptError::new(ErrorKind::Syntax, Sentence::verbatim(message)).at(position),
        ("UnknownNameError", _) => ScriptError::new(ErrorKind::UnknownName, Sentence::verbatim(message)).at(position),
        ("ArgumentError", _) => ScriptError::new(ErrorKind::Argument, Sentence::verbatim(message)).at(position),
        ("MongoServerError", _) => {
            let code = error.get::<_, Option<i32>>("code").ok().flatten();
            ScriptError::new(ErrorKind::Server { code }, Sentence::verbatim(message)).at(position)
        }
        ("ReferenceError", _) => {
            ScriptError::new(ErrorKind::UnknownName, with_nearest_global(ctx, message)).at(position)
        }
        _ if message.is_empty() => ScriptError::new(ErrorKind::Thrown, Sentence::verbatim(name)).at(position),
        _ => ScriptError::new(ErrorKind::Thrown, Sentence::verbatim(format!("{name}: {message}"))).at(position),
    }
}

/// Adds the nearest known global to `foo is not defined`.
fn with_nearest_global(ctx: &Ctx<'_>, message: String) -> Sentence {
    let Some(name) = message.strip_suffix(" is not defined") else {
        return Sentence::verbatim(message);
    };
    let globals: Vec<String> = ctx.globals().keys::<String>().filter_map(Result::ok).collect();
    let known = globals.iter().map(String::as_str).chain(BUILT_IN);
    match nearest(name.trim_matches('\''), known) {
        Some(nearest) => sentence!("{error}; did you mean {name}?", error = message, name = nearest),
        None => sentence!("{error} in this sandbox", error = message),
    }
}

fn text_of<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>) -> Sentence {
    let written = thrown.as_string().and_then(|text| text.to_string().ok()).or_else(|| {
        let json = ctx.json_stringify(thrown.clone()).ok().flatten()?;
        json.to_string().ok()
    });
    written.map_or_else(
        || sentence!("the script threw a value that cannot be shown"),
        |text| Sentence::verbatim(text.chars().take(2000).collect::<String>()),
    )
}

/// Makes an error of the given name for the script.
pub(super) fn throw(ctx: &Ctx<'_>, name: &str, message: &str) -> rquickjs::Error {
    let made = Exception::from_message(ctx.clone(), message).and_then(|exception| {
        let object: &Object<'_> = exception.as_object();
        object.set("name", name)?;
        Ok(exception)
    });
    match made {
        Ok(exception) => exception.throw(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn the_innermost_frame_of_the_script_is_the_position() {
        let stack = "    at run (prelude:12:3)\n    at step (script:3:14)\n    at <eval> (script:9:1)\n";
        assert_eq!(position(stack), Some((3, 14)));
        assert_eq!(position("    at script:2:5\n"), Some((2, 5)));
        assert_eq!(position("    at run (prelude:12:3)"), None);
    }
}
