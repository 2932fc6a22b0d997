//! Keeping the values of fields before a script removes them, and putting them back.
//!
//! A keep collection holds a document for each document concerned: its `_id` and, for each field
//! that it has, the value under the field's path with `.` written as `%2E`. Writing a copy again adds
//! to it or renews it, and never takes a value away, so that every step can be repeated.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    OWN_PREFIX,
    error::{Error, Result},
    fields::{FieldPath, Found},
    keep_groups::{Groups, restoring, still_holds},
    pages::Pages,
    target::{LONG, Target, number},
    value::{self, Checksum},
    watch::Turn,
};

/// The server's code for an `_id` that is there already.
pub(crate) const DUPLICATE: i32 = 11000;

/// What a keep collection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its documents.
    pub documents: u64,
    /// The exclusive or of the SHA-256 of each document's canonical extended JSON, in hexadecimal.
    pub checksum: String,
}

/// How the documents of a collection compare with their copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Documents that have at least one of the fields.
    pub documents: u64,
    /// Values without a copy.
    pub missing: u64,
    /// Values that differ from their copy.
    pub different: u64,
}

impl Verified {
    /// Whether every value has its copy.
    pub fn is_complete(&self) -> bool {
        self.missing == 0 && self.different == 0
    }
}

/// What removing fields did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unset {
    /// Values removed.
    pub values: u64,
    /// How often the collection was gone through, the last time finding nothing.
    pub passes: u32,
}

/// What putting values back did. All numbers count values, of which a document can have several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Put back.
    pub restored: u64,
    /// Already there, equal to the copy.
    pub already_there: u64,
    /// Their document has been deleted meanwhile.
    pub missing: u64,
    /// The document has another value there now, or no room for one; left alone.
    pub conflicts: u64,
}

impl Target {
    /// Copies `fields` (dotted paths) of the documents that match `filter` into collection `keep`,
    /// whose name begins with [`OWN_PREFIX`]. Can be repeated; a copy follows its original.
    pub async fn keep_fields(&self, collection: &str, filter: &Value, fields: &[String], keep: &str) -> Result<Kept> {
        let job = FieldJob::new(self, collection, filter, fields, keep)?;
        let is_new = !self.exists(keep).await?;
        let mut pages = job.pages().await?;
        while let Some(page) = pages.next().await? {
            if is_new {
                job.copy_new(&page).await?;
            } else {
                job.copy(&page).await?;
            }
        }
        self.kept(keep).await
    }

    /// Counts and sums up what a keep collection holds.
    pub async fn kept(&self, keep: &str) -> Result<Kept> {
        let what = sentence!("reading {collection}", collection = keep);
        let mut pages = Pages::find(self, &what, keep, Document::new(), None).await?;
        let mut checksum = Checksum::default();
        let mut documents = 0;
        while let Some(page) = pages.next().await? {
            for document in page {
                documents += 1;
                checksum.add(document);
            }
        }
        Ok(Kept { documents, checksum: checksum.hex() })
    }

    /// Compares the fields of the documents that match `filter` with their copies.
    pub async fn verify_kept(
        &self,
        collection: &str,
        filter: &Value,
        fields: &[String],
        keep: &str,
    ) -> Result<Verified> {
        let job = FieldJob::new(self, collection, filter, fields, keep)?;
        let mut pages = job.pages().await?;
        let mut verified = Verified::default();
        while let Some(page) = pages.next().await? {
            let copies = self.by_id(keep, &page, None).await?;
            for document in &page {
                let values = job.values(document)?;
                verified.documents += u64::from(!values.is_empty());
                let copy = copies.get(&id_key(document));
                for (path, value) in values {
                    match copy.and_then(|copy| copy.get(path.stored())) {
                        None => verified.missing += 1,
                        Some(kept) if same(kept, value) => {}
                        Some(_) => verified.different += 1,
                    }
                }
            }
        }
        Ok(verified)
    }

    /// Removes `fields` from the documents that match `filter`, each value only while it equals its
    /// copy in `keep`: what the application writes meanwhile is copied again before it goes.
    /// [`Error::StillChanging`] if values remain after `max_passes`.
    pub async fn unset_where_equal(
        &self,
        collection: &str,
        filter: &Value,
        fields: &[String],
        keep: &str,
        max_passes: u32,
    ) -> Result<Unset> {
        let job = FieldJob::new(self, collection, filter, fields, keep)?;
        // Under a collation of the collection's own, texts that differ can count as equal.
        let collated = self.has_collation(collection).await?;
        let mut unset = Unset::default();
        while unset.passes < max_passes {
            unset.passes += 1;
            let mut pages = job.pages().await?;
            let mut found = 0;
            while let Some(page) = pages.next().await? {
                found += job.copy(&page).await?;
                unset.values += job.unset(&page, collated).await?;
            }
            if found == 0 {
                return Ok(unset);
            }
        }
        Err(Error::StillChanging { collection: collection.into(), passes: max_passes })
    }

