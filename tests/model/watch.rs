//! What must hold after every step. The numbers are those of the project's list of faults.
//!
//! I1 What was accepted is delivered, in the error log and parked, or in flight.
//! I2 The effect per key and version is one.
//! I3 No cursor is ahead of what is confirmed. (When a process dies with a page, and the page has
//!    changed until it is read again, its batches have the numbers of the first ones: what is confirmed
//!    then is a number. The others are on a queue.)
//! I4 Nothing of one tenant is read, kept or sent with what belongs to the other.
//! I5 Attempts and waits are as the policy says, and never before `Retry-After`.
//! I6 No credential stands in any log, queue, table or payload.
//! I7 The version of a key never goes back.

use std::collections::{BTreeMap, BTreeSet};

use ferrule_core::{Checkpoint, Mark, Message, Record, Run, RunId, Tenant, Value};
use ferrule_store::{ErrorRow, HubRecord, Item, Queues, Standing, Store, Table};

use crate::{
    doubles::{PAGE, side},
    waits::{self, Delivered},
    world::{CANARY, TENANTS, World, mark},
};

/// How far the cursor reads back, in microseconds.
const OVERLAP: i64 = 10_000_000;

/// A record, as it was once: its number and its version.
type Known = (u64, u64);

/// What is known of one tenant.
#[derive(Debug, Default)]
struct Books {
    /// Taken off the source by a page that is confirmed, and not settled yet.
    taken: BTreeSet<Known>,
    /// In the error log, with or without payload.
    logged: BTreeSet<Known>,
    /// The versions in the hub's own table.
    rows: BTreeMap<String, u64>,
    /// How far the cursor is.
    high: Option<i64>,
    /// It has moved in this step.
    moved: bool,
    /// The run that goes on.
    run: Option<RunId>,
}

/// Sees everything that is written and sent.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    books: [Books; 2],
    last_id: u64,
    /// Messages on queues.
    flights: BTreeMap<u64, Flight>,
}

/// A message on a queue: whose it is, and what is in it.
#[derive(Debug)]
struct Flight {
    side: usize,
    run: RunId,
    known: Vec<Known>,
}

impl Watch {
    /// Looks at what the last step did.
    pub(crate) async fn look(
        &mut self,
        (world, store): (&World, &Store),
        delivered: &[Delivered],
        logs: &str,
    ) -> Result<(), String> {
        if let Some(broken) = world.state().broken.first() {
            return Err(broken.clone());
        }
        no_secret("the log", logs)?;
        self.look_at_tables(world, store).await?;
        self.look_at_queues(world, store, delivered).await?;
        (0..2).try_for_each(|at| self.look_at_books(world, at))
    }

    async fn look_at_tables(&mut self, world: &World, store: &Store) -> Result<(), String> {
        let ferrule_store::Tables::Memory(tables, _) = &store.tables else { unreachable!() };
        for (table, row) in tables.take_tape() {
            let place = format!("{table:?} {} {}", row.pk, row.sk);
            no_secret(&place, &row.body)?;
            let Some(at) = TENANTS.iter().position(|name| row.pk.split('#').next() == Some(name))
            else {
                continue;
            };
            of_tenant(&place, &row.body, at)?;
            match table {
                Table::State => self.note_state(world, &row, at),
                Table::ErrorLog => self.note_error(store, &row, at).await?,
                Table::Records => self.note_record(&row, at)?,
                Table::SyncLog => {
                    let run: Run = row.read().unwrap();
                    self.books[at].run = (!run.state.is_over()).then_some(run.run);
                }
                Table::Registry | Table::Audit => {}
            }
        }
        Ok(())
    }

    fn note_state(&mut self, world: &World, row: &Item, at: usize) {
        let books = &mut self.books[at];
        if row.sk.starts_with("cursor#") {
            let high = row.read::<Standing>().unwrap().cursor.and_then(|cursor| cursor.high);
            books.high = high.map(|high| match high {
                Mark::Time(micros) => micros,
                other => panic!("{other}"),
            });
            books.moved = true;
        } else if row.sk.starts_with("run#") {
            let page = row.read::<Checkpoint>().unwrap().page;
            let start = u64::from(page - 1) * PAGE as u64;
            let state = world.state();
            let handed = state.sides[at].handed.get(&start).into_iter().flatten();
            books.taken.extend(handed.map(|fact| (fact.id, fact.version)));
        }
    }

    async fn note_error(&mut self, store: &Store, row: &Item, at: usize) -> Result<(), String> {
        let row: ErrorRow = row.read().unwrap();
        waits::check_attempts(&row)?;
        if row.code == "BROKEN" {
            let numbers: Vec<u64> = numbers(&row.record.excerpt);
            self.books[at].logged.insert((numbers[0], numbers[1]));
        }
        let Some(key) = &row.payload else { return Ok(()) };
        let tenant = Tenant::new(TENANTS[at]).unwrap();
        let bytes = store.payloads.get(&tenant, key).await.unwrap();
        let bytes = bytes.ok_or_else(|| format!("I1: {key} is parked without its payload"))?;
        let text = String::from_utf8(bytes).unwrap();
        let message = store.read_message(&text).await.map_err(|failure| failure.to_string())?;
        let known = records_of(&format!("the payload {key}"), &text, &message, at)?;
        self.books[at].logged.extend(known);
        Ok(())
    }

