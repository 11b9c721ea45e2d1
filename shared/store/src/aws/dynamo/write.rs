//! Writes with conditions.

use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Condition},
    call,
    wire::{OnRow, Reasons, SHOW_ROW},
};
use crate::{
    Item, Table, When, Written,
    aws::{
        engine::Refused,
        failure::Call,
        retry::{Attempt, until_done},
    },
    rules,
};

/// What DynamoDB calls a condition that did not hold, and a row that a transaction is about.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
const CONFLICT: &str = "TransactionConflictException";

impl Dynamo {
    /// Writes one row when the condition holds.
    pub async fn put(&self, table: Table, item: Item, when: When) -> Result<Written, Failure> {
        rules::check_item(&item)?;
        let item = rules::revised(item, when);
        let name = self.name(table);
        let call = call("PutItem", &name);
        only(until_done(call, vec![()], |_| self.try_put(&name, &item, when)).await?)
    }

    /// Removes one row when the condition holds; removing an absent row is done.
    pub async fn delete(
        &self,
        table: Table,
        pk: &str,
        sk: &str,
        when: When,
    ) -> Result<Written, Failure> {
        let name = self.name(table);
        let call = call("DeleteItem", &name);
        only(until_done(call, vec![()], |_| self.try_delete(&name, (pk, sk), when)).await?)
    }

    async fn try_put(
        &self,
        name: &str,
        item: &Item,
        when: When,
    ) -> Result<Attempt<Written, ()>, Failure> {
        let asked = OnRow {
            item: Some(attributes::write(item)),
            return_values_on_condition_check_failure: SHOW_ROW,
            ..OnRow::of(name, Condition::of(when, self.clock.now_secs()))
        };
        self.try_write(call("PutItem", name), &asked, |there| written(there, item)).await
    }

    async fn try_delete(
        &self,
        name: &str,
        (pk, sk): (&str, &str),
        when: When,
    ) -> Result<Attempt<Written, ()>, Failure> {
        let asked = OnRow {
            key: Some(attributes::key(pk, sk)),
            return_values_on_condition_check_failure: SHOW_ROW,
            ..OnRow::of(name, Condition::of_removal(when, self.clock.now_secs()))
        };
        self.try_write(call("DeleteItem", name), &asked, Written::Conflict).await
    }

    /// Writes once; `judge` says what it means that a condition failed on this row.
    async fn try_write(
        &self,
        call: Call<'_>,
        asked: &OnRow<'_>,
        judge: impl FnOnce(Option<Item>) -> Written,
    ) -> Result<Attempt<Written, ()>, Failure> {
        let Err(error) = self.try_to(call.action, asked).await else {
            return Ok(Attempt::done(Written::Done));
        };
        match &error {
            Refused::ServiceError(refusal) if refusal.err().is(CONDITION_FAILED) => {
                let Reasons { item, .. } = refusal.err().read().unwrap_or_default();
                let there = item.map(attributes::read).filter(|item| self.is_live(item));
                Ok(Attempt::done(judge(there)))
            }
            Refused::ServiceError(refusal) if refusal.err().is(CONFLICT) => Ok(Attempt::left(())),
            _ => Err(call.failure(&error)),
        }
    }
}

/// Judges a refusal: when the answer to our own write was lost and the SDK wrote again, the row
/// that is in the way is ours.
fn written(there: Option<Item>, item: &Item) -> Written {
    if there.as_ref() == Some(item) { Written::Done } else { Written::Conflict(there) }
}

fn only(mut results: Vec<Written>) -> Result<Written, Failure> {
    results.pop().ok_or_else(|| Failure::own("dynamodb", "no answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_its_own_write_after_a_lost_answer() {
        let ours = Item { pk: "acme".into(), rev: 2, body: "mine".into(), ..Item::default() };
        let theirs = Item { body: "theirs".into(), ..ours.clone() };
        assert_eq!(written(Some(ours.clone()), &ours), Written::Done);
        assert_eq!(written(Some(theirs.clone()), &ours), Written::Conflict(Some(theirs)));
        assert_eq!(written(None, &ours), Written::Conflict(None));
    }
}
