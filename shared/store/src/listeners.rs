//! Which integrations listen for events: one row per tenant, written together with definitions.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use ferrule_core::{
    Digest, Envelope, Failure, Name, RunId, Tenant, Value,
    definition::{Integration, Trigger, Urgency},
    event::{CONFIG_CHANGED, HUB_EVENTS},
    pattern::{Index, Patterns},
};
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::{ErrorRow, Item, Store, Table, When, Write};

/// Sort key of the row.
const LISTENERS: &str = "listeners";

/// Most tenants whose listeners are kept compiled.
const MOST: usize = 500;

/// By tenant: revision of the row, and what it says, compiled.
type Compiled = HashMap<Tenant, (u64, Arc<Audience>)>;

/// The listeners of one tenant.
#[derive(Debug, Default)]
struct Audience {
    listeners: Vec<Listener>,
    /// The patterns of all of them, as one lookup.
    index: Index,
}

/// The row: the hash under which each listening integration is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    integrations: BTreeMap<Name, Digest>,
}

/// An integration that an event starts.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name.
    pub name: Name,
    /// The hash of its definition.
    pub hash: Digest,
    /// The definition.
    pub integration: Arc<Integration>,
    /// How urgent the work is.
    pub urgency: Urgency,
    /// The event is a failure of this very integration, and it says whom to tell of it.
    pub is_told: bool,
}

/// The listeners of all tenants, compiled once per change.
#[derive(Debug)]
pub struct Listeners {
    store: Store,
    compiled: Mutex<Compiled>,
}

impl Listeners {
    /// Makes an empty cache over the store.
    pub fn new(store: Store) -> Self {
        Self { store, compiled: Mutex::default() }
    }

    /// Returns the integrations that an event starts, as they are now. `event` is its record.
    pub async fn of(&self, tenant: &Tenant, event: &Value) -> Result<Vec<Listener>, Failure> {
        Ok(self.all(tenant).await?.hear(event))
    }

    /// Returns for each of several events the integrations that it starts.
    pub async fn of_each(
        &self,
        tenant: &Tenant,
        events: &[&Value],
    ) -> Result<Vec<Vec<Listener>>, Failure> {
        let all = self.all(tenant).await?;
        Ok(events.iter().map(|event| all.hear(event)).collect())
    }

    /// Returns how urgent events are to the most urgent of those who listen.
    pub async fn urgency(&self, tenant: &Tenant, events: &[Value]) -> Result<Urgency, Failure> {
        let all = self.all(tenant).await?;
        let heard = events.iter().flat_map(|event| all.hear(event)).map(|one| one.urgency);
        Ok(heard.max().unwrap_or_default())
    }

