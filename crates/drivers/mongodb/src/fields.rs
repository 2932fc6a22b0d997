//! Paths of fields, and what a document has there.

use mongodb::bson::{Bson, Document};
use sentence::sentence;

use crate::error::{Error, Result};

/// A dotted path such as `metadata.version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    dotted: String,
    /// The field under which a kept value is stored: the path without characters that mean
    /// something in one.
    stored: String,
}

/// What a document has at a path.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'a> {
    Value(&'a Bson),
    /// Nothing, and a value could be put there.
    Nothing,
    /// Nothing, and something that is no document stands in the way.
    Blocked,
}

impl FieldPath {
    pub(crate) fn parse_all(fields: &[String]) -> Result<Vec<Self>> {
        if fields.is_empty() {
            return Err(Error::unsafe_to(sentence!("keeping fields"), sentence!("no field is named")));
        }
        fields.iter().map(|field| Self::parse(field)).collect()
    }

    fn parse(dotted: &str) -> Result<Self> {
        let refused = |reason| Err(Error::unsafe_to(sentence!("keeping field {field}", field = dotted), reason));
        if dotted == "_id" || dotted.starts_with("_id.") {
            return refused(sentence!("_id identifies the document"));
        }
        if dotted.split('.').any(str::is_empty) {
            return refused(sentence!("it is no path"));
        }
        if dotted.contains('$') {
            return refused(sentence!("positions in arrays cannot be kept by path"));
        }
        let stored = dotted.replace('%', "%25").replace('.', "%2E");
        Ok(Self { dotted: dotted.into(), stored })
    }

    pub(crate) fn dotted(&self) -> &str {
        &self.dotted
    }

    pub(crate) fn stored(&self) -> &str {
        &self.stored
    }

    /// The value at this path, looked for through documents only, as `$unset` does. A number that
    /// names an array's element is refused: `$unset` would make that element null.
    pub(crate) fn find<'a>(&self, document: &'a Document) -> Result<Found<'a>> {
        let mut segments = self.dotted.split('.');
        let mut found = segments.next().and_then(|segment| document.get(segment));
        for segment in segments {
            found = match found {
                None => return Ok(Found::Nothing),
                Some(Bson::Document(inner)) => inner.get(segment),
                Some(Bson::Array(_)) if segment.bytes().all(|byte| byte.is_ascii_digit()) => {
                    return Err(Error::unsafe_to(
                        sentence!("keeping field {field}", field = &self.dotted),
                        sentence!("it names an element of an array"),
                    ));
                }
                Some(_) => return Ok(Found::Blocked),
            };
        }
        Ok(found.map_or(Found::Nothing, Found::Value))
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

    use super::{FieldPath, Found};

    fn path(dotted: &str) -> FieldPath {
        FieldPath::parse(dotted).unwrap()
    }

    #[test]
    fn values_are_found_through_documents_only() {
        let document = doc! { "m": { "v": 1 }, "list": [{ "v": 1 }], "s": "x" };
        assert_eq!(path("m.v").find(&document).unwrap(), Found::Value(&Bson::Int32(1)));
        assert_eq!(path("m.w").find(&document).unwrap(), Found::Nothing);
        assert_eq!(path("n.w").find(&document).unwrap(), Found::Nothing);
        assert_eq!(path("s.w").find(&document).unwrap(), Found::Blocked);
        assert_eq!(path("list.v").find(&document).unwrap(), Found::Blocked);
        assert!(path("list.0").find(&document).is_err());
    }

    #[test]
    fn paths_that_cannot_be_kept_are_refused() {
        for dotted in ["", "a.", "a..b", "_id", "_id.x", "a.$[].b"] {
            assert!(FieldPath::parse(dotted).is_err(), "{dotted}");
        }
    }

    #[test]
    fn paths_that_differ_are_stored_under_different_names() {
        assert_eq!(path("a.b").stored(), "a%2Eb");
        assert_eq!(path("a%2Eb").stored(), "a%252Eb");
    }
}
