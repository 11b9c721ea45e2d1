//! Transactions: all or nothing.

use aws_sdk_dynamodb::{
    error::BuildError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{ConditionCheck, Delete, Put, TransactWriteItem},
};
use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Condition},
    call,
};
use crate::{
    Write,
    aws::retry::{Attempt, until_done},
    rules,
};

impl Dynamo {
    /// Writes all or nothing; `false` when a condition did not hold.
    ///
    /// The SDK gives each call a `ClientRequestToken` and keeps it over its retries, so that a
    /// lost answer does not make our own write look like somebody else's.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<bool, Failure> {
        rules::check_writes(&writes)?;
        // A row alone needs no transaction, which costs twice as much.
        if let [Write::Put(table, row, when)] = writes.as_slice() {
            return Ok(self.put(*table, row.clone(), *when).await?.is_done());
        }
        let Some(first) = writes.first() else { return Ok(true) };
        let name = self.name(rules::target(first).0);
        let call = call("TransactWriteItems", &name);
        let held = until_done(call, vec![()], |_| self.try_transact(&name, &writes)).await?;
        Ok(held.iter().all(|held| *held))
    }

    async fn try_transact(
        &self,
        name: &str,
        writes: &[Write],
    ) -> Result<Attempt<bool, ()>, Failure> {
        let items = writes.iter().map(|write| self.transact_item(write));
        let items = items.collect::<Result<_, _>>();
        let items = items.map_err(|error| Failure::invalid(error.to_string()))?;
        let transact = self.client().transact_write_items().set_transact_items(Some(items));
        let Err(error) = transact.send().await else { return Ok(Attempt::done(true)) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(call("TransactWriteItems", name).failure(&error));
        };
        let codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
        match verdict(codes) {
            Verdict::ConditionFailed => Ok(Attempt::done(false)),
            Verdict::Again => Ok(Attempt::left(())),
            Verdict::Refused => Err(call("TransactWriteItems", name).failure(&error)),
        }
    }

    fn transact_item(&self, write: &Write) -> Result<TransactWriteItem, BuildError> {
        let (table, pk, sk, when) = rules::target(write);
        let condition = Condition::of(when, self.clock.now_secs());
        let item = TransactWriteItem::builder();
        let item = match write {
            Write::Put(_, row, when) => item.put(
                Put::builder()
                    .table_name(self.name(table))
                    .set_item(Some(attributes::write(rules::revised(row.clone(), *when))))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(condition.values)
                    .build()?,
            ),
            Write::Delete(..) => item.delete(
                Delete::builder()
                    .table_name(self.name(table))
                    .set_key(Some(attributes::key(pk, sk)))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(condition.values)
                    .build()?,
            ),
            Write::Check(..) => item.condition_check(
                ConditionCheck::builder()
                    .table_name(self.name(table))
                    .set_key(Some(attributes::key(pk, sk)))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(condition.values)
                    .build()?,
            ),
        };
        Ok(item.build())
    }
}

/// What a cancelled transaction means.
#[derive(Debug, PartialEq)]
enum Verdict {
    ConditionFailed,
    Again,
    Refused,
}

/// Judges the cancellation reasons, one a write.
fn verdict<'c>(codes: impl Iterator<Item = &'c str> + Clone) -> Verdict {
    const PASSING: [&str; 3] =
        ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if codes.clone().any(|code| code == "ConditionalCheckFailed") {
        return Verdict::ConditionFailed;
    }
    let mut reasons = codes.filter(|code| *code != "None").peekable();
    let is_known = reasons.peek().is_some();
    if is_known && reasons.all(|code| PASSING.contains(&code)) {
        Verdict::Again
    } else {
        Verdict::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(codes: &[&'static str]) -> Verdict {
        verdict(codes.iter().copied())
    }

    #[test]
    fn tells_a_failed_condition_from_bad_luck_and_from_a_mistake() {
        let failed = of(&["None", "TransactionConflict", "ConditionalCheckFailed"]);
        assert_eq!(failed, Verdict::ConditionFailed);
        assert_eq!(of(&["None", "TransactionConflict"]), Verdict::Again);
        assert_eq!(of(&["ThrottlingError", "ProvisionedThroughputExceeded"]), Verdict::Again);
        assert_eq!(of(&["TransactionConflict", "ValidationError"]), Verdict::Refused);
        assert_eq!(of(&["ItemCollectionSizeLimitExceeded"]), Verdict::Refused);
        assert_eq!(of(&[]), Verdict::Refused);
    }
}
