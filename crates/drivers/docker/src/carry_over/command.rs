//! ENTRYPOINT and CMD, which the engine merges together: an image's CMD counts only while the
//! container has no ENTRYPOINT of its own.

use serde_json::{Map, Value, json};

use super::Overrides;

/// Takes the old image's share out of `config` and applies the overrides.
pub(super) fn subtract(config: &mut Map<String, Value>, old_image: &Value, overrides: &Overrides) {
    let entrypoint = config.remove("Entrypoint").unwrap_or_default();
    let cmd = config.remove("Cmd").unwrap_or_default();
    let (entrypoint, cmd) = own(entrypoint, cmd, old_image);
    let cmd = cmd.filter(|_| !overrides.unset_cmd);
    let entrypoint = overrides.entrypoint.as_ref().map(|words| json!(words)).or(entrypoint);
    let cmd = overrides.cmd.as_ref().map(|words| json!(words)).or(cmd);
    if let Some(entrypoint) = entrypoint {
        config.insert("Entrypoint".to_owned(), entrypoint);
    }
    if let Some(cmd) = cmd {
        config.insert("Cmd".to_owned(), cmd);
    }
}

/// What the container itself set, so that the engine's merge with the old image gives these two.
fn own(entrypoint: Value, cmd: Value, image: &Value) -> (Option<Value>, Option<Value>) {
    let cmd_of_its_own = (!is_same(&cmd, &image["Cmd"])).then(|| cmd.clone());
    if is_same(&entrypoint, &image["Entrypoint"]) {
        // Without a command although the image has one: only an entrypoint of its own does that.
        let has_own_entrypoint = is_empty(&cmd) && !is_empty(&image["Cmd"]);
        return (has_own_entrypoint.then_some(entrypoint), cmd_of_its_own);
    }
    match entrypoint {
        // `[""]` clears the image's entrypoint, and is reported as none.
        Value::Null => (Some(json!([""])), Some(cmd)),
        // `[]` clears it too, but lets the image's command in.
        Value::Array(words) if words.is_empty() => (Some(json!([])), cmd_of_its_own),
        own => (Some(own), Some(cmd)),
    }
}

fn is_same(a: &Value, b: &Value) -> bool {
    a == b || (is_empty(a) && is_empty(b))
}

fn is_empty(words: &Value) -> bool {
    words.as_array().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_of(entrypoint: Value, cmd: Value) -> (Option<Value>, Option<Value>) {
        own(entrypoint, cmd, &json!({ "Entrypoint": ["/app"], "Cmd": ["serve"] }))
    }

    #[test]
    fn what_the_image_gave_is_left_to_the_new_image() {
        assert_eq!(own_of(json!(["/app"]), json!(["serve"])), (None, None));
        let bare = own(Value::Null, Value::Null, &json!({ "Entrypoint": [] }));
        assert_eq!(bare, (None, None));
    }

    #[test]
    fn a_command_of_its_own_keeps_the_images_entrypoint() {
        assert_eq!(own_of(json!(["/app"]), json!(["migrate"])), (None, Some(json!(["migrate"]))));
    }

    #[test]
    fn an_entrypoint_of_its_own_keeps_the_command_even_if_it_equals_the_images() {
        assert_eq!(own_of(json!(["/sh"]), json!(["serve"])), (Some(json!(["/sh"])), Some(json!(["serve"]))));
        assert_eq!(own_of(json!(["/app"]), Value::Null), (Some(json!(["/app"])), Some(Value::Null)));
    }

    #[test]
    fn a_cleared_entrypoint_stays_cleared() {
        assert_eq!(own_of(Value::Null, json!(["/other"])), (Some(json!([""])), Some(json!(["/other"]))));
        assert_eq!(own_of(json!([]), json!(["serve"])), (Some(json!([])), None));
    }
}
