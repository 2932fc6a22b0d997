//! Giving documents back what a statement took from them.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};
use sentence::sentence;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    images::{BACK, DONE, Entry, KEPT},
    keep::{Restored, id_key},
    pages::Pages,
    paths::{self, At, Path},
    target::{LONG, Target},
    value,
    watch::Turn,
};

/// How often a document is tried that the application goes on changing.
const TRIES: u32 = 20;

/// What the script that runs now has done to documents, so that it can give way to what comes back.
#[derive(Debug, Default)]
pub struct ScriptWrites {
    /// Keep collections of its statements, in their order.
    pub keeps: Vec<String>,
    /// Documents that it inserted.
    pub inserted: Vec<Value>,
}

impl Target {
    /// Gives the documents of `collection` back what `keep` has of them. A value comes back where the document still
    /// has what the statement wrote, seen through what `script` has written over it; another one stands, and is counted
    /// as a conflict. A document that was removed comes back where there is none of its `_id`; one that was inserted
    /// goes where it is unchanged; one that has been deleted since stays so. Can be repeated.
    ///
    /// All numbers count documents. What is written is kept in `trail`, where there is one, as [`Target::keep_images`]
    /// does, so that it can be taken back.
    pub async fn restore_images(
        &self,
        keep: &str,
        collection: &str,
        script: &ScriptWrites,
        trail: Option<&str>,
    ) -> Result<Restored> {
        let what = sentence!("restoring documents of {collection}", collection);
        let mut inserted = HashMap::new();
        for document in &script.inserted {
            let document = value::document(&what, document)?;
            inserted.insert(id_key(&document), document);
        }
        let filter = doc! { "state": { "$nin": [KEPT, BACK] } };
        let mut pages = Pages::find(self, &what, keep, filter, None).await?;
        let mut restored = Restored::default();
        while let Some(page) = pages.next().await? {
            let mut later = Vec::with_capacity(script.keeps.len());
            for keep in &script.keeps {
                later.push(self.by_id(keep, &page, None).await?);
            }
            self.ask(Turn::Write).await?;
            let mut back = Vec::with_capacity(page.len());
            for document in &page {
                let key = id_key(document);
                let written: Vec<Entry> =
                    later.iter().rev().filter_map(|keep| keep.get(&key).map(Entry::read)).collect();
                let entry = Entry::read(document);
                let outcome = self.restore_image(collection, &entry, &written, inserted.get(&key), trail).await?;
                match outcome {
                    Came::Back => restored.restored += 1,
                    Came::WasThere => restored.already_there += 1,
                    Came::Deleted => restored.missing += 1,
                    Came::Conflict => restored.conflicts += 1,
                }
                if outcome != Came::Conflict {
                    back.push(entry.id);
                }
            }
            self.mark_entries(keep, &back, BACK).await?;
        }
        Ok(restored)
    }

    /// Lets what [`Target::restore_images`] brought back come back another time.
    pub async fn reopen_images(&self, keep: &str) -> Result<()> {
        let what = sentence!("writing {collection}", collection = keep);
        let statement = doc! { "q": { "state": BACK }, "u": { "$set": { "state": DONE } }, "multi": true };
        self.write(&what, doc! { "update": keep, "updates": [statement] }, LONG).await.map(drop)
    }

    /// Removes those of `documents` that are in `collection` as they are here. How many others there are.
    pub async fn remove_unchanged(&self, collection: &str, documents: &[Value]) -> Result<u64> {
        let what = sentence!("removing documents of {collection}", collection);
        let documents: Vec<Document> =
            documents.iter().map(|one| value::document(&what, one)).collect::<Result<_>>()?;
        let mut changed = 0;
        for page in documents.chunks(500) {
            let now = self.by_id(collection, page, None).await?;
            self.ask(Turn::Write).await?;
            for document in page {
                let id = document.get("_id").cloned().unwrap_or(Bson::Null);
                let is_as_written = paths::same_document(now.get(&id_key(document)), Some(document));
                let stays = if is_as_written {
                    !self.swap(collection, &id, (Some(document), None), true).await?
                } else {
                    now.contains_key(&id_key(document))
                };
                changed += u64::from(stays);
            }
        }
        Ok(changed)
    }

    async fn restore_image(
        &self,
        collection: &str,
        entry: &Entry,
        written: &[Entry],
        inserted: Option<&Document>,
        trail: Option<&str>,
    ) -> Result<Came> {
        let selector = [doc! { "_id": entry.id.clone() }];
        for _ in 0..TRIES {
            let now = self.by_id(collection, &selector, None).await?.into_values().next();
            let (becomes, came) = decide(entry, written, inserted, now.as_ref());
            let becomes = match becomes {
                Becomes::Same => return Ok(came),
                Becomes::Gone => None,
                Becomes::This(document) => Some(document),
            };
            if let Some(trail) = trail {
                let written =
                    Entry { id: entry.id.clone(), before: now.clone(), after: becomes.clone(), state: DONE.into() };
                let statement =
                    doc! { "q": { "_id": { "$eq": entry.id.clone() } }, "u": written.document(), "upsert": true };
                let what = sentence!("writing {collection}", collection = trail);
                self.write(&what, doc! { "update": trail, "updates": [statement] }, LONG).await?;
            }
            if self.swap(collection, &entry.id, (now.as_ref(), becomes.as_ref()), true).await? {
                return Ok(came);
            }
        }
        Err(Error::StillChanging { collection: collection.into(), passes: TRIES })
    }
}

/// What a document is to become.
#[derive(Debug, Clone, PartialEq)]
enum Becomes {
    Same,
    Gone,
    This(Document),
}

