//! Transactions: all or nothing.

use ferrule_core::Failure;

use super::{
    Dynamo,
    attributes::{self, Condition},
    call,
    wire::{OnRow, Part, Reasons, Transaction},
};
use crate::{
    Item, Write,
    aws::{
        engine::Refused,
        retry::{Attempt, until_done},
    },
    rules,
};

/// What DynamoDB calls a transaction that it did not carry out.
const CANCELLED: &str = "TransactionCanceledException";

impl Dynamo {
    /// Writes all or nothing; `false` when a condition did not hold.
    ///
    /// Each call has a token and keeps it over its retries, so that a lost answer does not make our
    /// own write look like somebody else's.
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
        let rows: Vec<_> = writes.iter().map(revised).collect();
        let names: Vec<_> = writes.iter().map(|write| self.name(rules::target(write).0)).collect();
        let parts = writes.iter().zip(&rows).zip(&names);
        let parts = parts.map(|((write, row), name)| self.part(write, row.as_ref(), name));
        let transaction = Transaction {
            transact_items: parts.collect(),
            client_request_token: uuid::Uuid::new_v4().to_string(),
        };
        let call = call("TransactWriteItems", name);
        let Err(error) = self.try_to(call.action, &transaction).await else {
            return Ok(Attempt::done(true));
        };
        let reasons: Reasons = match &error {
            Refused::ServiceError(refusal) if refusal.err().is(CANCELLED) => {
                refusal.err().read().unwrap_or_default()
            }
            _ => return Err(call.failure(&error)),
        };
        let codes = reasons.cancellation_reasons.iter();
        match verdict(codes.filter_map(|reason| reason.code.as_deref())) {
            Verdict::ConditionFailed => Ok(Attempt::done(false)),
            Verdict::Again => Ok(Attempt::left(())),
            Verdict::Refused => Err(call.failure(&error)),
        }
    }

    fn part<'a>(&self, write: &'a Write, row: Option<&'a Item>, name: &'a str) -> Part<'a> {
        let (_, pk, sk, when) = rules::target(write);
        let of = OnRow::of(name, Condition::of(when, self.clock.now_secs()));
        let key = Some(attributes::key(pk, sk));
        match write {
            Write::Put(..) => Part::Put(OnRow { item: row.map(attributes::write), ..of }),
            Write::Delete(..) => Part::Delete(OnRow { key, ..of }),
            Write::Check(..) => Part::ConditionCheck(OnRow { key, ..of }),
        }
    }
}

/// Returns the row that is written, as it is then.
fn revised(write: &Write) -> Option<Item> {
    match write {
        Write::Put(_, row, when) => Some(rules::revised(row.clone(), *when)),
        Write::Delete(..) | Write::Check(..) => None,
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