    /// Puts the values kept in `keep` back where their field is absent. Can be repeated. The field's
    /// place among the others of its document is not kept: it comes last.
    pub async fn restore_fields(&self, keep: &str, collection: &str, fields: &[String]) -> Result<Restored> {
        let job = FieldJob::new(self, collection, &Value::Object(serde_json::Map::new()), fields, keep)?;
        let what = sentence!("restoring fields of {collection}", collection);
        let mut pages = Pages::find(self, &what, keep, Document::new(), None).await?;
        let mut restored = Restored::default();
        while let Some(page) = pages.next().await? {
            let current = self.by_id(collection, &page, Some(job.outer_projection())).await?;
            let mut absent = Groups::default();
            for copy in &page {
                for path in &job.paths {
                    let Some(value) = copy.get(path.stored()) else {
                        continue;
                    };
                    let Some(document) = current.get(&id_key(copy)) else {
                        restored.missing += 1;
                        continue;
                    };
                    match path.find(document)? {
                        Found::Value(now) if same(now, value) => restored.already_there += 1,
                        Found::Value(_) | Found::Blocked => restored.conflicts += 1,
                        Found::Nothing => absent.add(copy, path, value),
                    }
                }
            }
            let asked = absent.values();
            let changed = self.update_all(&what, collection, absent.statements(restoring)).await?;
            restored.restored += changed;
            restored.conflicts += asked.saturating_sub(changed);
        }
        Ok(restored)
    }

    /// The documents of `collection` that have the ids of `page`.
    pub(crate) async fn by_id(
        &self,
        collection: &str,
        page: &[Document],
        projection: Option<Document>,
    ) -> Result<HashMap<String, Document>> {
        let what = sentence!("reading {collection}", collection);
        let ids: Vec<&Bson> = page.iter().filter_map(|document| document.get("_id")).collect();
        let filter = doc! { "_id": { "$in": ids } };
        let mut pages = Pages::find(self, &what, collection, filter, projection).await?;
        let mut found = HashMap::new();
        while let Some(page) = pages.next().await? {
            found.extend(page.into_iter().map(|document| (id_key(&document), document)));
        }
        Ok(found)
    }

    /// Runs update statements and says how many documents they matched.
    async fn update_all(&self, what: &Sentence, collection: &str, statements: Vec<Document>) -> Result<u64> {
        if statements.is_empty() {
            return Ok(0);
        }
        self.ask(Turn::Write).await?;
        let command = doc! { "update": collection, "updates": statements, "ordered": false };
        let reply = self.write(what, command, LONG).await?;
        number(&reply, "n").ok_or_else(|| Error::protocol(what, sentence!("the reply holds no count")))
    }
}

/// Fields of a collection and where they are kept.
struct FieldJob<'a> {
    target: &'a Target,
    collection: &'a str,
    filter: Document,
    paths: Vec<FieldPath>,
    keep: &'a str,
}

impl<'a> FieldJob<'a> {
    fn new(target: &'a Target, collection: &'a str, filter: &Value, fields: &[String], keep: &'a str) -> Result<Self> {
        require_own(keep)?;
        Ok(Self {
            target,
            collection,
            filter: value::document(&sentence!("a filter"), filter)?,
            paths: FieldPath::parse_all(fields)?,
            keep,
        })
    }

    /// The documents that have at least one of the fields, with these fields only.
    async fn pages(&self) -> Result<Pages> {
        let exists: Vec<Document> = self.paths.iter().map(|path| doc! { path.dotted(): { "$exists": true } }).collect();
        let filter = doc! { "$and": [self.filter.clone(), { "$or": exists }] };
        let what = sentence!("reading fields of {collection}", collection = self.collection);
        Pages::find(self.target, &what, self.collection, filter, Some(self.projection())).await
    }

    /// The server refuses a path beside one that it lies in, so only the outermost are named.
    fn projection(&self) -> Document {
        let lies_in = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        self.paths
            .iter()
            .map(FieldPath::dotted)
            .filter(|path| !self.paths.iter().any(|other| lies_in(path, other.dotted())))
            .map(|path| (path.to_owned(), Bson::Int32(1)))
            .collect()
    }

