//! A template's places.

/// The template with every `{place}` replaced by what `value` gives for it; a place without a value stays as it is.
///
/// One pass, so that a value which looks like a place stays what it is.
pub fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut told = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, opened)) = rest.split_once('{') {
        told.push_str(before);
        let found = opened.split_once('}').and_then(|(name, after)| Some((value(name)?, after)));
        if let Some((value, after)) = found {
            told.push_str(&value);
            rest = after;
        } else {
            told.push('{');
            rest = opened;
        }
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_value_stays() {
        let filled = fill("a {x}, {y} {", |name| (name == "x").then(|| "{y}".to_owned()));
        assert_eq!(filled, "a {y}, {y} {");
    }
}
