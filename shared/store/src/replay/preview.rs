//! What a replay would do: how much, how old, under which definitions, how long, at what price.

use std::collections::{BTreeMap, BTreeSet};

use ferrule_core::{
    Digest, Failure, Name, Task, Tenant,
    cost::{self, Item, Usage},
    definition::Rate,
    engine::{Engine, Verdict},
};

use super::{
    job::With,
    pick::{MOST_PAGES, Pick, Position, Seen},
    route::{Kept, Known},
};
use crate::Store;

/// Rows that a preview counts; beyond, it says that there is more.
const MOST_COUNTED: u64 = 10_000;

/// Records that a preview maps to see what would become of them.
const MOST_TRIED: u64 = 200;

/// Payloads that are read for that.
const PAYLOADS_TRIED: usize = 50;

/// Pages of the error log that a preview reads, whatever it finds there.
const PAGES: usize = 4 * MOST_PAGES;

/// The stage whose parked records wait to be mapped: only their payloads are worth a look.
const MAPS: &str = "transform";

/// What a replay would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// Rows of the error log.
    pub errors: u64,
    /// Records of theirs.
    pub records: u64,
    /// Rows of what a guard has stopped: who sends them again lets them pass.
    pub guarded: u64,
    /// When the first of them was parked, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// When the last of them was parked, in milliseconds since 1970.
    pub newest: Option<i64>,
    /// Rows by code.
    pub codes: BTreeMap<String, u64>,
    /// Under which definitions they failed.
    pub definitions: Vec<OfDefinition>,
    /// What the definition in question makes of some of them.
    pub tried: Option<Tried>,
    /// There may be more rows than were counted.
    pub more: bool,
    /// What is parked later is not in it, in milliseconds since 1970.
    pub until: i64,
}

/// What failed under one definition.
#[derive(Debug, Clone, PartialEq)]
pub struct OfDefinition {
    /// Whose.
    pub integration: Name,
    /// Its hash.
    pub definition: Digest,
    /// The hash of the definition as it is now; none when the integration is gone.
    pub today: Option<Digest>,
    /// Rows of the error log.
    pub errors: u64,
    /// Records of theirs.
    pub records: u64,
}

/// What a definition makes of records that are not mapped yet. Nothing is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Records that were looked at.
    pub records: u64,
    /// Those that would go on to the target.
    pub mapped: u64,
    /// Those that a check would leave out.
    pub ignored: u64,
    /// Those that would be refused again.
    pub refused: u64,
    /// Why the first of them would be.
    pub reason: Option<String>,
}

impl Preview {
    /// Returns how many minutes everything takes at a rate, rounded up.
    pub fn minutes(&self, rate: Rate) -> u64 {
        let secs = self.records * u64::from(rate.window_secs);
        secs.div_ceil(u64::from(rate.calls.max(1)) * 60)
    }
}

/// Estimates what it costs to send so much again, in US dollars, without what the target itself costs.
pub fn price(errors: u64, records: u64) -> f64 {
    let (errors, records) = (cost::quantity(errors), cost::quantity(records));
    // Between one message a row and one a hundred records: what is refused alone mostly travels so.
    let messages = (records / 100.0).max(1.0).min(errors);
    // A row is read, and written with its index: 2 units each. A message has three hops, each sent,
    // received and deleted; its payload is read twice, and two functions of 512 MB work a fifth of a second.
    Usage::default()
        .with(Item::RowWrite, 4.0 * errors)
        .with(Item::RowRead, errors)
        .with(Item::QueueRequest, 9.0 * messages)
        .with(Item::ObjectRead, 2.0 * messages)
        .with(Item::FunctionCall, 2.0 * messages)
        .with(Item::FunctionGbSecond, 0.2 * messages)
        .usd()
}

