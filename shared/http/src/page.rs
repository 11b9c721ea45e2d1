//! Lists come in pages; an opaque cursor leads to the next one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrule_core::Digest;
use ferrule_store::Start;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Entries of a page, unless asked otherwise.
const DEFAULT_LIMIT: usize = 100;

/// Most entries of a page.
const MAX_LIMIT: usize = 1000;

/// Part of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page<T> {
    /// The entries, in order.
    pub items: Vec<T>,
    /// Pass it as `cursor` to get what follows; `null` at the end.
    pub next: Option<String>,
}

/// How large a page is wanted, and from where.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Most entries.
    pub limit: usize,
    /// Go on after this.
    pub start: Option<Start>,
    list: Digest,
}

/// A place in a list, and which list it is.
#[derive(Serialize, Deserialize)]
struct Cursor {
    list: Digest,
    start: Start,
}

impl Wanted {
    /// Reads `limit` and `cursor`; `list` are the filters, under which alone a cursor is good.
    pub fn read(
        limit: Option<usize>,
        cursor: Option<&str>,
        list: &[&str],
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is between 1 and {MAX_LIMIT}")));
        }
        let parts: Vec<&[u8]> = list.iter().map(|part| part.as_bytes()).collect();
        let list = Digest::of(&parts);
        let start = cursor.map(|cursor| open(cursor, &list)).transpose()?;
        Ok(Self { limit, start, list })
    }

    /// Makes the page.
    pub fn page<T>(&self, items: Vec<T>, next: Option<Start>) -> Page<T> {
        let next = next.map(|start| Cursor { list: self.list.clone(), start });
        let text = next.and_then(|cursor| serde_json::to_vec(&cursor).ok());
        Page { items, next: text.map(|text| URL_SAFE_NO_PAD.encode(text)) }
    }

    /// Takes a page out of a list that is at hand, in the order of `key`.
    pub fn cut<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<Start>) {
        let start = self.start.as_ref().map(|start| start.sk.as_str());
        let is_behind = |item: &T| start.is_none_or(|start| key(item).as_str() > start);
        let mut rest: Vec<T> = all.into_iter().filter(is_behind).collect();
        rest.sort_by_key(&key);
        let has_more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let last = rest.last().filter(|_| has_more);
        let next = last.map(|last| Start { sk: key(last), alt: None });
        (rest, next)
    }
}

fn open(cursor: &str, list: &Digest) -> Result<Start, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let read = bytes.and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok());
    match read {
        Some(read) if read.list == *list => Ok(read.start),
        _ => Err(Problem::bad_request("this cursor is not from this list with these filters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_on_in_its_own_list_only() {
        let first = Wanted::read(Some(2), None, &["runs", "a"]).unwrap();
        let (items, next) = first.cut(vec!["c", "a", "b"], |item| (*item).to_owned());
        assert_eq!(items, ["a", "b"]);
        let cursor = first.page(items, next).next.unwrap();
        let second = Wanted::read(Some(2), Some(&cursor), &["runs", "a"]).unwrap();
        let (items, next) = second.cut(vec!["c", "a", "b"], |item| (*item).to_owned());
        assert_eq!((items, next), (vec!["c"], None));
        assert!(Wanted::read(Some(2), Some(&cursor), &["runs", "b"]).is_err());
        assert!(Wanted::read(Some(2), Some("nonsense"), &["runs", "a"]).is_err());
    }

    #[test]
    fn a_page_has_between_one_and_a_thousand_entries() {
        for (limit, fits) in [(0, false), (1, true), (1000, true), (1001, false)] {
            assert_eq!(Wanted::read(Some(limit), None, &[]).is_ok(), fits, "{limit}");
        }
    }
}
