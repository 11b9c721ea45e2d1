//! Targets that said that they are gone: nothing is sent there until somebody has seen to it.

use ferrule_core::{
    Digest, Event, Failure, Name, Object, Tenant, Value,
    definition::{Connection, Recipient},
    event,
};
use serde::{Deserialize, Serialize};

use crate::{Item, Posted, Store, Table, When, Write, hash_of, outbox::post};

/// After this long it is tried again.
const KEEP_SECS: i64 = 30 * 86_400;

/// A target that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// The target, for people.
    pub target: String,
    /// What it said.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// Which integration found out.
    pub integration: Name,
    /// Its definition then: another one is another try.
    pub definition: Digest,
    /// The connection then: another one is another try.
    pub connection: Digest,
}

/// A recipient, as far as it names a target.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Through which connection.
    pub connection: &'a Connection,
    /// Whom.
    pub recipient: &'a Recipient,
    /// For which integration.
    pub integration: &'a Name,
    /// Under which definition.
    pub definition: &'a Digest,
}

impl Place<'_> {
    fn key(&self) -> String {
        let settings = Value::from(self.recipient.settings.clone()).to_string();
        let target = Digest::of(&[settings.as_bytes()]);
        format!("{}{target}", prefix(&self.connection.metadata.name))
    }
}

fn prefix(connection: &Name) -> String {
    format!("disabled#{connection}#")
}

impl Store {
    /// Says whether a target is gone, as far as is known of this connection and definition.
    pub async fn disabled(&self, place: &Place<'_>) -> Result<Option<Disabled>, Failure> {
        let row = self.tables.get(Table::State, place.tenant.as_str(), &place.key()).await?;
        let Some(row) = row else { return Ok(None) };
        let there: Disabled = row.read()?;
        let is_other = there.connection != hash_of(place.connection)?
            || (there.integration == *place.integration && there.definition != *place.definition);
        Ok((!is_other).then_some(there))
    }

    /// Disables a target; it is an event, unless the work was about one (`is_quiet`).
    pub async fn disable(
        &self,
        place: &Place<'_>,
        target: &str,
        reason: &str,
        is_quiet: bool,
    ) -> Result<(), Failure> {
        let (tenant, key, since) = (place.tenant, place.key(), self.clock.now_ms());
        let gone = Disabled {
            target: target.to_owned(),
            reason: reason.to_owned(),
            since,
            integration: place.integration.clone(),
            definition: place.definition.clone(),
            connection: hash_of(place.connection)?,
        };
        let there = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let mut row =
            Item::new(tenant.as_str(), &key, &gone)?.with_expiry(self.clock.now_secs() + KEEP_SECS);
        row.rev = 1;
        let posted = Posted::one(gone_event(&place.connection.metadata.name, &gone, &key));
        let when = there.map_or(When::Absent, |there| When::Rev(there.rev));
        let mut writes = vec![Write::Put(Table::State, row, when)];
        if !is_quiet {
            writes.push(post(tenant, &posted)?);
        }
        // When the condition does not hold, another worker has just found out the same.
        if self.tables.transact(writes).await? && !is_quiet {
            self.send_posted(tenant, &posted).await?;
        }
        Ok(())
    }

    /// Returns the targets of a connection that are gone.
    pub async fn disabled_targets(
        &self,
        tenant: &Tenant,
        connection: &Connection,
    ) -> Result<Vec<Disabled>, Failure> {
        let hash = hash_of(connection)?;
        let rows = prefix(&connection.metadata.name);
        let rows = self.all_rows(Table::State, tenant.as_str(), &rows).await?;
        let all: Vec<Disabled> = rows.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok(all.into_iter().filter(|one| one.connection == hash).collect())
    }

    /// Tries all targets of a connection again.
    pub async fn enable_targets(&self, tenant: &Tenant, name: &Name) -> Result<(), Failure> {
        for row in self.all_rows(Table::State, tenant.as_str(), &prefix(name)).await? {
            self.tables.delete(Table::State, tenant.as_str(), &row.sk, When::Always).await?;
        }
        Ok(())
    }
}

fn gone_event(connection: &Name, gone: &Disabled, key: &str) -> Event {
    let mut data = Object::new();
    data.insert("connection", Value::from(connection.as_str()));
    data.insert("target", Value::from(gone.target.as_str()));
    data.insert("integration", Value::from(gone.integration.as_str()));
    data.insert("reason", Value::from(gone.reason.as_str()));
    let id = Digest::of(&[key.as_bytes(), &gone.since.to_be_bytes()]);
    Event {
        id: format!("target-disabled-{id}"),
        kind: event::TARGET_DISABLED.into(),
        at: gone.since,
        subject: connection.to_string(),
        data,
    }
}
