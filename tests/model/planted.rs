//! Bugs planted around the stages, to see that the model finds them.

use std::time::Duration;

use ferrule_core::{Failure, Message, Task, Tenant};
use ferrule_lambda::Stage;
use ferrule_store::{Item, Standing, Store, Table, When};

use crate::world::{TENANTS, World};

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The queue is told that a message is done before it is handled.
    AckBeforeWrite,
    /// What a batch has become is forgotten.
    ClaimForgotten,
    /// The cursor moves when the source is read, whatever becomes of the records.
    CursorBeforeConfirm,
    /// What is looked up is looked up without the tenant, so the first one's is found.
    KeyWithoutTenant,
    /// Who is asked to come later comes at once.
    Impatience,
    /// The words of a failure show the credential.
    SecretInFailure,
    /// Versions are lost on the way to the target.
    NoVersions,
}

/// A stage with or without a bug around it.
#[derive(Debug)]
pub(crate) struct Planted<S> {
    pub(crate) stage: S,
    pub(crate) bug: Option<Bug>,
    pub(crate) store: Store,
}

impl<S: Stage> Stage for Planted<S> {
    fn name(&self) -> &str {
        self.stage.name()
    }

    async fn handle(&self, message: &Message, time_left: Duration) -> Result<(), Failure> {
        let mut message = message.clone();
        self.spoil(&mut message).await?;
        let outcome = self.stage.handle(&message, time_left).await;
        match (self.bug, outcome) {
            (Some(Bug::Impatience), Err(Failure::Throttled { .. })) => {
                self.stage.handle(&message, time_left).await
            }
            (Some(Bug::CursorBeforeConfirm), Ok(())) => self.commit(&message).await,
            (_, outcome) => outcome,
        }
    }
}

impl<S: Stage> Planted<S> {
    async fn spoil(&self, message: &mut Message) -> Result<(), Failure> {
        let Task::Load(batch) = &mut message.task else { return Ok(()) };
        match self.bug {
            Some(Bug::KeyWithoutTenant) => {
                message.envelope.tenant = Tenant::new(TENANTS[0]).unwrap();
                Ok(())
            }
            Some(Bug::NoVersions) => {
                batch.records.iter_mut().for_each(|record| record.version = None);
                Ok(())
            }
            Some(Bug::ClaimForgotten) => {
                let (pk, run, seq) = (&message.envelope.tenant, &message.envelope.run, batch.seq);
                let key = format!("batch#{run}#{seq}");
                let tables = &self.store.tables;
                tables.delete(Table::State, pk.as_str(), &key, When::Always).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Commits the cursor of a source that is read to its end.
    async fn commit(&self, message: &Message) -> Result<(), Failure> {
        let Task::Extract(_) = &message.task else { return Ok(()) };
        let (tenant, run) = (&message.envelope.tenant, &message.envelope.run);
        let (checkpoint, rev) = self.store.checkpoint(tenant, run).await?;
        if rev.is_none() || checkpoint.position.is_some() {
            return Ok(());
        }
        let standing = Standing { cursor: checkpoint.cursor, ..Standing::default() };
        let key = format!("cursor#{}", message.envelope.integration);
        let row = Item::new(tenant.as_str(), key, &standing)?;
        self.store.tables.put(Table::State, row, When::Always).await.map(drop)
    }
}

/// Some bugs are in the world.
pub(crate) fn prepare(world: &World, bug: Option<Bug>) {
    world.state().is_chatty = bug == Some(Bug::SecretInFailure);
}
