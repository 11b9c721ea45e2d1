//! Writes with conditions.

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::{ReturnValuesOnConditionCheckFailure, error::ConditionalCheckFailedException},
};
use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Condition},
    call,
};
use crate::{
    Item, Table, When, Written,
    aws::retry::{Attempt, until_done},
    rules,
};

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
        let condition = Condition::of(when, self.clock.now_secs());
        let put = self.client().put_item().table_name(name);
        let put = put
            .set_item(Some(attributes::write(item.clone())))
            .set_condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(Attempt::done(Written::Done));
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Attempt::done(written(self.there(refusal), item)))
            }
            Some(PutItemError::TransactionConflictException(_)) => Ok(Attempt::left(())),
            _ => Err(call("PutItem", name).failure(&error)),
        }
    }

    async fn try_delete(
        &self,
        name: &str,
        (pk, sk): (&str, &str),
        when: When,
    ) -> Result<Attempt<Written, ()>, Failure> {
        let condition = Condition::of_removal(when, self.clock.now_secs());
        let delete = self.client().delete_item().table_name(name);
        let delete = delete
            .set_key(Some(attributes::key(pk, sk)))
            .set_condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = delete.send().await else {
            return Ok(Attempt::done(Written::Done));
        };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Attempt::done(Written::Conflict(self.there(refusal))))
            }
            Some(DeleteItemError::TransactionConflictException(_)) => Ok(Attempt::left(())),
            _ => Err(call("DeleteItem", name).failure(&error)),
        }
    }

    /// Returns the row that a condition failed on.
    fn there(&self, refusal: &ConditionalCheckFailedException) -> Option<Item> {
        let item = refusal.item().cloned().map(attributes::read);
        item.filter(|item| self.is_live(item))
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
