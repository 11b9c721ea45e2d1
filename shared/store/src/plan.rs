//! Plans: a run that only says what it would do.
//!
//! A plan has no lease and no cursor of its own: it reads from where the integration stands, beside
//! whatever run is going on, and hinders none. Its end is no success that a silence is measured by,
//! and its failure is nobody's alarm.

use ferrule_core::{Name, Page, Purpose, Run, Task, Tenant};

use crate::{NotStarted, Store, Table, When, envelope_of, runs::run_row};

/// Most records that a plan takes.
pub const MOST_SAMPLED: u64 = 10_000;

/// How a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanWish {
    /// Read everything, whatever the cursor says.
    pub full: bool,
    /// Take no more records than this.
    pub sample: u64,
}

impl Store {
    /// Starts a plan of an integration.
    pub async fn start_plan(
        &self,
        tenant: &Tenant,
        name: &Name,
        trigger: &str,
        PlanWish { full, sample }: PlanWish,
    ) -> Result<Run, NotStarted> {
        let (stored, connector) = self.startable(tenant, name).await?;
        if stored.definition.output.destination().is_none() {
            return Err(NotStarted::NoTarget(name.clone()));
        }
        let standing = self.standing(tenant, name).await?;
        let id = self.new_run_id();
        let run = Run {
            full,
            purpose: Purpose::Plan,
            cursor_before: standing.cursor.and_then(|c| c.high).map(|high| high.to_string()),
            ..Run::new(id, name.clone(), stored.hash, trigger, self.clock.now_ms())
        };
        self.tables.put(Table::SyncLog, run_row(tenant, &run)?, When::Absent).await?;
        let page = Page { full, sample: Some(sample.min(MOST_SAMPLED)), ..Page::default() };
        let envelope = envelope_of(tenant, &run);
        if let Err(failure) =
            self.send_task(connector.as_str(), &envelope, Task::Extract(page)).await
        {
            self.give_up(tenant, &run, &failure).await?;
            return Err(failure.into());
        }
        Ok(run)
    }
}
