//! The world around the hub: a source of numbered records, and a sink that counts effects.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Record, Role, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A small generator: the same seed, the same story.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % sides
    }

    /// True once in `times`.
    pub(crate) fn one_in(&self, times: u64) -> bool {
        self.roll(times) == 0
    }
}

/// What one record is like in the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub(crate) id: u64,
    pub(crate) at: i64,
    pub(crate) valid: bool,
}

/// Both ends of the pipe, shared by the connectors and the test.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) facts: Arc<Mutex<Vec<Fact>>>,
    /// Effects by key: how often the sink wrote it.
    pub(crate) effects: Arc<Mutex<BTreeMap<String, u32>>>,
    /// Answers of the source and the sink go wrong one in so many times; 0 is never.
    pub(crate) trouble: u64,
}

impl World {
    fn hiccup(&self) -> Result<(), Failure> {
        if self.trouble == 0 || !self.dice.one_in(self.trouble) {
            return Ok(());
        }
        Err(match self.dice.roll(3) {
            0 => Failure::unavailable("world", "500"),
            1 => Failure::unavailable("world", "connection reset"),
            _ => Failure::Throttled {
                service: "world".into(),
                retry_after: Some(Duration::from_secs(3)),
            },
        })
    }
}

/// Settings, source and target of both doubles: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

/// The source.
#[derive(Debug)]
pub(crate) struct Numbers(pub(crate) World);

impl Connector for Numbers {
    const NAME: &'static str = "numbers";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    type Settings = Nothing;
    type Secret = Nothing;
    type Source = Nothing;
    type Target = Nothing;

    async fn extract(&self, page: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        self.0.hiccup()?;
        let from = page.position.as_i64().unwrap_or(0);
        let facts = self.0.facts.lock().unwrap().clone();
        let size = 7;
        let start = usize::try_from(from).unwrap();
        let records = facts.iter().skip(start).take(size).map(record).collect();
        let next = i64::try_from(start + size).unwrap();
        let next = (start + size < facts.len()).then(|| Value::from(next));
        Ok(Fetched { origin: "numbers".into(), records, rejected: Vec::new(), next })
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}

fn record(fact: &Fact) -> Record {
    let n = if fact.valid { fact.id.to_string() } else { "\"none\"".into() };
    let text = format!(r#"{{"id":"k{}","at":{},"n":{n}}}"#, fact.id, fact.at);
    let value = ferrule_core::json::parse(text.as_bytes()).unwrap();
    Record { line: fact.id, value, ..Record::default() }
}

/// The sink: it looks before it writes, as a connector must.
#[derive(Debug)]
pub(crate) struct Ledger(pub(crate) World);

impl Connector for Ledger {
    const NAME: &'static str = "ledger";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    type Settings = Nothing;
    type Secret = Nothing;
    type Source = Nothing;
    type Target = Nothing;

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        for (record, done) in load.records.iter().zip(done) {
            if done.is_some() {
                continue;
            }
            self.0.hiccup()?;
            let key = record.key.clone().unwrap();
            let mut effects = self.0.effects.lock().unwrap();
            *done = Some(if effects.contains_key(&key) {
                Disposition::Unchanged
            } else {
                *effects.entry(key).or_default() += 1;
                Disposition::Created
            });
            drop(effects);
            // The write is made, its acknowledgement is lost.
            if let Err(lost) = self.0.hiccup() {
                *done.as_mut().unwrap() = Disposition::Unchanged;
                return Err(lost);
            }
        }
        Ok(())
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}
