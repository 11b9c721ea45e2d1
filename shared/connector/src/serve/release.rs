//! Goes on with a run that keeps what it would write: says how much the target holds, waits with it,
//! lets its batches go. Which of these, its row of the sync log says.

use std::time::{Duration, Instant};

use ferrule_core::{Counted, Envelope, Failure, Note, Purpose, Release, Run, RunState, Task};
use ferrule_store::envelope_of;

use super::{Handler, load::destination_of, ready::typed};
use crate::{Connector, Held};

/// How often a run that waits is looked at, before scaling: whoever approves it sends word himself.
const LOOKS: Duration = Duration::from_mins(10);

/// Batches let go at a time.
const TOGETHER: usize = 400;

impl<C: Connector> Handler<C> {
    pub(super) async fn release(
        &self,
        envelope: &Envelope,
        release: &Release,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let Some(run) = self.store.run(&envelope.tenant, &envelope.run).await? else {
            return Ok(());
        };
        match (run.state, run.purpose) {
            (RunState::Running, Purpose::Guard) if run.progress.is_complete() => {
                self.weigh(envelope, &run, release.counted.clone(), time_left).await
            }
            (RunState::WaitingForApproval, _) => self.wait(envelope, &run).await,
            (RunState::Running, Purpose::Deliver) => self.let_go(envelope, &run, release).await,
            _ => Ok(()),
        }
    }

    /// Asks the target how much it holds, if that matters.
    async fn weigh(
        &self,
        envelope: &Envelope,
        run: &Run,
        counted: Option<Counted>,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let integration = self.definitions.of(envelope).await?;
        let would = run.look.as_ref().map(|look| look.would).unwrap_or_default();
        let guard = integration.guard.unwrap_or_default();
        let begun = Instant::now();
        let twice = match would.changes() {
            0 => 0,
            _ => self.store.counted_twice(&envelope.tenant, run).await?,
        };
        let would = would.without_changes(twice);
        let holds = match guard.enough(&would) {
            None => None,
            Some(enough) => {
                let to = destination_of(&integration)?;
                let limits = integration.limits.as_ref();
                let ready = self.ready(envelope, &to.connection, limits).await?;
                let target = typed(&to.settings, "output")?;
                let context = ready.context(self, time_left.saturating_sub(begun.elapsed()));
                let so_far = counted.unwrap_or_default();
                match self.connector.holds(&context, &target, enough, so_far).await? {
                    Held::Unknown => None,
                    Held::Known(number) => Some(number),
                    Held::SoFar(counted) => {
                        let on = Release { counted: Some(counted), ..Release::default() };
                        return self.store.send_task(C::NAME, envelope, Task::Release(on)).await;
                    }
                }
            }
        };
        let note = Note::Weighed { holds, twice };
        self.store.send_task("journal", envelope, Task::Note(note)).await
    }

    /// Waits on, or has the wait ended when its time is over.
    async fn wait(&self, envelope: &Envelope, run: &Run) -> Result<(), Failure> {
        let until = run.look.as_ref().map_or(0, |look| look.until);
        let left = u64::try_from(until - self.store.clock.now_ms()).unwrap_or(0);
        if left == 0 {
            let note = Note::Weighed { holds: None, twice: 0 };
            return self.store.send_task("journal", envelope, Task::Note(note)).await;
        }
        let wait = Duration::from_millis(left).min(self.store.scaled(LOOKS));
        Err(Failure::Deferred { reason: "nobody has approved the run yet".into(), wait })
    }

    /// Sends kept batches to be written, and itself for the rest of them. Sent twice, they are
    /// recognised as every batch is.
    async fn let_go(
        &self,
        envelope: &Envelope,
        run: &Run,
        Release { from, .. }: &Release,
    ) -> Result<(), Failure> {
        let Some(look) = &run.look else { return Ok(()) };
        let kept = look.kept.ranges().flat_map(|(from, to)| from..to);
        let seqs: Vec<u64> = kept.filter(|seq| seq >= from).take(TOGETHER).collect();
        let Some(last) = seqs.last() else { return Ok(()) };
        let own = envelope_of(&envelope.tenant, run);
        self.store.send_kept(C::NAME, &own, &seqs).await?;
        if seqs.len() < TOGETHER {
            return Ok(());
        }
        let next = Release { from: last + 1, ..Release::default() };
        self.store.send_task(C::NAME, &own, Task::Release(next)).await
    }
}
