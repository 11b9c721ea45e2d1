//! How a run ends: the cursor moves in the same transaction that closes it and gives the lease back.
//! Runs that events bring have neither.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ferrule_core::{Failure, Name, Run, RunState, Tenant};

use crate::{
    Item, Standing, Store, Table, When, Write,
    account::judge,
    failed,
    runs::{REPLAY, run_row, standing_key},
};

/// An integration that events start is noted as successful this often.
const SUCCESS_MS: i64 = 60_000;

/// Most integrations whose last success is remembered; beyond, all are forgotten and read again.
const MOST: usize = 1_000;

/// When integrations that events start were noted as successful, as far as this process knows.
#[derive(Debug, Clone, Default)]
pub struct Successes(Arc<Mutex<HashMap<(Tenant, Name), i64>>>);

impl Successes {
    /// Returns when it was, in milliseconds since 1970.
    fn of(&self, key: &(Tenant, Name)) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn keep(&self, key: (Tenant, Name), success_ms: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&key) {
            known.clear();
        }
        known.insert(key, success_ms);
    }
}

impl Store {
    /// Ends a run, and gives its lease back; `false` when somebody else wrote it meanwhile.
    pub(crate) async fn close(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        when: When,
    ) -> Result<bool, Failure> {
        let pk = tenant.as_str();
        let now = self.clock.now_ms();
        run.ended_at = Some(now);
        if run.token == 0 {
            return self.close_event_run(tenant, run, when).await;
        }
        judge(run);
        let mut writes = Vec::new();
        if let Some(free) = self.freeing(tenant, run).await? {
            writes.push(free);
            if run.state != RunState::Failed {
                let (checkpoint, _) = self.checkpoint(tenant, &run.run).await?;
                let high = checkpoint.cursor.as_ref().and_then(|cursor| cursor.high.clone());
                run.cursor_after = high.map(|high| high.to_string());
                let standing = Standing { cursor: checkpoint.cursor, success_ms: now };
                let standing = Item::new(pk, standing_key(&run.integration), &standing)?;
                writes.push(Write::Put(Table::State, standing, When::Always));
            }
        } else if run.state != RunState::Failed {
            run.state = RunState::Failed;
            run.reason = Some("the run lost its lease: its cursor is not committed".into());
        }
        writes.push(Write::Put(Table::SyncLog, run_row(tenant, run)?, when));
        writes.extend(failed::write(tenant, run)?);
        self.tables.transact(writes).await
    }

    /// Closes a run that an event brought: it has no lease and no cursor, and there may be many.
    async fn close_event_run(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        when: When,
    ) -> Result<bool, Failure> {
        judge(run);
        if run.state != RunState::Failed && run.trigger != REPLAY && !run.purpose.is_plan() {
            self.note_success(tenant, &run.integration).await?;
        }
        let row = run_row(tenant, run)?;
        let Some(told) = failed::write(tenant, run)? else {
            return Ok(self.tables.put(Table::SyncLog, row, when).await?.is_done());
        };
        self.tables.transact(vec![Write::Put(Table::SyncLog, row, when), told]).await
    }

    /// Notes that an integration that events start has done its work, now and then.
    async fn note_success(&self, tenant: &Tenant, name: &Name) -> Result<(), Failure> {
        let (key, now) = ((tenant.clone(), name.clone()), self.clock.now_ms());
        let is_late = |success_ms: i64| now - success_ms >= SUCCESS_MS;
        if self.successes.of(&key).is_some_and(|known| !is_late(known)) {
            return Ok(());
        }
        let there = self.standing(tenant, name).await?;
        let success_ms = if is_late(there.success_ms) && there.cursor.is_none() {
            let standing = Standing { cursor: None, success_ms: now };
            let row = Item::new(tenant.as_str(), standing_key(name), &standing)?;
            self.tables.put(Table::State, row, When::Always).await?;
            now
        } else {
            there.success_ms
        };
        self.successes.keep(key, success_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Clock;

    #[tokio::test]
    async fn a_success_is_noted_once_a_minute_and_for_its_own_tenant() {
        let store = Store::memory(Clock::manual(1_000_000));
        let [acme, other] = ["acme", "other"].map(|name| Tenant::new(name).unwrap());
        let name = Name::new("orders").unwrap();
        let noted = async |tenant: &Tenant| {
            store.note_success(tenant, &name).await.unwrap();
            store.standing(tenant, &name).await.unwrap().success_ms
        };
        assert_eq!(noted(&acme).await, 1_000_000);
        store.clock.advance(Duration::from_secs(59));
        assert_eq!(noted(&acme).await, 1_000_000);
        assert_eq!(noted(&other).await, 1_059_000);
        store.clock.advance(Duration::from_secs(2));
        assert_eq!(noted(&acme).await, 1_061_000);
    }
}
