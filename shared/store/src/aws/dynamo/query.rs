//! Queries: rows of one partition, page by page.

use std::collections::HashMap;

use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Values, text},
    call,
    wire::{Answer, Ranged},
};
use crate::{Item, Query, Rows, Table, rules};

/// The index by `alt`.
const INDEX: &str = "by_alt";

impl Dynamo {
    /// Reads rows of one partition in order.
    ///
    /// DynamoDB counts expired rows, and says that there is more when a page just got full. So one
    /// row more than the limit is asked for, and more each time expired ones are in the way.
    pub async fn query(&self, table: Table, query: &Query) -> Result<Rows, Failure> {
        let mut rows = self.query_as_it_is(table, query).await?;
        if query.by_alt && table.has_lean_index() {
            rows.items = self.whole(table, &query.pk, rows.items).await?;
        }
        Ok(rows)
    }

    /// Reads the rows of which an index has the keys, in the same order.
    async fn whole(&self, table: Table, pk: &str, keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let sks: Vec<String> = keys.into_iter().map(|item| item.sk).collect();
        let rows = self.get_many(table, pk, &sks).await?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.sk.clone(), row)).collect();
        Ok(sks.iter().filter_map(|sk| rows.remove(sk)).collect())
    }

    async fn query_as_it_is(&self, table: Table, query: &Query) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        if rules::is_empty_range(query) {
            return Ok(rows);
        }
        let name = self.name(table);
        let mut query = query.clone();
        let mut page_size = query.limit.saturating_add(1);
        loop {
            let page = self.page(&name, &query, page_size).await?;
            let items = page.items.into_iter().map(attributes::read);
            rows.items.extend(items.filter(|item| self.is_live(item)));
            rows.next = page.last_evaluated_key.map(attributes::read_start);
            if query.limit == 0 || rows.items.len() > query.limit || rows.next.is_none() {
                return Ok(cut(rows, &query));
            }
            query.start.clone_from(&rows.next);
            page_size = page_size.saturating_mul(2);
        }
    }

    async fn page(&self, name: &str, query: &Query, size: usize) -> Result<Answer, Failure> {
        let (condition, values) = condition(query);
        let start = query.start.as_ref().map(|start| attributes::write_start(&query.pk, start));
        let asked = Ranged {
            table_name: name,
            index_name: query.by_alt.then_some(INDEX),
            consistent_read: !query.by_alt,
            key_condition_expression: condition,
            expression_attribute_values: values,
            scan_index_forward: !query.descending,
            limit: (query.limit > 0).then(|| i32::try_from(size).unwrap_or(i32::MAX)),
            exclusive_start_key: start,
        };
        self.ask(call("Query", name), &asked).await
    }
}

/// Cuts to the limit; what was cut is where the next page starts.
fn cut(mut rows: Rows, query: &Query) -> Rows {
    if query.limit > 0 && rows.items.len() > query.limit {
        rows.items.truncate(query.limit);
        rows.next = rows.items.last().map(|last| rules::start_after(last, query.by_alt));
    }
    rows
}

/// Says which rows are wanted.
fn condition(query: &Query) -> (String, Values) {
    let key = if query.by_alt { "alt" } else { "sk" };
    let mut values = Values::from([(":pk", text(&query.pk))]);
    let sort = match (&query.prefix, &query.from, &query.to) {
        (Some(prefix), _, _) if !prefix.is_empty() => {
            values.insert(":prefix", text(prefix));
            format!(" AND begins_with({key}, :prefix)")
        }
        (_, Some(from), Some(to)) => {
            values.insert(":from", text(from));
            values.insert(":to", text(to));
            format!(" AND {key} BETWEEN :from AND :to")
        }
        (_, Some(from), None) => {
            values.insert(":from", text(from));
            format!(" AND {key} >= :from")
        }
        (_, None, Some(to)) => {
            values.insert(":to", text(to));
            format!(" AND {key} <= :to")
        }
        (_, None, None) => String::new(),
    };
    (format!("pk = :pk{sort}"), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Item, Start};

    fn query() -> Query {
        Query { pk: "acme".into(), ..Query::default() }
    }

    #[test]
    fn asks_for_the_range_that_is_wanted() {
        let text = |query: &Query| condition(query).0;
        let (from, to) = (Some("a".to_owned()), Some("b".to_owned()));
        let between = Query { from: from.clone(), to: to.clone(), ..query() };
        assert_eq!(text(&query()), "pk = :pk");
        assert_eq!(text(&between), "pk = :pk AND sk BETWEEN :from AND :to");
        assert_eq!(text(&Query { from, ..query() }), "pk = :pk AND sk >= :from");
        assert_eq!(text(&Query { to, by_alt: true, ..query() }), "pk = :pk AND alt <= :to");
        let prefix = Query { prefix: Some("t#".into()), ..query() };
        assert_eq!(text(&prefix), "pk = :pk AND begins_with(sk, :prefix)");
        assert_eq!(text(&Query { prefix: Some(String::new()), ..query() }), "pk = :pk");
    }

    #[test]
    fn goes_on_behind_the_last_row_that_was_kept() {
        let row = |sk: &str| Item { sk: sk.into(), alt: Some("x".into()), ..Item::default() };
        let full = || Rows { items: vec![row("a"), row("b"), row("c")], next: None };
        let rows = cut(full(), &Query { limit: 2, by_alt: true, ..query() });
        assert_eq!(rows.items.len(), 2);
        assert_eq!(rows.next, Some(Start { sk: "b".into(), alt: Some("x".into()) }));
        assert_eq!(cut(full(), &Query { limit: 3, ..query() }).next, None);
    }
}
