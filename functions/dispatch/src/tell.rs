//! Who is told of the records of a batch, how, and what becomes of the rest.

use std::collections::{HashMap, HashSet};

use ferrule_core::{
    Batch, Counts, Digest, Envelope, Failure, Note, Notification, Record, Task, Value,
    definition::{ROOM, Urgency, same_piece},
    duration::Span,
};
use ferrule_store::{Collector, Member, Terms};
use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::debug;

use crate::{
    Dispatch,
    digest::slim,
    plan::{Place, Plan, Role},
};

/// Rows of what is told once that are asked for at a time.
const AT_ONCE: usize = 16;

/// Most members of a digest that no recipient has set a size for.
const QUIET_SIZE: usize = 100;

/// A notification, and the record that it is about.
struct Written<'r> {
    /// Place of the record in its batch.
    index: usize,
    /// Names the record within its run.
    name: String,
    record: &'r Record,
    notification: Notification,
}

/// One recipient's part of a batch.
struct Part {
    at: u16,
    records: Vec<Record>,
}

impl Dispatch {
    /// Renders the records, decides for every recipient, sends, and tells the journal of every
    /// number that nobody else will account for. A repeat decides the same.
    pub(crate) async fn tell(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        role: Role,
    ) -> Result<(), Failure> {
        let plan = self.plan(envelope).await?;
        let began = envelope.run.began_ms().unwrap_or_else(|| self.store.clock.now_ms());
        let written = self.written(envelope, batch, (&plan, role), began).await?;
        let quiet_until = plan.quiet_until(role, envelope.urgency, began);
        let mut counts = batch.counts;
        let mut parts = Vec::new();
        let mut heard = vec![false; batch.records.len()];
        for place in plan.of(role) {
            let own: Vec<&Written<'_>> =
                written.iter().filter(|one| place.wants(&one.notification)).collect();
            for one in &own {
                heard[one.index] = true;
            }
            let told = own.iter().map(|one| addressed(envelope, place, one));
            if let Some(terms) = self.terms(place, quiet_until, began) {
                counts.digested += own.len() as u64;
                let members =
                    told.map(|(_, one)| Member { id: one.id.clone(), notification: slim(one) });
                self.collect(envelope, place.at, terms, members.collect()).await?;
            } else if !own.is_empty() {
                let records = told.map(|(record, one)| as_record(record, &one));
                parts.push(Part { at: place.at, records: records.collect::<Result<_, _>>()? });
            }
        }
        counts.ignored += heard.iter().filter(|heard| !**heard).count() as u64;
        let mut sent = Vec::new();
        for Part { at, records } in parts {
            let pieces = self.send_part(envelope, batch, at, records).await?;
            let place = &plan.places[usize::from(at)];
            let all = std::iter::once(at).chain(place.fallback.clone());
            sent.extend(all.flat_map(|at| pieces.iter().map(move |seq| same_piece(*seq, at))));
        }
        debug!(sent = sent.len(), digested = counts.digested, "told");
        self.account(envelope, batch, counts, sent).await
    }