    async fn all(&self, tenant: &Tenant) -> Result<Arc<Audience>, Failure> {
        let row = self.store.tables.get(Table::Registry, tenant.as_str(), LISTENERS).await?;
        let Some(row) = row else { return Ok(Arc::default()) };
        if let Some((rev, there)) = self.compiled().get(tenant)
            && *rev == row.rev
        {
            return Ok(Arc::clone(there));
        }
        let mut listeners = Vec::new();
        for (name, hash) in row.read::<Row>()?.integrations {
            match self.listener(tenant, &name, &hash).await {
                Ok(listener) => listeners.push(listener),
                // Its neighbours hear all the same.
                Err(failure @ Failure::Invalid { .. }) => {
                    self.report(tenant, (&name, &hash), &failure).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
        let all = Arc::new(Audience::new(listeners)?);
        let mut compiled = self.compiled();
        if compiled.len() >= MOST {
            compiled.clear();
        }
        compiled.insert(tenant.clone(), (row.rev, Arc::clone(&all)));
        Ok(all)
    }

    async fn listener(
        &self,
        tenant: &Tenant,
        name: &Name,
        hash: &Digest,
    ) -> Result<Listener, Failure> {
        let integration = self.store.integration_by_hash(tenant, hash).await?;
        let wrong = |why: String| Failure::coded("DEFINITION", format!("{name}: {why}"));
        let integration = integration.ok_or_else(|| wrong(format!("no definition {hash}")))?;
        let listener = Listener::new(name.clone(), hash.clone(), integration);
        listener.patterns().map_err(wrong)?;
        Ok(listener)
    }

    /// Writes into the error log that an integration hears nothing: once for each definition, however
    /// often it is found.
    async fn report(
        &self,
        tenant: &Tenant,
        (name, hash): (&Name, &Digest),
        failure: &Failure,
    ) -> Result<(), Failure> {
        let parts = [LISTENERS, name.as_str(), hash.as_str()];
        let id = Digest::of(&parts.map(str::as_bytes)).to_string();
        if self.store.error(tenant, &id).await?.is_some() {
            return Ok(());
        }
        let code = failure.code();
        error!(%tenant, integration = %name, code, %failure, "an integration hears no events");
        let run = RunId::new(LISTENERS);
        let envelope = Envelope::new(tenant.clone(), name.clone(), hash.clone(), run);
        let message = format!("the integration hears no events: {failure}");
        let now_ms = self.store.clock.now_ms();
        let row = ErrorRow { id, ..ErrorRow::of(&envelope, "dispatch", code, message, now_ms) };
        self.store.log_errors(tenant, &[row]).await
    }

    fn compiled(&self) -> std::sync::MutexGuard<'_, Compiled> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience {
    fn new(listeners: Vec<Listener>) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::coded("DEFINITION", why);
        let patterns = listeners.iter().map(Listener::patterns);
        let patterns = patterns.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let index = Index::new(&patterns).map_err(wrong)?;
        Ok(Self { listeners, index })
    }

    /// Returns those whom the event is for.
    fn hear(&self, event: &Value) -> Vec<Listener> {
        let subject = event.get("subject").and_then(Value::as_str).unwrap_or_default();
        let mut meant = self.index.matching(subject).into_iter().peekable();
        let listeners = self.listeners.iter().enumerate();
        let heard =
            listeners.filter_map(|(at, one)| one.hears(event, meant.next_if_eq(&at).is_some()));
        heard.collect()
    }
}

impl Listener {
    fn new(name: Name, hash: Digest, integration: Integration) -> Self {
        let urgency = integration.trigger.as_ref().map(Trigger::urgency).unwrap_or_default();
        Self { name, hash, integration: Arc::new(integration), urgency, is_told: false }
    }

    fn patterns(&self) -> Result<Patterns, String> {
        match &self.integration.trigger {
            Some(Trigger::ConfigChange(change)) => Patterns::new(&change.matching),
            Some(Trigger::Event(event)) if event.matching.is_empty() => {
                Patterns::new(&["*".to_owned()])
            }
            Some(Trigger::Event(event)) => Patterns::new(&event.matching),
            _ => Ok(Patterns::default()),
        }
    }

    /// Returns itself when the event is for it. `is_meant` says that its patterns match.
    fn hears(&self, event: &Value, is_meant: bool) -> Option<Self> {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        let hears = match &self.integration.trigger {
            Some(Trigger::ConfigChange(change)) => {
                let environments = &change.environment;
                kind == CONFIG_CHANGED
                    && (environments.is_empty()
                        || environments.iter().any(|one| one == text("environment")))
            }
            Some(Trigger::Event(event)) => event.types.iter().any(|one| one == kind),
            _ => false,
        };
        let of_its_own = !self.integration.tell.is_empty()
            && HUB_EVENTS.contains(&kind)
            && text("integration") == self.name.as_str();
        if hears && is_meant {
            Some(self.clone())
        } else if of_its_own {
            Some(Self { is_told: true, urgency: Urgency::High, ..self.clone() })
        } else {
            None
        }
    }
}

/// Tells whether events can start an integration.
pub(crate) fn listens(integration: &Integration) -> bool {
    let by_trigger =
        matches!(integration.trigger, Some(Trigger::ConfigChange(_) | Trigger::Event(_)));
    by_trigger || !integration.tell.is_empty()
}

impl Store {
    /// Returns the write that makes an integration a listener under `hash`, or none with `None`;
    /// nothing when that is so already. Part of the transaction that writes the definition.
    pub(crate) async fn listening(
        &self,
        tenant: &Tenant,
        name: &Name,
        hash: Option<&Digest>,
    ) -> Result<Option<Write>, Failure> {
        let there = self.tables.get(Table::Registry, tenant.as_str(), LISTENERS).await?;
        let before: Row = there.as_ref().map(Item::read).transpose()?.unwrap_or_default();
        let mut after = before.clone();
        match hash {
            Some(hash) => after.integrations.insert(name.clone(), hash.clone()),
            None => after.integrations.remove(name),
        };
        if after == before {
            return Ok(None);
        }
        let mut row = Item::new(tenant.as_str(), LISTENERS, &after)?;
        row.rev = 1;
        let when = there.map_or(When::Absent, |row| When::Rev(row.rev));
        Ok(Some(Write::Put(Table::Registry, row, when)))
    }
}
