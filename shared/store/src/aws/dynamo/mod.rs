//! Tables in DynamoDB.

mod attributes;
mod batch;
mod query;
mod transact;
mod write;

use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;
use ferrule_core::Failure;

use super::{Session, failure::Call};
use crate::{Clock, Item, Table, rules};

/// The tables of one stack.
#[derive(Debug, Clone)]
pub struct Dynamo {
    session: Session,
    client: Arc<OnceLock<Client>>,
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
        let get = self.client().get_item().table_name(&name).consistent_read(true);
        let answer = get.set_key(Some(attributes::key(pk, sk))).send().await;
        let answer = answer.map_err(|error| call("GetItem", &name).failure(&error))?;
        Ok(answer.item.map(attributes::read).filter(|item| self.is_live(item)))
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(self.session.config()))
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
