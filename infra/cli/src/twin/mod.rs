//! The embedded twin: the hub's own stages over memory, in this process, without AWS.
//!
//! It serves the few connectors that a laptop can serve: `files`, `rest`, `records`. Work nearest to
//! the target is always done first, so that no more than a page of records is ever in memory.

mod pace;
mod stand_in;
mod stations;

use std::sync::Arc;

use ferrule_core::definition::{Connection, Integration};
use ferrule_core::{Failure, Name, Run, Tenant};
use ferrule_store::{Clock, Definitions, ErrorFilter, ErrorRow, HubRecord, Store, When};
pub use pace::Pace;
pub use stand_in::StandIn;
use stations::{Stations, Step};

/// Whose data the twin holds.
const TENANT: &str = "local";

/// A hub in memory.
pub struct Twin {
    store: Store,
    tenant: Tenant,
    stations: Stations,
    pace: Pace,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read so far.
    pub read: u64,
    /// Records in the target so far.
    pub loaded: u64,
    /// Records in the error log so far.
    pub refused: u64,
    /// Milliseconds until the next work is due; 0 while there is work.
    pub waits_ms: u64,
}

/// Writes `5,998 read, 890 loaded, 3 refused`, and how long nothing happens.
impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { read, loaded, refused, waits_ms } = *self;
        let [read, loaded, refused] = [read, loaded, refused].map(crate::output::count);
        write!(f, "{read} read, {loaded} at the target, {refused} refused")?;
        match waits_ms {
            0 => Ok(()),
            waits => write!(f, ", waiting {}", crate::output::since(waits)),
        }
    }
}

impl Twin {
    /// Makes an empty hub.
    pub fn new(pace: Pace) -> Result<Self, Failure> {
        let clock = match pace {
            Pace::Real => Clock::System,
            Pace::Skipping => Clock::manual(Clock::System.now_ms()),
        };
        // It ends with this process: nobody could replay what it kept.
        let store = Store { parked_days: 0, ..Store::memory(clock) };
        let definitions = Arc::new(Definitions::new(store.clone()));
        let tenant = Tenant::new(TENANT).map_err(|error| Failure::invalid(error.to_string()))?;
        Ok(Self { stations: Stations::new(&store, &definitions), store, tenant, pace })
    }

    /// Names the connectors that run in the twin.
    pub fn connectors() -> [&'static str; 3] {
        stations::CONNECTORS
    }

    /// Stores a connection.
    pub async fn put_connection(&self, connection: &Connection) -> Result<(), Failure> {
        self.store.put_connection(&self.tenant, connection, When::Always).await.map(drop)
    }

    /// Stores an integration.
    pub async fn put_integration(&self, integration: &Integration) -> Result<(), Failure> {
        self.store.put_integration(&self.tenant, integration, When::Always).await.map(drop)
    }

    /// Runs an integration to its end and returns its row of the sync log.
    pub async fn run(
        &self,
        name: &Name,
        full: bool,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Run, Failure> {
        let order = self.order(name).await?;
        self.pace.settle(&self.store.clock).await;
        let run = self.store.start_run(&self.tenant, name, "run", full).await;
        let run = run.map_err(|reason| Failure::invalid(reason.to_string()))?;
        loop {
            match self.stations.step(&order).await? {
                Step::Done(function) if function == order[0] => watch(self.progress(&run).await?),
                Step::Done(_) => {}
                Step::Wait(until_ms) => {
                    let now_ms = self.store.clock.now_ms();
                    let waits_ms = until_ms.saturating_sub(now_ms).max(0).unsigned_abs();
                    watch(Progress { waits_ms, ..self.progress(&run).await? });
                    self.pace.wait(&self.store.clock, waits_ms).await;
                }
                Step::Idle => break,
            }
        }
        let ended = self.store.run(&self.tenant, &run.run).await?;
        ended.ok_or_else(|| Failure::invalid("the run is not in the sync log"))
    }

    /// Returns the newest rows of the error log.
    pub async fn errors(&self, limit: usize) -> Result<Vec<ErrorRow>, Failure> {
        let rows = self.store.errors(&self.tenant, &ErrorFilter::default(), limit, None).await?;
        Ok(rows.0)
    }

    /// Returns the first records of a hub table.
    pub async fn records(&self, table: &Name, limit: usize) -> Result<Vec<HubRecord>, Failure> {
        Ok(self.store.records(&self.tenant, table, limit, None).await?.0)
    }

    /// Returns how many records a hub table holds.
    pub async fn count(&self, table: &Name) -> Result<u64, Failure> {
        let (mut number, mut start) = (0, None);
        loop {
            let (records, next) = self.store.records(&self.tenant, table, 1000, start).await?;
            number += records.len() as u64;
            match next {
                Some(next) => start = Some(next),
                None => return Ok(number),
            }
        }
    }

    async fn progress(&self, run: &Run) -> Result<Progress, Failure> {
        let (checkpoint, _) = self.store.checkpoint(&self.tenant, &run.run).await?;
        let run = self.store.run(&self.tenant, &run.run).await?;
        let counts = run.map(|run| run.counts).unwrap_or_default();
        let read = checkpoint.counts.read.max(counts.read);
        let refused = checkpoint.counts.refused.max(counts.refused) + counts.parked;
        Ok(Progress { read, loaded: counts.loaded() + counts.stale, refused, waits_ms: 0 })
    }

    /// Returns the stages of an integration, nearest to the target first.
    async fn order(&self, name: &Name) -> Result<Vec<&'static str>, Failure> {
        let integration = self.store.integration(&self.tenant, name).await?;
        let integration = integration
            .ok_or_else(|| Failure::invalid(format!("there is no integration {name}")))?
            .definition;
        let source = integration.source.as_ref().ok_or_else(|| {
            Failure::invalid(format!("integration {name} has no source: its trigger starts it"))
        })?;
        let to = integration.output.destination().ok_or_else(|| {
            Failure::invalid(format!("integration {name} tells people: `ferrule up` runs that too"))
        })?;
        let target = self.connector(&to.connection).await?;
        let source = self.connector(&source.connection).await?;
        let mut order = vec!["journal", target, "transform", source];
        if source == target {
            order.truncate(3);
        }
        Ok(order)
    }

    async fn connector(&self, name: &Name) -> Result<&'static str, Failure> {
        let connection = self.store.connection(&self.tenant, name).await?;
        let connection =
            connection.ok_or_else(|| Failure::invalid(format!("there is no connection {name}")))?;
        let wanted = connection.definition.connector;
        let known = stations::CONNECTORS.into_iter().find(|known| *known == wanted.as_str());
        known.ok_or_else(|| {
            let known = stations::CONNECTORS.join(", ");
            Failure::invalid(format!(
                "connection {name} needs the connector {wanted}, which does not run in one process; \
                 {known} do. `ferrule up` runs them all"
            ))
        })
    }
}

#[cfg(test)]
mod tests;
