//! What must hold: while a run goes on, at the moment it ends, and at the end of the story.

use ferrule_core::{CursorState, Mark, Run, RunState};
use ferrule_store::{ErrorFilter, NotStarted};

use super::{
    story::Story,
    world::{Fact, Quality},
};

impl Story {
    pub(super) async fn now(&self, run: &Run) -> Run {
        self.store.run(&self.tenant, &run.run).await.unwrap().unwrap()
    }

    pub(super) async fn standing(&self) -> Option<CursorState> {
        self.store.standing(&self.tenant, &self.name).await.unwrap().cursor
    }

    /// While a run goes on, and when it fails, the cursor stays and no other run begins. When it
    /// ends well, all that it read is where it belongs at that very moment.
    pub(super) async fn watch(&self, run: &Run, before: Option<&CursorState>) -> bool {
        let seed = self.seed;
        let now = self.now(run).await;
        if matches!(now.state, RunState::Succeeded | RunState::Partial) {
            self.judge().await;
            return true;
        }
        assert_eq!(self.standing().await.as_ref(), before, "seed {seed}: the cursor moved");
        if !now.state.is_over() && self.dice.one_in(40) && self.is_young(run) {
            let second = self.store.start_run(&self.tenant, &self.name, "test", false).await;
            let is_refused =
                matches!(&second, Err(NotStarted::Running(first)) if *first == run.run);
            assert!(is_refused, "seed {seed}: two runs at once: {second:?}");
        }
        now.state.is_over()
    }

    /// Its lease cannot have run out.
    fn is_young(&self, run: &Run) -> bool {
        self.store.clock.now_ms() - run.started_at < 3_600_000
    }

    /// Every valid record had its effect once; every other is in the error log; the cursor is where
    /// the records are.
    pub(super) async fn judge(&self) {
        let seed = self.seed;
        let facts = self.world.facts.lock().unwrap().clone();
        let effects = self.world.effects.lock().unwrap().clone();
        let filter = ErrorFilter::default();
        let (errors, _) = self.store.errors(&self.tenant, &filter, 5_000, None).await.unwrap();
        let parked = self.parked(&errors).await;
        for fact in &facts {
            let key = format!("k{}", fact.id);
            let count = effects.get(&key).copied().unwrap_or(0);
            assert!(count <= 1, "seed {seed}: {key} had {count} effects");
            let is_logged = errors.iter().any(|e| e.record.line == fact.id && e.code == code(fact));
            let is_parked = parked.iter().any(|text| text.contains(&format!("\"{key}\"")));
            if fact.quality == Quality::Good {
                assert!(count == 1 || is_parked, "seed {seed}: {key} is lost");
            } else {
                assert!(is_logged || is_parked, "seed {seed}: bad {key} is not logged");
            }
        }
        let readable = facts.iter().filter(|fact| fact.quality != Quality::Broken);
        let newest = readable.map(|fact| fact.at).max().map(|at| Mark::Time(at * 1_000_000));
        let high = self.standing().await.and_then(|cursor| cursor.high);
        assert_eq!(high, newest, "seed {seed}: the cursor is not where the records are");
    }

    async fn parked(&self, errors: &[ferrule_store::ErrorRow]) -> Vec<String> {
        let mut texts = Vec::new();
        for key in errors.iter().filter_map(|row| row.payload.as_deref()) {
            let bytes = self.store.payloads.get(&self.tenant, key).await.unwrap().unwrap();
            let message = self.store.read_message(&String::from_utf8(bytes).unwrap()).await;
            texts.push(format!("{:?}", message.unwrap()));
        }
        texts
    }
}

fn code(fact: &Fact) -> &'static str {
    match fact.quality {
        Quality::Broken => "BROKEN",
        Quality::Good | Quality::Bad => "TYPE",
    }
}
