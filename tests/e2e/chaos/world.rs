//! The world around the hub: a source of numbered records, and a sink that counts effects.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Record, Rejected,
    Role, Value,
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
    pub(crate) quality: Quality,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quality {
    Good,
    /// It cannot be mapped.
    Bad,
    /// The source cannot read it.
    Broken,
}

/// Both ends of the pipe, shared by the connectors and the test.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) facts: Arc<Mutex<Vec<Fact>>>,
    /// Effects by key: how often the sink wrote it.
    pub(crate) effects: Arc<Mutex<BTreeMap<String, u32>>>,
    /// Records of batches that the sink has answered for, to a worker that lived on.
    pub(crate) answered: Arc<Mutex<BTreeSet<(String, String)>>>,
    /// The worker that is at work dies before it is done.
    pub(crate) is_doomed: Arc<AtomicBool>,
    /// So many pages come yet, then so many calls of the source fail.
    pub(crate) outage: Arc<Mutex<(u64, u64)>>,
    /// Answers of the source and the sink go wrong one in so many times; 0 is never.
    pub(crate) trouble: u64,
}

impl World {
    fn outage(&self) -> Result<(), Failure> {
        match &mut *self.outage.lock().unwrap() {
            (0, 0) => Ok(()),
            (0, left) => {
                *left -= 1;
                Err(Failure::unavailable("world", "closed"))
            }
            (pages, _) => {
                *pages -= 1;
                Ok(())
            }
        }
    }

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
        self.0.outage()?;
        self.0.hiccup()?;
        let from = page.position.as_i64().unwrap_or(0);
        let facts = self.0.facts.lock().unwrap().clone();
        let size = 7;
        let start = usize::try_from(from).unwrap();
        let page = facts.iter().skip(start).take(size);
        let (broken, whole): (Vec<_>, Vec<_>) =
            page.partition(|fact| fact.quality == Quality::Broken);
        let records = whole.into_iter().map(record).collect();
        let rejected = broken.into_iter().map(rejected).collect();
        let next = i64::try_from(start + size).unwrap();
        let next = (start + size < facts.len()).then(|| Value::from(next));
        Ok(Fetched { origin: "numbers".into(), records, rejected, next })
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}

fn record(fact: &Fact) -> Record {
    let is_good = fact.quality == Quality::Good;
    let n = if is_good { fact.id.to_string() } else { "\"none\"".into() };
    let text = format!(r#"{{"id":"k{}","at":{},"n":{n}}}"#, fact.id, fact.at);
    let value = ferrule_core::json::parse(text.as_bytes()).unwrap();
    Record { line: fact.id, value, ..Record::default() }
}

fn rejected(fact: &Fact) -> Rejected {
    let raw = format!("k{}", fact.id);
    Rejected { line: fact.id, code: "BROKEN", message: "it is broken".into(), raw }
}

/// The sink: it looks before it writes, as a connector must. Between the two others may write.
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
            let key = record.key.clone().unwrap();
            let answer = (load.batch_id.to_owned(), key.clone());
            if done.is_some() {
                continue;
            }
            let is_known = self.0.answered.lock().unwrap().contains(&answer);
            assert!(!is_known, "{key} was done, and comes again with its batch");
            self.0.hiccup()?;
            *done = Some(self.write(key).await);
            if !self.0.is_doomed.load(Ordering::Relaxed) {
                self.0.answered.lock().unwrap().insert(answer);
            }
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

impl Ledger {
    async fn write(&self, key: String) -> Disposition {
        let is_there = self.0.effects.lock().unwrap().contains_key(&key);
        tokio::task::yield_now().await;
        if is_there {
            return Disposition::Unchanged;
        }
        *self.0.effects.lock().unwrap().entry(key).or_default() += 1;
        Disposition::Created
    }
}
