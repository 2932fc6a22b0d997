//! Statements that remove or put back one value of many documents.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use crate::{fields::FieldPath, keep::text};

/// Documents that have the same value at the same path: one statement does for all of them.
#[derive(Default)]
pub(crate) struct Groups<'d> {
    groups: Vec<(&'d FieldPath, &'d Bson, Vec<Bson>)>,
    places: HashMap<(&'d str, String), usize>,
}

impl<'d> Groups<'d> {
    pub(crate) fn add(&mut self, document: &Document, path: &'d FieldPath, value: &'d Bson) {
        let groups = &mut self.groups;
        let place = *self.places.entry((path.dotted(), text(value))).or_insert_with(|| {
            groups.push((path, value, Vec::new()));
            groups.len() - 1
        });
        self.groups[place].2.push(document.get("_id").cloned().unwrap_or(Bson::Null));
    }

    /// How many values there are.
    pub(crate) fn values(&self) -> u64 {
        self.groups.iter().map(|(_, _, ids)| ids.len() as u64).sum()
    }

    /// A statement for each group, made of the condition on `_id`, the path and the value.
    pub(crate) fn statements(self, statement: impl Fn(Document, &FieldPath, &Bson) -> Document) -> Vec<Document> {
        let all = self.groups.into_iter().map(|(path, value, ids)| {
            let many = ids.len() > 1;
            let ids = if many {
                doc! { "$in": ids }
            } else {
                doc! { "$eq": ids.into_iter().next() }
            };
            let mut made = statement(doc! { "_id": ids }, path, value);
            made.insert("multi", many);
            made
        });
        all.collect()
    }
}

/// A condition that holds while a document has this very value at the path. A plain comparison finds
/// the value inside an array as well, so the type is asked for too; `$expr` compares arrays as a
/// whole, but no index helps it.
pub(crate) fn still_holds(path: &FieldPath, value: &Bson) -> Document {
    if matches!(value, Bson::Array(_)) {
        let now = format!("${}", path.dotted());
        return doc! { "$expr": { "$eq": [now, { "$literal": value.clone() }] } };
    }
    let kind = match value {
        Bson::MinKey => -1,
        other => other.element_type() as i32,
    };
    doc! { path.dotted(): { "$eq": value.clone(), "$type": kind, "$not": { "$type": "array" } } }
}

pub(crate) fn restoring(ids: Document, path: &FieldPath, value: &Bson) -> Document {
    let mut filter = ids;
    filter.insert(path.dotted(), doc! { "$exists": false });
    doc! { "q": filter, "u": { "$set": { path.dotted(): value.clone() } } }
}
