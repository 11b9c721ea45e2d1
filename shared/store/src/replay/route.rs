//! Where parked work goes, and under which definition.

use std::collections::HashMap;

use ferrule_core::{
    Digest, Failure, Message, Name, Task, Tenant,
    definition::{Integration, Output},
};

use super::job::With;
use crate::{ErrorRow, Store};

/// What a row of the error log kept.
pub(super) type Kept = Result<Message, String>;

/// Definitions as they were read, for one look at what is parked.
#[derive(Debug, Default)]
pub(super) struct Known {
    today: HashMap<Name, Option<(Digest, Integration)>>,
    by_hash: HashMap<Digest, Option<Integration>>,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// Whose queue.
    pub(super) to: String,
    /// Under which definition; its own when absent.
    pub(super) definition: Option<Digest>,
    /// How many numbers a batch takes.
    pub(super) room: u64,
}

impl Store {
    /// Reads what a row kept, or says why there is nothing to send.
    pub(super) async fn kept_message(&self, tenant: &Tenant, key: &str) -> Result<Kept, Failure> {
        let Some(bytes) = self.payloads.get(tenant, key).await? else {
            return Ok(Err("the payload is no longer kept".into()));
        };
        let message = match Message::decode(&String::from_utf8_lossy(&bytes)) {
            Ok(message) => message,
            Err(Failure::Invalid { reason, .. }) => return Ok(Err(reason)),
            Err(failure) => return Err(failure),
        };
        if message.envelope.tenant != *tenant {
            return Ok(Err("the payload belongs to another tenant".into()));
        }
        Ok(match message.task {
            Task::Extract(_) => Err("its run failed and the cursor stayed where it was; the next \
                                     run reads the page again"
                .into()),
            _ => Ok(message),
        })
    }

    /// Decides where a message goes, or says why it cannot.
    pub(super) async fn route(
        &self,
        (row, message): (&ErrorRow, &Message),
        with: With,
        known: &mut Known,
    ) -> Result<Result<Route, String>, Failure> {
        let as_it_was = Route { to: row.stage.clone(), definition: None, room: 1 };
        let has_definition = match &message.task {
            Task::Transform(_) => true,
            Task::Load(batch) => batch.recipient.is_none(),
            _ => false,
        };
        if !has_definition || (with == With::AsWas && row.part.is_none()) {
            return Ok(Ok(as_it_was));
        }
        let (tenant, name) = (&message.envelope.tenant, &message.envelope.integration);
        let found = self.definition_for(message, with, known).await?;
        let Some((hash, integration)) = found else {
            return Ok(Err(match with {
                With::Today => format!("there is no integration {name} any more"),
                With::AsWas => format!("the definition of {name} is not there"),
            }));
        };
        let room = integration.batch_room();
        let to = match (&message.task, &integration.output) {
            (Task::Transform(_), _) => Ok(as_it_was.to),
            (_, Output::Load(to)) => self.connector(tenant, &to.connection).await?,
            (_, Output::Notify(_)) if row.stage == "dispatch" => Ok(as_it_was.to),
            (_, Output::Notify(_)) => Err(format!("{name} has another kind of output by now")),
        };
        Ok(to.map(|to| Route { to, definition: Some(hash), room }))
    }

    /// Returns the definition under which a message is sent again.
    pub(super) async fn definition_for(
        &self,
        message: &Message,
        with: With,
        known: &mut Known,
    ) -> Result<Option<(Digest, Integration)>, Failure> {
        let envelope = &message.envelope;
        match with {
            With::Today => self.today(&envelope.tenant, &envelope.integration, known).await,
            With::AsWas => {
                let hash = &envelope.definition;
                let found = self.as_was(&envelope.tenant, hash, known).await?;
                Ok(found.map(|integration| (hash.clone(), integration)))
            }
        }
    }

    async fn today(
        &self,
        tenant: &Tenant,
        name: &Name,
        known: &mut Known,
    ) -> Result<Option<(Digest, Integration)>, Failure> {
        if let Some(there) = known.today.get(name) {
            return Ok(there.clone());
        }
        let found = self.integration(tenant, name).await?;
        let found = found.map(|stored| (stored.hash, stored.definition));
        known.today.insert(name.clone(), found.clone());
        Ok(found)
    }

    async fn as_was(
        &self,
        tenant: &Tenant,
        hash: &Digest,
        known: &mut Known,
    ) -> Result<Option<Integration>, Failure> {
        if let Some(there) = known.by_hash.get(hash) {
            return Ok(there.clone());
        }
        let found = self.integration_by_hash(tenant, hash).await?;
        known.by_hash.insert(hash.clone(), found.clone());
        Ok(found)
    }

    async fn connector(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Result<String, String>, Failure> {
        let found = self.connection(tenant, name).await?;
        let found = found.map(|stored| stored.definition.connector.to_string());
        Ok(found.ok_or_else(|| format!("there is no connection {name}")))
    }
}
