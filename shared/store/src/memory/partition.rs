//! One partition: its rows by sort key, and the index by `alt`.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
};

use crate::{Item, Query};

/// Where a row stands: (sort key, nothing) among the rows, (alt, sort key) in the index.
type Position = (String, String);

/// Rows with the same partition key.
#[derive(Debug, Default)]
pub(super) struct Partition {
    rows: BTreeMap<Position, Item>,
    by_alt: BTreeMap<Position, Position>,
}

impl Partition {
    /// Returns how many rows there are, expired or not.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the row, expired or not.
    pub(super) fn get(&self, sk: &str) -> Option<&Item> {
        self.rows.get(&row_position(sk))
    }

    /// Puts the row in place of the one with its sort key.
    pub(super) fn insert(&mut self, item: Item) {
        self.remove(&item.sk);
        let position = row_position(&item.sk);
        if let Some(alt) = &item.alt {
            self.by_alt.insert((alt.clone(), item.sk.clone()), position.clone());
        }
        self.rows.insert(position, item);
    }

    /// Removes the row.
    pub(super) fn remove(&mut self, sk: &str) {
        let removed = self.rows.remove(&row_position(sk));
        if let Some(Item { alt: Some(alt), sk, .. }) = removed {
            self.by_alt.remove(&(alt, sk));
        }
    }

    /// Walks over the rows that are asked for, in order.
    pub(super) fn walk<'p>(&'p self, query: &'p Query) -> Box<dyn Iterator<Item = &'p Item> + 'p> {
        if query.by_alt {
            let rows = walk(&self.by_alt, query);
            Box::new(rows.filter_map(|position| self.rows.get(position)))
        } else {
            walk(&self.rows, query)
        }
    }
}

fn row_position(sk: &str) -> Position {
    (sk.to_owned(), String::new())
}

/// Walks over the part of a map that is asked for. Starts where it can, and ends as soon as it may.
fn walk<'p, V>(
    map: &'p BTreeMap<Position, V>,
    query: &'p Query,
) -> Box<dyn Iterator<Item = &'p V> + 'p> {
    let start = query.start.as_ref().map(|start| match &start.alt {
        Some(alt) if query.by_alt => (alt.clone(), start.sk.clone()),
        _ => row_position(&start.sk),
    });
    let first = query.prefix.as_ref().or(query.from.as_ref());
    let first = first.map_or(Unbounded, |first| Included(row_position(first)));
    let is_before = |key: &str| query.to.as_deref().is_none_or(|to| key <= to);
    let starts_so = |key: &str| query.prefix.as_deref().is_none_or(|p| key.starts_with(p));
    if query.descending {
        let end = start.map_or(Unbounded, Excluded);
        let is_behind = |key: &str| query.from.as_deref().is_none_or(|from| key >= from);
        let rows = map.range((Unbounded, end)).rev();
        let rows = rows.skip_while(move |((key, _), _)| !is_before(key) || !starts_so(key));
        Box::new(rows.take_while(move |((key, _), _)| is_behind(key) && starts_so(key)).map(row))
    } else {
        let first = start.map_or(first, Excluded);
        let rows = map.range((first, Unbounded));
        Box::new(rows.take_while(move |((key, _), _)| is_before(key) && starts_so(key)).map(row))
    }
}

fn row<'p, V>((_, row): (&Position, &'p V)) -> &'p V {
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_a_row_in_the_index_when_its_alt_changes() {
        let row = |alt: Option<&str>| Item {
            sk: "a".into(),
            alt: alt.map(str::to_owned),
            ..Item::default()
        };
        let by_alt = Query { by_alt: true, ..Query::default() };
        let mut partition = Partition::default();
        for alt in [Some("1"), Some("2"), None, Some("3")] {
            partition.insert(row(alt));
            let found: Vec<&Item> = partition.walk(&by_alt).collect();
            assert_eq!(
                found,
                alt.map(|_| partition.get("a").unwrap()).into_iter().collect::<Vec<_>>()
            );
        }
        partition.remove("a");
        assert_eq!(partition.walk(&by_alt).count(), 0);
        assert_eq!(partition.get("a"), None);
    }
}
