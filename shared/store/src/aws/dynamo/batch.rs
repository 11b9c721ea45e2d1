//! Many rows in few calls. `BatchGetItem` and `BatchWriteItem` may leave some for later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ferrule_core::Failure;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Dynamo,
    attributes::{self, Attributes},
    call,
    wire::{Keys, OfTable, Put, Request},
};
use crate::{
    Item, Table,
    aws::retry::{Attempt, until_done},
    rules,
};

/// Most keys of one read.
const MAX_KEYS: usize = 100;
/// Most rows of one write.
const MAX_PUTS: usize = 25;
/// Calls at the same time.
const CONCURRENT: usize = 4;

impl Dynamo {
    /// Reads rows of one partition, strongly consistent, in any order; absent ones are left out.
    pub async fn get_many(
        &self,
        table: Table,
        pk: &str,
        sks: &[String],
    ) -> Result<Vec<Item>, Failure> {
        let name = self.name(table);
        let sks: BTreeSet<&String> = sks.iter().collect();
        let keys = chunks(sks.into_iter().map(|sk| attributes::key(pk, sk)), MAX_KEYS);
        let call = call("BatchGetItem", &name);
        let reads = keys
            .into_iter()
            .map(|keys| until_done(call, keys, |keys| self.try_get_many(&name, keys)));
        let rows: Vec<Vec<Item>> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
        Ok(rows.into_iter().flatten().filter(|item| self.is_live(item)).collect())
    }

    /// Writes rows without condition. Of two with the same key, the later one stays.
    pub async fn put_many(&self, table: Table, items: Vec<Item>) -> Result<(), Failure> {
        items.iter().try_for_each(rules::check_item)?;
        let name = self.name(table);
        let items = last_of_each(items);
        let puts = chunks(items.iter().map(attributes::write), MAX_PUTS);
        let call = call("BatchWriteItem", &name);
        let writes = puts
            .into_iter()
            .map(|puts| until_done(call, puts, |puts| self.try_put_many(&name, puts)));
        stream::iter(writes).buffered(CONCURRENT).try_for_each(async |_| Ok(())).await
    }

    async fn try_get_many(
        &self,
        name: &str,
        keys: Vec<Attributes>,
    ) -> Result<Attempt<Item, Attributes>, Failure> {
        let request_items = HashMap::from([(name, Keys { keys, consistent_read: true })]);
        let answer = self.ask(call("BatchGetItem", name), &OfTable { request_items }).await?;
        let rows = answer.responses.into_values().flatten().map(attributes::read);
        let left = answer.unprocessed_keys.into_values().flat_map(|left| left.keys);
        Ok(Attempt { done: rows.collect(), left: left.collect() })
    }

    async fn try_put_many(
        &self,
        name: &str,
        puts: Vec<Attributes>,
    ) -> Result<Attempt<(), Attributes>, Failure> {
        let requests = puts.into_iter().map(|item| Request { put_request: Put { item } });
        let request_items = HashMap::from([(name, requests.collect::<Vec<_>>())]);
        let answer = self.ask(call("BatchWriteItem", name), &OfTable { request_items }).await?;
        let left = answer.unprocessed_items.into_values().flatten();
        let left = left.map(|request| request.put_request.item).collect();
        Ok(Attempt { done: Vec::new(), left })
    }
}

/// Keeps the last row of each key: DynamoDB refuses a batch that names a key twice.
fn last_of_each(items: Vec<Item>) -> Vec<Item> {
    let by_key = items.into_iter().map(|item| ((item.pk.clone(), item.sk.clone()), item));
    by_key.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn chunks<T>(items: impl Iterator<Item = T>, size: usize) -> Vec<Vec<T>> {
    let mut chunks: Vec<Vec<T>> = Vec::new();
    for item in items {
        match chunks.last_mut() {
            Some(last) if last.len() < size => last.push(item),
            _ => chunks.push(vec![item]),
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_work_into_full_chunks_and_a_rest() {
        let sizes = |count| chunks(0..count, 25).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(51), [25, 25, 1]);
        assert_eq!(sizes(25), [25]);
        assert!(sizes(0).is_empty());
    }

    #[test]
    fn writes_the_later_of_two_rows_with_the_same_key() {
        let row = |sk: &str, body: &str| Item {
            pk: "acme".into(),
            sk: sk.into(),
            body: body.into(),
            ..Item::default()
        };
        let kept = last_of_each(vec![row("a", "old"), row("b", "only"), row("a", "new")]);
        assert_eq!(kept, [row("a", "new"), row("b", "only")]);
    }
}