impl Becomes {
    fn of(document: Option<&Document>) -> Self {
        document.map_or(Self::Gone, |document| Self::This(document.clone()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Back,
    WasThere,
    Deleted,
    Conflict,
}

/// What a document is to become, if anything but what it is, and how that counts.
fn decide(entry: &Entry, written: &[Entry], inserted: Option<&Document>, now: Option<&Document>) -> (Becomes, Came) {
    let (before, after) = (entry.before.as_ref(), entry.after.as_ref());
    // What it was before the script that runs now.
    let mut was = now;
    for write in written {
        if paths::same_document(write.after.as_ref(), was) {
            was = write.before.as_ref();
        }
    }
    if was.is_some() && paths::same_document(inserted, was) {
        was = None;
    }
    if paths::same_document(before, now) {
        return (Becomes::Same, Came::WasThere);
    }
    if paths::same_document(after, was) {
        return (Becomes::of(before), Came::Back);
    }
    match (before, after, now) {
        (_, Some(_), None) => (Becomes::Same, Came::Deleted),
        (Some(before), Some(after), Some(now)) => {
            let (document, came) = merge(before, after, now, written);
            (document.map_or(Becomes::Same, Becomes::This), came)
        }
        _ => (Becomes::Same, Came::Conflict),
    }
}

/// Gives a document that others have changed as well back what it had, field by field.
fn merge(before: &Document, after: &Document, now: &Document, written: &[Entry]) -> (Option<Document>, Came) {
    let mut merged = now.clone();
    let (mut came_back, mut conflicts) = (false, false);
    for path in paths::changed(before, after) {
        if paths::same_at(&path, Some(before), Some(now)) {
            continue;
        }
        let mut was = paths::at(&path, Some(now));
        for write in written {
            if paths::is_same(paths::at(&path, write.after.as_ref()), was) {
                was = paths::at(&path, write.before.as_ref());
            }
        }
        let is_open = paths::is_same(was, paths::at(&path, Some(after)));
        if is_open && put(&mut merged, &path, paths::at(&path, Some(before))) {
            came_back = true;
        } else {
            conflicts = true;
        }
    }
    let came = match (conflicts, came_back) {
        (true, _) => Came::Conflict,
        (false, true) => Came::Back,
        (false, false) => Came::WasThere,
    };
    (came_back.then_some(merged), came)
}

/// Sets or removes a value; says whether that was possible.
fn put(document: &mut Document, path: &Path, value: At<'_>) -> bool {
    let Some((last, outer)) = path.split_last() else {
        return false;
    };
    let mut place = document;
    for segment in outer {
        if !place.contains_key(segment) {
            if value == At::Nothing {
                return true;
            }
            place.insert(segment.clone(), Document::new());
        }
        match place.get_document_mut(segment) {
            Ok(inner) => place = inner,
            Err(_) => return false,
        }
    }
    match value {
        At::Value(value) => {
            place.insert(last.clone(), value.clone());
        }
        At::Nothing => {
            place.remove(last);
        }
        At::Blocked => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(before: Option<Document>, after: Option<Document>) -> Entry {
        Entry { id: Bson::Int32(1), before, after, state: "done".into() }
    }

    #[test]
    fn what_a_script_wrote_over_what_another_wrote_gives_way_to_the_first_value() {
        let down = entry(Some(doc! { "t": ["a", "b"], "n": 1 }), Some(doc! { "t": "a,b", "n": 1 }));
        let up = entry(Some(doc! { "t": "a,b", "n": 1 }), Some(doc! { "t": ["a,b"], "n": 1 }));
        let decided = decide(&down, &[up], None, Some(&doc! { "t": ["a,b"], "n": 1 }));
        assert_eq!(decided, (Becomes::This(doc! { "t": ["a", "b"], "n": 1 }), Came::Back));
    }

    #[test]
    fn another_field_of_the_application_stands_and_a_value_written_anew_is_a_conflict() {
        let one = entry(Some(doc! { "a": 1, "b": 1 }), Some(doc! { "a": 2, "b": 2 }));
        let decided = decide(&one, &[], None, Some(&doc! { "a": 2, "b": 9, "c": 5 }));
        assert_eq!(decided, (Becomes::This(doc! { "a": 1, "b": 9, "c": 5 }), Came::Conflict));
    }

    #[test]
    fn a_seed_of_the_script_gives_way_and_a_document_of_the_application_stands() {
        let removed = entry(Some(doc! { "_id": 1, "v": 2 }), None);
        let seed = doc! { "_id": 1, "v": 1 };
        assert_eq!(decide(&removed, &[], Some(&seed), Some(&seed)), (Becomes::of(removed.before.as_ref()), Came::Back));
        assert_eq!(
            decide(&removed, &[], Some(&seed), Some(&doc! { "_id": 1, "v": 7 })),
            (Becomes::Same, Came::Conflict)
        );
        assert_eq!(decide(&removed, &[], None, None), (Becomes::of(removed.before.as_ref()), Came::Back));
    }

    #[test]
    fn a_document_deleted_since_stays_so_and_an_inserted_one_goes() {
        let changed = entry(Some(doc! { "a": 1 }), Some(doc! { "a": 2 }));
        assert_eq!(decide(&changed, &[], None, None), (Becomes::Same, Came::Deleted));
        let inserted = entry(None, Some(doc! { "a": 2 }));
        assert_eq!(decide(&inserted, &[], None, Some(&doc! { "a": 2 })), (Becomes::Gone, Came::Back));
        assert_eq!(decide(&inserted, &[], None, Some(&doc! { "a": 3 })), (Becomes::Same, Came::Conflict));
        assert_eq!(decide(&inserted, &[], None, None), (Becomes::Same, Came::WasThere));
    }
}