impl Store {
    /// Says what a replay would do, and does nothing.
    pub async fn preview_replay(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        with: With,
    ) -> Result<Preview, Failure> {
        let now = self.clock.now_ms();
        let until = pick.until.map_or(now, |until| until.min(now));
        let pick = Pick { until: Some(until), ..pick.clone() };
        let (mut preview, mut at) = (Preview { until, ..Preview::default() }, Position::default());
        let (mut known, mut tried) = (Known::default(), Tried::default());
        let (mut pages, mut payloads) = (0, BTreeSet::new());
        while !at.over && preview.errors < MOST_COUNTED && pages < PAGES {
            pages += 1;
            let seen = self.seek(tenant, &pick, &mut at).await?;
            for one in &seen {
                self.count(tenant, &mut preview, one).await?;
            }
            if tried.records < MOST_TRIED && payloads.len() < PAYLOADS_TRIED {
                let some: Vec<Seen> =
                    seen.into_iter().filter(|one| is_worth_a_look(one, &mut payloads)).collect();
                self.attempt(tenant, &some, with, &mut known, &mut tried).await?;
            }
        }
        preview.more = !at.over;
        preview.tried = (tried.records > 0).then_some(tried);
        Ok(preview)
    }

    async fn count(
        &self,
        tenant: &Tenant,
        preview: &mut Preview,
        Seen { row, .. }: &Seen,
    ) -> Result<(), Failure> {
        let records = row.record.count.max(1);
        preview.errors += 1;
        preview.records += records;
        preview.guarded += u64::from(row.guarded);
        preview.oldest = Some(preview.oldest.map_or(row.at, |oldest| oldest.min(row.at)));
        preview.newest = Some(preview.newest.map_or(row.at, |newest| newest.max(row.at)));
        *preview.codes.entry(row.code.clone()).or_default() += 1;
        let there = preview.definitions.iter_mut().find(|there| {
            there.integration == row.integration && there.definition == row.definition
        });
        if let Some(there) = there {
            there.errors += 1;
            there.records += records;
            return Ok(());
        }
        let today = self.integration(tenant, &row.integration).await?.map(|stored| stored.hash);
        preview.definitions.push(OfDefinition {
            integration: row.integration.clone(),
            definition: row.definition.clone(),
            today,
            errors: 1,
            records,
        });
        Ok(())
    }

    /// Maps some of the records that wait to be mapped.
    async fn attempt(
        &self,
        tenant: &Tenant,
        seen: &[Seen],
        with: With,
        known: &mut Known,
        tried: &mut Tried,
    ) -> Result<(), Failure> {
        let kept = self.all_kept(tenant, seen).await?;
        let mut engines: BTreeMap<Digest, Result<Engine, String>> = BTreeMap::new();
        for Seen { row, .. } in seen {
            let key = row.payload.as_deref().unwrap_or_default();
            let Some(Kept::Ok(message)) = kept.get(key) else { continue };
            let Task::Transform(batch) = &message.task else { continue };
            let found = self.definition_for(message, with, known).await?;
            let Some((hash, integration)) = found else { continue };
            let engine = engines.entry(hash).or_insert_with(|| {
                Engine::compile(&integration).map_err(|problems| {
                    problems.first().map(ToString::to_string).unwrap_or_default()
                })
            });
            let part = row.part.and_then(|part| batch.records.get(part as usize));
            let records = part.map_or(&batch.records[..], std::slice::from_ref);
            for record in records {
                if tried.records == MOST_TRIED {
                    return Ok(());
                }
                tried.note(engine.as_ref().map(|engine| engine.apply(&record.value)));
            }
        }
        Ok(())
    }
}

/// Tells whether a row's payload is one of those that are read.
pub(super) fn is_worth_a_look(Seen { row, .. }: &Seen, payloads: &mut BTreeSet<String>) -> bool {
    let Some(key) = row.payload.as_ref().filter(|_| row.stage == MAPS) else { return false };
    if payloads.len() < PAYLOADS_TRIED {
        payloads.insert(key.clone());
    }
    payloads.contains(key)
}

impl Tried {
    fn note(&mut self, verdict: Result<Verdict, &String>) {
        self.records += 1;
        let reason = match verdict {
            Ok(Verdict::Mapped(_)) => return self.mapped += 1,
            Ok(Verdict::Ignored) => return self.ignored += 1,
            Ok(Verdict::Refused(refusal)) => format!("{}: {}", refusal.code, refusal.message),
            Err(problem) => problem.clone(),
        };
        self.refused += 1;
        self.reason.get_or_insert(reason);
    }
}
