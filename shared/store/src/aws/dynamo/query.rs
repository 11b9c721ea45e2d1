//! Queries: rows of one partition, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::{operation::query::QueryOutput, types::AttributeValue};
use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Attributes},
    call,
};
use crate::{Query, Rows, Table, rules};

/// The index by `alt`.
const INDEX: &str = "by_alt";

impl Dynamo {
    /// Reads rows of one partition in order.
    ///
    /// DynamoDB counts expired rows, and says that there is more when a page just got full. So one
    /// row more than the limit is asked for, and more each time expired ones are in the way.
    pub async fn query(&self, table: Table, query: &Query) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        if rules::is_empty_range(query) {
            return Ok(rows);
        }
        let name = self.name(table);
        let mut query = query.clone();
        let mut page_size = query.limit.saturating_add(1);
        loop {
            let page = self.page(&name, &query, page_size).await?;
            let items = page.items.into_iter().flatten().map(attributes::read);
            rows.items.extend(items.filter(|item| self.is_live(item)));
            rows.next = page.last_evaluated_key.map(attributes::read_start);
            if query.limit == 0 || rows.items.len() > query.limit || rows.next.is_none() {
                return Ok(cut(rows, &query));
            }
            query.start.clone_from(&rows.next);
            page_size = page_size.saturating_mul(2);
        }
    }

    async fn page(&self, name: &str, query: &Query, size: usize) -> Result<QueryOutput, Failure> {
        let (condition, values) = condition(query);
        let start = query.start.as_ref().map(|start| attributes::write_start(&query.pk, start));
        let size = (query.limit > 0).then(|| i32::try_from(size).unwrap_or(i32::MAX));
        let ask = self.client().query().table_name(name);
        let ask = ask
            .set_index_name(query.by_alt.then(|| INDEX.to_owned()))
            .consistent_read(!query.by_alt)
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(!query.descending)
            .set_limit(size)
            .set_exclusive_start_key(start);
        ask.send().await.map_err(|error| call("Query", name).failure(&error))
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
fn condition(query: &Query) -> (String, Attributes) {
    let key = if query.by_alt { "alt" } else { "sk" };
    let mut values = HashMap::new();
    let mut value = |name: &str, text: &str| {
        values.insert(name.to_owned(), AttributeValue::S(text.to_owned()));
    };
    value(":pk", &query.pk);
    let sort = match (&query.prefix, &query.from, &query.to) {
        (Some(prefix), _, _) if !prefix.is_empty() => {
            value(":prefix", prefix);
            format!(" AND begins_with({key}, :prefix)")
        }
        (_, Some(from), Some(to)) => {
            value(":from", from);
            value(":to", to);
            format!(" AND {key} BETWEEN :from AND :to")
        }
        (_, Some(from), None) => {
            value(":from", from);
            format!(" AND {key} >= :from")
        }
        (_, None, Some(to)) => {
            value(":to", to);
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
