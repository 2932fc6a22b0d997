//! Where two versions of a document differ.

use mongodb::bson::{Bson, Document};

use crate::keep::text;

/// The names of the fields that lead to a value, through embedded documents.
pub(crate) type Path = Vec<String>;

/// What a document has at a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum At<'a> {
    Value(&'a Bson),
    Nothing,
    /// Something that is no document stands in the way.
    Blocked,
}

/// Equal in value, type and order of fields.
pub(crate) fn same_document(a: Option<&Document>, b: Option<&Document>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => text(&Bson::Document(a.clone())) == text(&Bson::Document(b.clone())),
        (None, None) => true,
        _ => false,
    }
}

/// The paths at which two documents differ, each as long as an update can name it.
pub(crate) fn changed(before: &Document, after: &Document) -> Vec<Path> {
    let mut found = Vec::new();
    descend(before, after, &mut Vec::new(), &mut found);
    found
}

fn descend(before: &Document, after: &Document, path: &mut Path, found: &mut Vec<Path>) {
    let added = after.keys().filter(|key| !before.contains_key(key.as_str()));
    for key in before.keys().chain(added) {
        let (was, is) = (before.get(key), after.get(key));
        if was.map(text) == is.map(text) {
            continue;
        }
        path.push(key.clone());
        match (was, is) {
            (Some(Bson::Document(was)), Some(Bson::Document(is))) if is_named(was) && is_named(is) => {
                let before = found.len();
                descend(was, is, path, found);
                if found.len() == before {
                    // They differ in the order of fields alone.
                    found.push(path.clone());
                }
            }
            _ => found.push(path.clone()),
        }
        path.pop();
    }
}

/// Whether an update can name each of the fields.
fn is_named(document: &Document) -> bool {
    document.keys().all(|key| !key.is_empty() && !key.starts_with('$') && !key.contains('.'))
}

pub(crate) fn at<'a>(path: &[String], document: Option<&'a Document>) -> At<'a> {
    let Some(document) = document else {
        return At::Nothing;
    };
    let Some((first, rest)) = path.split_first() else {
        return At::Nothing;
    };
    match (document.get(first), rest.is_empty()) {
        (None, _) => At::Nothing,
        (Some(value), true) => At::Value(value),
        (Some(Bson::Document(inner)), false) => at(rest, Some(inner)),
        (Some(_), false) => At::Blocked,
    }
}

pub(crate) fn same_at(path: &[String], a: Option<&Document>, b: Option<&Document>) -> bool {
    is_same(at(path, a), at(path, b))
}

pub(crate) fn is_same(a: At<'_>, b: At<'_>) -> bool {
    match (a, b) {
        (At::Value(a), At::Value(b)) => text(a) == text(b),
        (At::Nothing, At::Nothing) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn documents_differ_at_the_innermost_fields_that_can_be_named() {
        let before = doc! { "a": 1, "m": { "v": 1, "w": 2 }, "l": [1], "d": { "x.y": 1 }, "o": { "p": 1, "q": 2 } };
        let after =
            doc! { "a": 1, "m": { "v": 2, "w": 2 }, "l": [1, 2], "d": { "x.y": 2 }, "o": { "q": 2, "p": 1 }, "n": 1 };
        let found: Vec<String> = changed(&before, &after).iter().map(|path| path.join("/")).collect();
        assert_eq!(found, ["m/v", "l", "d", "o", "n"]);
    }

    #[test]
    fn what_is_no_document_stands_in_the_way() {
        let path = vec!["m".to_owned(), "v".to_owned()];
        assert_eq!(at(&path, Some(&doc! { "m": 1 })), At::Blocked);
        assert_eq!(at(&path, Some(&doc! { "m": {} })), At::Nothing);
        assert!(!same_at(&path, Some(&doc! { "m": 1 }), Some(&doc! { "m": 1 })));
    }
}
