//! Pages of lists.

use domain::view::Page;
use sentence::sentence;
use serde::Serialize;

use crate::error::{Error, Result};

/// A page that is asked for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PageRequest {
    /// How many items, 1 to 200; the service's own choice if absent.
    pub limit: Option<u32>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The first page, with at most that many items.
    pub fn first(limit: u32) -> Self {
        Self { limit: Some(limit), cursor: None }
    }
}

/// Items of a page when a whole list is wanted: the service's limit.
const MOST: u32 = 200;
/// Pages of the longest list that is followed: a service whose lists do not end is not asked for ever.
const PAGES: u32 = 500;

/// A whole list, page by page.
///
/// # Errors
/// Those of `get`; [`Error::Protocol`] where the list has not ended after 100,000 items.
pub async fn every<T>(get: impl AsyncFn(PageRequest) -> Result<Page<T>>) -> Result<Page<T>> {
    let first = get(PageRequest::first(MOST)).await?;
    rest(first, get).await
}

/// The whole list that begins with this page; see [`every`].
///
/// # Errors
/// See [`every`].
pub async fn rest<T>(first: Page<T>, get: impl AsyncFn(PageRequest) -> Result<Page<T>>) -> Result<Page<T>> {
    let mut list = first;
    for _ in 1..PAGES {
        let Some(cursor) = list.next_cursor.take() else { return Ok(list) };
        let next = get(PageRequest { limit: Some(MOST), cursor: Some(cursor) }).await?;
        list.items.extend(next.items);
        list.next_cursor = next.next_cursor;
    }
    if list.next_cursor.is_none() {
        return Ok(list);
    }
    let detail = sentence!("a list does not end: {items} items came", items = list.items.len());
    Err(Error::Protocol { url: "the service".to_owned(), detail })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A list of so many pages of one item each.
    async fn of(pages: u32) -> Result<Page<u32>> {
        let asked = AtomicU32::new(0);
        every(async |page: PageRequest| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            assert_eq!(page.cursor, (number > 0).then(|| number.to_string()));
            let next = number + 1;
            Ok(Page { items: vec![number], next_cursor: (next < pages).then(|| next.to_string()) })
        })
        .await
    }

    #[tokio::test]
    async fn a_list_is_followed_to_its_end() {
        for pages in [1, 2, PAGES] {
            let list = of(pages).await.unwrap();
            assert_eq!((list.items, list.next_cursor), ((0..pages).collect(), None));
        }
    }

    #[tokio::test]
    async fn a_list_without_end_is_not_followed_for_ever() {
        assert!(matches!(of(u32::MAX).await, Err(Error::Protocol { .. })));
    }
}
