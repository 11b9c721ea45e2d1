//! The embedded twin: the hub's own stages over memory, in this process, without AWS.
//!
//! It serves the few connectors that a laptop can serve: `files`, `rest`, `records`. Work nearest to the target
//! is done first, so that no more than a page of records or two are ever in memory.

mod errors;
mod pace;
mod stand_in;
mod stations;

use std::sync::Arc;

use ferrule_core::definition::{Connection, Integration};
use ferrule_core::{Failure, Name, Run, RunState, Tenant};
use ferrule_store::{Clock, Definitions, HubRecord, Store, When};

use errors::Forgotten;
pub use errors::{Code, Errors};
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
    approves: bool,
    forgotten: Forgotten,
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
    /// Makes an empty hub in which messages are handed over as they are.
    pub fn new(pace: Pace) -> Result<Self, Failure> {
        Self::over(Store::embedded(clock(pace)), pace)
    }

    /// Makes an empty hub in which every message is written and read at each arrow, as AWS has it.
    pub fn of_text(pace: Pace) -> Result<Self, Failure> {
        Self::over(Store::memory(clock(pace)), pace)
    }

    fn over(store: Store, pace: Pace) -> Result<Self, Failure> {
        // It ends with this process: nobody could replay what it kept.
        let store = Store { parked_days: 0, ..store };
        let definitions = Arc::new(Definitions::new(store.clone()));
        let tenant = Tenant::new(TENANT).map_err(|error| Failure::invalid(error.to_string()))?;
        let stations = Stations::new(&store, &definitions);
        Ok(Self { stations, store, tenant, pace, approves: false, forgotten: Forgotten::default() })
    }

    /// Lets runs write that their guard would stop.
    #[must_use]
    pub fn approving(self, approves: bool) -> Self {
        Self { approves, ..self }
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

    /// Runs an integration to its end, or until its guard stops it, and returns its row of the sync log.
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
            let step = self.stations.step(&order).await?;
            self.forgotten.forget(&self.store, &self.tenant).await?;
            match step {
                Step::Done(function) if function == order[0] => watch(self.progress(&run).await?),
                Step::Done(_) => {}
                Step::Wait(_) if self.is_stopped(&run).await? => break,
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

    /// Tells whether a run waits for somebody who is not there.
    async fn is_stopped(&self, run: &Run) -> Result<bool, Failure> {
        let now = self.store.run(&self.tenant, &run.run).await?;
        if now.is_none_or(|now| now.state != RunState::WaitingForApproval) {
            return Ok(false);
        }
        if self.approves {
            let decided = self.store.decide_run(&self.tenant, &run.run, (true, "run")).await;
            decided.map_err(|reason| Failure::invalid(reason.to_string()))?;
        }
        Ok(!self.approves)
    }

    /// Takes out what was refused, of all runs: asked again, there is nothing.
    pub async fn take_errors(&self) -> Result<Errors, Failure> {
        self.forgotten.take(&self.store, &self.tenant).await
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
        // Where one function reads and writes, its messages come in the order in which they were sent:
        // were it before `transform`, it would read the source to its end before anything is written.
        Ok(if source == target {
            vec!["journal", "transform", target]
        } else {
            vec!["journal", target, "transform", source]
        })
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

fn clock(pace: Pace) -> Clock {
    match pace {
        Pace::Real => Clock::System,
        Pace::Skipping => Clock::manual(Clock::System.now_ms()),
    }
}

#[cfg(test)]
mod tests;