    fn note_record(&mut self, row: &Item, at: usize) -> Result<(), String> {
        let record: HubRecord = row.read().unwrap();
        let key = record.key.clone();
        let version = record.value.get("v").and_then(Value::as_i64).unwrap();
        let version = u64::try_from(version).unwrap();
        match self.books[at].rows.insert(key.clone(), version) {
            Some(before) if before > version => {
                Err(format!("I7: {key} goes back from version {before} to {version}"))
            }
            Some(before) if before == version => {
                Err(format!("I2: {key} in version {version} is written twice"))
            }
            _ => Ok(()),
        }
    }

    async fn look_at_queues(
        &mut self,
        world: &World,
        store: &Store,
        delivered: &[Delivered],
    ) -> Result<(), String> {
        let Queues::Memory(queues, _) = &store.queues else { unreachable!() };
        for (queue, id, text) in queues.sent_after(self.last_id) {
            self.last_id = id;
            let message = store.read_message(&text).await.map_err(|failure| failure.to_string())?;
            let place = format!("queue {queue}");
            let at = side(message.envelope.tenant.as_str());
            let known = records_of(&place, &text, &message, at)?;
            waits::check_wait(world, store.clock.now_ms(), &message, delivered)?;
            // Events about what happened are no way to deliver anything.
            if queue != "dispatch" {
                let run = message.envelope.run;
                self.flights.insert(id, Flight { side: at, run, known });
            }
        }
        let ids = queues.ids();
        self.flights.retain(|id, _| ids.contains(id));
        Ok(())
    }

    fn look_at_books(&mut self, world: &World, at: usize) -> Result<(), String> {
        let tenant = TENANTS[at];
        let state = world.state();
        let newest = &state.sides[at].newest;
        let books = &mut self.books[at];
        let is_there = |books: &Books, known: &Known| {
            let key = format!("k{}", known.0);
            let version = newest.get(&key).max(books.rows.get(&key)).copied();
            version.is_some_and(|version| version >= known.1) || books.logged.contains(known)
        };
        let settled: Vec<Known> =
            books.taken.iter().filter(|known| is_there(books, known)).copied().collect();
        for known in settled {
            books.taken.remove(&known);
        }
        if let Some(run) = &books.run
            && !self.flights.values().any(|one| one.run == *run)
        {
            return Err(format!("I1: a run of {tenant} goes on, and nothing of it is in flight"));
        }
        let moved = std::mem::take(&mut books.moved);
        let is_on_its_way = |known: &Known| {
            self.flights.values().any(|one| one.side == at && one.known.contains(known))
        };
        // What another reading of a page brought counts with the batch of the first one.
        let is_excused =
            |known: &Known| state.sides[at].reread.contains(known) && is_on_its_way(known);
        for known in &books.taken {
            let name = format!("k{} of {tenant} in version {}", known.0, known.1);
            if moved && !is_excused(known) {
                return Err(format!("I3: the cursor moved before {name} was confirmed"));
            }
            if !is_on_its_way(known) {
                return Err(format!("I1: {name} was taken, and is nowhere"));
            }
        }
        let floor = books.high.map_or(i64::MIN, |high| high - OVERLAP);
        let passed = state.sides[at].facts.iter().filter(|fact| fact.at * 1_000_000 < floor);
        for known in passed.map(|fact| (fact.id, fact.version)) {
            if !is_there(books, &known) && !is_excused(&known) {
                return Err(format!("I3: the cursor is past k{} of {tenant}", known.0));
            }
        }
        Ok(())
    }

    /// Tells whether all that is in the source has been delivered or refused: the end of a story.
    pub(crate) fn all_settled(&self, world: &World) -> Result<(), String> {
        let state = world.state();
        for (at, tenant) in TENANTS.into_iter().enumerate() {
            for fact in &state.sides[at].facts {
                let key = format!("k{}", fact.id);
                let books = &self.books[at];
                let there = state.sides[at].newest.get(&key).max(books.rows.get(&key));
                let is_logged = books.logged.contains(&(fact.id, fact.version));
                if there != Some(&fact.version) && !is_logged {
                    return Err(format!("I1: {key} of {tenant} never arrived: {fact:?}"));
                }
            }
        }
        Ok(())
    }
}

/// The records of a message, all of which must be of its tenant.
fn records_of(place: &str, text: &str, message: &Message, at: usize) -> Result<Vec<Known>, String> {
    use ferrule_core::Task::{Events, Fold, Load, Transform};
    no_secret(place, text)?;
    let records: &[Record] = match &message.task {
        Load(batch) | Transform(batch) | Events(batch) | Fold(batch) => &batch.records,
        _ => &[],
    };
    let mut known = Vec::with_capacity(records.len());
    for record in records {
        let text = record.value.to_string();
        no_secret(place, &text)?;
        of_tenant(place, &text, at)?;
        let id = record.value.get("id").and_then(Value::as_str).unwrap_or_default();
        let version = record.value.get("v").and_then(Value::as_i64);
        if let (Some(id), Some(version)) = (id.strip_prefix('k'), version) {
            known.push((id.parse().unwrap(), u64::try_from(version).unwrap()));
        }
    }
    Ok(known)
}

fn no_secret(place: &str, text: &str) -> Result<(), String> {
    let Some(at) = text.find(CANARY) else { return Ok(()) };
    let around: String = text[at..].chars().take(40).collect();
    Err(format!("I6: {place} shows {around}"))
}

fn of_tenant(place: &str, text: &str, at: usize) -> Result<(), String> {
    let other = mark(TENANTS[1 - at]);
    if text.contains(&other) {
        return Err(format!("I4: {place} of {} holds {other}", TENANTS[at]));
    }
    Ok(())
}

fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    digits.map(|part| part.parse().unwrap()).collect()
}
