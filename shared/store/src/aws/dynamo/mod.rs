//! Tables in DynamoDB.

mod attributes;
mod batch;
mod query;
mod transact;
mod wire;
mod write;

use std::sync::{Arc, OnceLock};

use ferrule_core::Failure;
use serde::Serialize;
use wire::{Answer, OnRow, PROTOCOL};

use super::{
    Session,
    engine::Refused,
    failure::Call,
    json::{self, Json},
};
use crate::{Clock, Item, Table, rules};

/// The tables of one stack.
#[derive(Debug, Clone)]
pub struct Dynamo {
    session: Session,
    client: Arc<OnceLock<Json>>,
    stack: Arc<str>,
    clock: Clock,
}

impl Dynamo {
    /// Takes the prefix of table names, and the clock that expiry is compared with.
    pub(super) fn new(session: Session, stack: &str, clock: Clock) -> Self {
        Self { session, client: Arc::default(), stack: stack.into(), clock }
    }

    /// Reads one row, strongly consistent; an expired row is absent.
    pub async fn get(&self, table: Table, pk: &str, sk: &str) -> Result<Option<Item>, Failure> {
        let name = self.name(table);
        let (key, consistent_read) = (Some(attributes::key(pk, sk)), Some(true));
        let asked = OnRow { table_name: &name, key, consistent_read, ..OnRow::default() };
        let answer = self.ask(call("GetItem", &name), &asked).await?;
        Ok(answer.item.map(attributes::read).filter(|item| self.is_live(item)))
    }

    /// Calls an operation of which any refusal is a failure.
    async fn ask(&self, call: Call<'_>, asked: &impl Serialize) -> Result<Answer, Failure> {
        match self.try_to(call.action, asked).await {
            Ok(answer) => json::read(call, &answer),
            Err(error) => Err(call.failure(&error)),
        }
    }

    async fn try_to(&self, operation: &str, asked: &impl Serialize) -> Result<Vec<u8>, Refused> {
        let client = self.client.get_or_init(|| Json::new(self.session.config(), PROTOCOL));
        client.ask(operation, asked).await
    }

    fn name(&self, table: Table) -> String {
        format!("{}-{}", self.stack, table.suffix())
    }

    fn is_live(&self, item: &Item) -> bool {
        !rules::is_expired(item, self.clock.now_secs())
    }
}

fn call<'a>(action: &'static str, place: &'a str) -> Call<'a> {
    Call { service: "dynamodb", action, place }
}
