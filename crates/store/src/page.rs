//! Keyset pages: a cursor is the key of the last item, never an offset.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::view::Page;

use crate::error::{Error, Result};

/// Where a list goes on, and how far.
#[derive(Debug, Clone)]
pub struct Cursor {
    pub(crate) after: Option<String>,
    pub(crate) limit: u32,
}

const MAX_CURSOR: usize = 400;

impl Cursor {
    /// The first page, or the one after an earlier page's `next_cursor`.
    pub fn new(cursor: Option<&str>, limit: u32) -> Result<Self> {
        let bad = || Error::BadCursor;
        let after = cursor
            .map(|text| {
                let bytes = (text.len() <= MAX_CURSOR).then(|| BASE64.decode(text).ok()).flatten();
                bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)
            })
            .transpose()?;
        Ok(Self { after, limit })
    }

    /// One more than the limit is fetched, to know whether there is a next page.
    pub(crate) fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// The key as an id, for lists ordered by id.
    pub(crate) fn after_id(&self) -> Result<Option<uuid::Uuid>> {
        let bad = |_| Error::BadCursor;
        self.after.as_deref().map(|text| uuid::Uuid::parse_str(text).map_err(bad)).transpose()
    }

    /// The key as a number, for lists ordered by one.
    pub(crate) fn after_number(&self) -> Result<Option<u64>> {
        let bad = |_| Error::BadCursor;
        self.after.as_deref().map(|text| text.parse().map_err(bad)).transpose()
    }

    pub(crate) fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = more.then(|| items.last().map(|item| BASE64.encode(key(item)))).flatten();
        Page { items, next_cursor }
    }
}