    /// The fields at the beginning of the paths, whole: a path's own projection leaves out a text or
    /// number that stands in its way.
    fn outer_projection(&self) -> Document {
        self.paths
            .iter()
            .filter_map(|path| path.dotted().split('.').next())
            .map(|field| (field.to_owned(), Bson::Int32(1)))
            .collect()
    }

    fn values<'d>(&self, document: &'d Document) -> Result<Vec<(&FieldPath, &'d Bson)>> {
        let mut values = Vec::new();
        for path in &self.paths {
            if let Found::Value(value) = path.find(document)? {
                values.push((path, value));
            }
        }
        Ok(values)
    }

    /// Copies a page into a collection that has just been made.
    async fn copy_new(&self, page: &[Document]) -> Result<()> {
        let mut copies = Vec::with_capacity(page.len());
        for document in page {
            let mut copy = self.copy_of(document)?;
            if !copy.is_empty() {
                copy.insert("_id", document.get("_id").cloned().unwrap_or(Bson::Null));
                copies.push(copy);
            }
        }
        if copies.is_empty() {
            return Ok(());
        }
        let what = sentence!("keeping fields of {collection}", collection = self.collection);
        self.target.ask(Turn::Write).await?;
        let command = doc! { "insert": self.keep, "documents": copies, "ordered": false };
        match self.target.write(&what, command, LONG).await {
            // A cursor can come by a document again.
            Err(error) if error.code() == Some(DUPLICATE) => self.copy(page).await.map(drop),
            written => written.map(drop),
        }
    }

    /// Copies what a page has that its copies have not, and says how many of its documents have a value.
    async fn copy(&self, page: &[Document]) -> Result<u64> {
        let copies = self.target.by_id(self.keep, page, None).await?;
        let (mut found, mut statements) = (0, Vec::new());
        for document in page {
            let mut set = self.copy_of(document)?;
            found += u64::from(!set.is_empty());
            if let Some(copy) = copies.get(&id_key(document)) {
                set = set
                    .into_iter()
                    .filter(|(stored, value)| !copy.get(stored).is_some_and(|kept| same(kept, value)))
                    .collect();
            }
            if !set.is_empty() {
                statements.push(doc! { "q": by_id(document), "u": { "$set": set }, "upsert": true });
            }
        }
        let what = sentence!("keeping fields of {collection}", collection = self.collection);
        self.target.update_all(&what, self.keep, statements).await?;
        Ok(found)
    }

    /// The values of a document as they are kept.
    fn copy_of(&self, document: &Document) -> Result<Document> {
        let values = self.values(document)?;
        Ok(values.into_iter().map(|(path, value)| (path.stored().to_owned(), value.clone())).collect())
    }

    /// Removes the values of a page that has just been copied and says how many went.
    async fn unset(&self, page: &[Document], collated: bool) -> Result<u64> {
        let mut present = Groups::default();
        for document in page {
            for (path, value) in self.values(document)? {
                present.add(document, path, value);
            }
        }
        let statements = present.statements(|ids, path, value| {
            let mut filter = ids;
            filter.extend(still_holds(path, value));
            let mut statement = doc! { "q": filter, "u": { "$unset": { path.dotted(): "" } } };
            if collated {
                statement.insert("collation", doc! { "locale": "simple" });
            }
            statement
        });
        let what = sentence!("removing fields of {collection}", collection = self.collection);
        self.target.update_all(&what, self.collection, statements).await
    }
}

pub(crate) fn require_own(keep: &str) -> Result<()> {
    if keep.starts_with(OWN_PREFIX) {
        return Ok(());
    }
    Err(Error::unsafe_to(
        sentence!("keeping data in {keep}", keep),
        sentence!("the name of a keep collection begins with {prefix}", prefix = OWN_PREFIX),
    ))
}

pub(crate) fn by_id(document: &Document) -> Document {
    doc! { "_id": { "$eq": document.get("_id").cloned().unwrap_or(Bson::Null) } }
}

pub(crate) fn id_key(document: &Document) -> String {
    document.get("_id").map_or_else(String::new, text)
}

/// Equal in value, type and order of fields (which `==` does not look at); not-a-number equals itself.
fn same(a: &Bson, b: &Bson) -> bool {
    text(a) == text(b)
}

pub(crate) fn text(value: &Bson) -> String {
    value.clone().into_canonical_extjson().to_string()
}
