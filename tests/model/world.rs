//! The world around the hub: sources of numbered records, sinks that count effects, and what both
//! notice on their own: a wrong credential, a second effect, a call before its time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ferrule_connector::Failure;
use ferrule_store::Clock;

use crate::plan::{Quality, Trouble};

/// Two tenants, whose definitions have the same names.
pub(crate) const TENANTS: [&str; 2] = ["acme", "beta"];

/// Begins every planted secret.
pub(crate) const CANARY: &str = "canary-";

/// The credential of a tenant's connection.
pub(crate) fn token(tenant: &str, connection: &str) -> String {
    format!("{CANARY}{tenant}-{connection}")
}

/// What stands in every record of a tenant.
pub(crate) fn mark(tenant: &str) -> String {
    format!("mark-{tenant}")
}

/// One record of a source, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub(crate) id: u64,
    pub(crate) version: u64,
    /// When it changed, in seconds.
    pub(crate) at: i64,
    pub(crate) quality: Quality,
}

/// The systems of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) facts: Vec<Fact>,
    /// What the last call for the page that starts there handed out, in this run.
    pub(crate) handed: BTreeMap<u64, Vec<Fact>>,
    /// Handed out by calls for one page that had changed between them: the first process died.
    pub(crate) reread: BTreeSet<(u64, u64)>,
    /// Effects by key and version: how often the sink wrote it.
    effects: BTreeMap<(String, u64), u32>,
    /// The version that the sink has.
    pub(crate) newest: BTreeMap<String, u64>,
    /// What was sent under the name of a batch, which is the sink's idempotency key.
    sent: BTreeMap<String, String>,
    /// Records of batches that the sink has answered for, to a worker that lived on.
    answered: BTreeSet<(String, String)>,
}

/// Shared by the connectors and the test.
#[derive(Debug, Clone)]
pub(crate) struct World {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sides: [Side; 2],
    /// So many calls fail from now on.
    pub(crate) outage: u32,
    /// What is to go wrong in this step, and with which call.
    pub(crate) trouble: Option<(u32, Trouble)>,
    /// Calls of this step.
    pub(crate) calls: u32,
    /// The worker that is at work may die before it is done.
    pub(crate) is_doomed: bool,
    /// Two workers have the same message.
    pub(crate) is_twin: bool,
    /// Work that was asked in this step to come later: not before this moment.
    pub(crate) asked: BTreeMap<String, i64>,
    /// Invariants that the world saw broken.
    pub(crate) broken: Vec<String>,
    /// A planted bug: failures of the sink show its credential.
    pub(crate) is_chatty: bool,
}

impl Side {
    pub(crate) fn hand_out(&mut self, start: u64, facts: &[Fact]) {
        let before = self.handed.insert(start, facts.to_vec()).unwrap_or_default();
        if !before.is_empty() && before != facts {
            let both = before.iter().chain(facts);
            self.reread.extend(both.map(|fact| (fact.id, fact.version)));
        }
    }
}

impl World {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A step begins.
    pub(crate) fn begin(&self, trouble: Option<(u32, Trouble)>, is_doomed: bool, is_twin: bool) {
        let mut state = self.state();
        (state.trouble, state.is_doomed, state.is_twin) = (trouble, is_doomed, is_twin);
        state.calls = 0;
        state.asked.clear();
    }

    /// Somebody calls about this piece of work; how it goes.
    pub(crate) fn call(&self, work: &str) -> Result<(), Failure> {
        let now = self.clock.now_ms();
        let mut state = self.state();
        state.calls += 1;
        if let Some(until) = state.asked.get(work).filter(|until| now < **until && !state.is_twin) {
            let early = until - now;
            state.broken.push(format!("I5: {work} is called for {early} ms before Retry-After"));
        }
        if state.outage > 0 {
            state.outage -= 1;
            return Err(Failure::unavailable("world", "closed"));
        }
        let calls = state.calls;
        let Some((_, trouble)) = state.trouble.take_if(|(at, _)| *at == calls) else {
            return Ok(());
        };
        let (failure, secs) = failure(trouble);
        if secs > 0 {
            state.asked.insert(work.to_owned(), now + i64::try_from(secs).unwrap() * 1000);
        }
        Err(failure)
    }

    /// Somebody shows a credential and, perhaps, a record.
    pub(crate) fn check(&self, (tenant, connection): (&str, &str), shown: Option<&str>, of: &str) {
        if shown != Some(&token(tenant, connection)) {
            let who = format!("I4: {connection} of {tenant} is called with another's credential");
            self.state().broken.push(who);
        }
        if of != mark(tenant) {
            let who = format!("I4: a record with {of} is sent with the credential of {tenant}");
            self.state().broken.push(who);
        }
    }

    /// The worker must not ask again for what it was answered. Only of a page that changed while it was
    /// read it may: two batches have one number then, and the books hold one of them.
    pub(crate) fn must_be_open(&self, side: usize, batch: &str, (key, version): (&str, u64)) {
        let mut state = self.state();
        let there = &state.sides[side];
        let is_reread = there.reread.iter().any(|(id, v)| *v == version && key == format!("k{id}"));
        if there.answered.contains(&(batch.to_owned(), key.to_owned())) && !is_reread {
            state.broken.push(format!("I2: {key} was done, and comes again with batch {batch}"));
        }
    }

    /// One name is one body: a sink that knows names would drop another one.
    pub(crate) fn must_be_same(&self, side: usize, batch: &str, body: &str) {
        let mut state = self.state();
        let first =
            state.sides[side].sent.entry(batch.to_owned()).or_insert_with(|| body.to_owned());
        if *first != body {
            let broken = format!("I2: batch {batch} was {first}, and comes again as {body}");
            state.broken.push(broken);
        }
    }

    pub(crate) fn answered(&self, side: usize, batch: &str, key: &str) {
        let mut state = self.state();
        if !state.is_doomed {
            state.sides[side].answered.insert((batch.to_owned(), key.to_owned()));
        }
    }

    /// The version that the sink has.
    pub(crate) fn version(&self, side: usize, key: &str) -> Option<u64> {
        self.state().sides[side].newest.get(key).copied()
    }

    /// The sink writes; what is older than what it has, it drops. `false` when it did.
    pub(crate) fn write(&self, side: usize, key: &str, version: u64) -> bool {
        let mut state = self.state();
        let there = &mut state.sides[side];
        let newest = there.newest.entry(key.to_owned()).or_default();
        if *newest > version {
            return false;
        }
        *newest = version;
        let count = there.effects.entry((key.to_owned(), version)).or_default();
        *count += 1;
        if *count > 1 {
            let count = *count;
            state.broken.push(format!("I2: {key} in version {version} has {count} effects"));
        }
        true
    }
}

fn failure(trouble: Trouble) -> (Failure, u64) {
    let service = "world".to_owned();
    match trouble {
        Trouble::Down => (Failure::unavailable(service, "connection reset"), 0),
        Trouble::Later(secs) => {
            let retry_after = Some(Duration::from_secs(secs));
            (Failure::Unavailable { service, reason: "503".to_owned(), retry_after }, secs)
        }
        Trouble::Slow(secs) => {
            let retry_after = Some(Duration::from_secs(secs));
            (Failure::Throttled { service, retry_after }, secs)
        }
    }
}
