//! Sends parked work again: one row of the error log by its id.

use std::time::Duration;

use ferrule_core::{Failure, Message, Task, Tenant};

use crate::{ErrorRow, ErrorState, Item, Store, Table, When};

/// Why a row was not replayed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReplayed {
    /// There is no such row.
    #[error("there is no error {0}")]
    Unknown(String),
    /// There is nothing to send.
    #[error("{0}")]
    Nothing(String),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Store {
    /// Sends the parked payload of a row to the queue that it was parked from, and notes that in the
    /// row. Asked a second time it does nothing; should two ask at once, or the note be lost, the
    /// receiver recognises what it has done.
    pub async fn replay(&self, tenant: &Tenant, id: &str) -> Result<ErrorRow, NotReplayed> {
        let item = self.tables.get(Table::ErrorLog, tenant.as_str(), id).await?;
        let item = item.ok_or_else(|| NotReplayed::Unknown(id.to_owned()))?;
        let row: ErrorRow = item.read()?;
        if row.state == ErrorState::Replayed {
            return Ok(row);
        }
        let mut message = self.parked(tenant, &row).await?;
        message.envelope.failures = 0;
        message.envelope.not_before = 0;
        message.envelope.replayed = true;
        self.send(&row.stage, &[message], Duration::ZERO).await?;
        let row = ErrorRow { state: ErrorState::Replayed, ..row };
        let Item { alt, rev, .. } = item;
        let after = Item { alt, ..Item::new(tenant.as_str(), id, &row)? };
        // When the row has changed meanwhile, somebody else replayed it.
        self.tables.put(Table::ErrorLog, after, When::Rev(rev)).await?;
        Ok(row)
    }

    /// Reads the message that a row keeps.
    async fn parked(&self, tenant: &Tenant, row: &ErrorRow) -> Result<Message, NotReplayed> {
        let nothing = |why: &str| NotReplayed::Nothing(format!("nothing to replay: {why}"));
        match row.state {
            ErrorState::Parked | ErrorState::Replayed => {}
            ErrorState::Open => {
                let why = "the record was left out alone; correct it where it comes from, and the \
                           next run takes it";
                return Err(nothing(why));
            }
            ErrorState::Discarded => return Err(nothing("it was given up by a person")),
        }
        let Some(key) = &row.payload else { return Err(nothing("no payload was kept")) };
        let Some(bytes) = self.payloads.get(tenant, key).await? else {
            return Err(nothing("the payload is no longer kept"));
        };
        let text = String::from_utf8_lossy(&bytes);
        let message = match Message::decode(&text) {
            Ok(message) => message,
            Err(Failure::Invalid { reason, .. }) => return Err(nothing(&reason)),
            Err(failure) => return Err(failure.into()),
        };
        if message.envelope.tenant != *tenant {
            return Err(nothing("the payload belongs to another tenant"));
        }
        match message.task {
            Task::Extract(_) => Err(nothing(
                "its run failed and the cursor stayed where it was; the next run reads the page again",
            )),
            _ => Ok(message),
        }
    }
}