    /// Writes what is said of each record, but for what was told already and is told only once.
    async fn written<'r>(
        &self,
        envelope: &Envelope,
        batch: &'r Batch,
        (plan, role): (&Plan, Role),
        began: i64,
    ) -> Result<Vec<Written<'r>>, Failure> {
        let things: Vec<_> =
            batch.records.iter().map(|record| plan.thing(role, &record.value)).collect();
        // In its own batch the first is the first, whatever the order of the answers.
        let mut seen = HashSet::new();
        let is_first = |thing: &Option<(Digest, Span)>| {
            thing.as_ref().is_none_or(|(thing, _)| seen.insert(thing.clone()))
        };
        let firsts: Vec<bool> = things.iter().map(is_first).collect();
        let asked = (0..things.len()).filter(|index| firsts[*index]);
        let names = names_of(batch);
        let asked: Vec<_> = asked
            .map(|index| self.tells(envelope, (index, &names[index]), things[index].as_ref()))
            .collect();
        let told = stream::iter(asked).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
        let written = told.into_iter().flatten().map(|index| {
            let (record, name) = (&batch.records[index], names[index].clone());
            let notification = plan.notification(role, &record.value, began, envelope.urgency);
            Written { index, name, record, notification }
        });
        Ok(written.collect())
    }

    /// Returns the place of a record again when it is to be told now.
    async fn tells(
        &self,
        envelope: &Envelope,
        (index, record): (usize, &str),
        thing: Option<&(Digest, Span)>,
    ) -> Result<Option<usize>, Failure> {
        let Some((thing, span)) = thing else { return Ok(Some(index)) };
        let owner = id_of(envelope, record, None);
        let (tenant, name) = (&envelope.tenant, &envelope.integration);
        let tells = self.store.tells_once(tenant, name, thing, &owner, span.duration()).await?;
        Ok(tells.then_some(index))
    }

    /// Returns how a recipient's notifications wait for each other; `None` when they do not.
    fn terms(&self, place: &Place, quiet_until: Option<i64>, began: i64) -> Option<Terms> {
        let now = self.store.clock.now_ms();
        let scaled = |span_ms: i64| {
            let span = std::time::Duration::from_millis(span_ms.unsigned_abs());
            i64::try_from(self.store.scaled(span).as_millis()).unwrap_or(i64::MAX / 2)
        };
        if let Some(until) = quiet_until {
            let due_at = began + scaled(until - began);
            let lane = format!("q{until}");
            return Some(Terms { lane, size: QUIET_SIZE, due_at, full_is_due: false });
        }
        let window = place.batch?;
        let window_ms = i64::try_from(window.window.duration().as_millis()).unwrap_or(i64::MAX / 2);
        let due_at = now + scaled(window_ms);
        let size = usize::from(window.size);
        Some(Terms { lane: "w".into(), size, due_at, full_is_due: true })
    }

    /// Tells the journal of every number of the batch's room that was not sent, nor kept for those
    /// that stand in.
    pub(crate) async fn account(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        counts: Counts,
        mut kept: Vec<u64>,
    ) -> Result<(), Failure> {
        let first = batch.seq / ROOM * ROOM;
        kept.sort_unstable();
        let mut others = Vec::new();
        let mut from = first;
        for seq in kept.into_iter().chain([first + ROOM]) {
            if seq > from {
                others.push((from, seq - from));
            }
            from = seq + 1;
        }
        let timings = batch.timings;
        let note = Note::Batch { seq: first, others, counts, timings, failed: None };
        self.store.send_task("journal", envelope, Task::Note(note)).await
    }

    pub(crate) fn collector(envelope: &Envelope, recipient: u16) -> Collector {
        Collector {
            integration: envelope.integration.clone(),
            definition: envelope.definition.clone(),
            recipient,
        }
    }
}

/// Returns the notification as one recipient gets it.
fn addressed<'r>(
    envelope: &Envelope,
    place: &Place,
    written: &Written<'r>,
) -> (&'r Record, Notification) {
    let id = id_of(envelope, &written.name, Some(place.at));
    let mentions = place.mentions(&written.notification.subject);
    let hops = written.record.hops;
    (written.record, Notification { id, mentions, hops, ..written.notification.clone() })
}

/// Names the records of a batch by what they are, not by where they stand: a part of a batch that is
/// replayed has names of its own, and the whole has those that it had.
fn names_of(batch: &Batch) -> Vec<String> {
    let mut twins: HashMap<Digest, u32> = HashMap::new();
    let names = batch.records.iter().map(|record| {
        let text = record.value.to_string();
        let name = Digest::of(&[&record.line.to_be_bytes(), text.as_bytes()]);
        let twin = twins.entry(name.clone()).or_default();
        *twin += 1;
        format!("{} {name} {twin}", batch.seq)
    });
    names.collect()
}

/// Names a record of a run, and the one who is told of it: the same on every repeat.
fn id_of(envelope: &Envelope, record: &str, at: Option<u16>) -> String {
    let record = format!("{record} {at:?}");
    Digest::of(&[envelope.run.as_str().as_bytes(), record.as_bytes()]).to_string()
}

/// A notification as it travels.
pub(crate) fn as_record(about: &Record, notification: &Notification) -> Result<Record, Failure> {
    let value =
        Value::of(notification).map_err(|e| Failure::coded("NOTIFICATION", e.to_string()))?;
    let subject = Some(notification.subject.clone()).filter(|subject| !subject.is_empty());
    let (key, hops) = (about.key.clone().or(subject), notification.hops);
    Ok(Record { line: about.line, key, hops, value, ..Record::default() })
}

/// How urgent a digest is: as its most urgent member.
pub(crate) fn most_urgent(members: &[Notification]) -> Urgency {
    members.iter().map(|member| member.urgency).max().unwrap_or_default()
}
