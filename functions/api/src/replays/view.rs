//! What callers get to see of replays.

use ferrule_core::definition::Rate;
use ferrule_store::{
    Discarded, OfDefinition, Preview, Replay, ReplayRun, ReplayState, Store, Tried, With, price,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    page::{Page, Wanted},
    views::time,
};

/// Writes a choice as it is written in requests.
pub(super) fn word_of(with: With) -> &'static str {
    match with {
        With::Today => "today",
        With::AsWas => "as-was",
    }
}

/// What a replay would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PreviewView {
    /// Entries of the error log.
    errors: u64,
    /// Records of theirs.
    records: u64,
    /// Entries of runs that their guard had not let write yet: sending these again takes an `admin` key.
    guarded: u64,
    /// There may be more than was counted: at most 10,000 entries, found among the first 40,000 of the
    /// error log.
    more: bool,
    /// What is parked later is not in it. Pass it as `until` to mean just what was shown.
    until: String,
    /// When the first of them was parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    /// When the last of them was parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    /// When the first of them is kept no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// What went wrong.
    codes: Vec<CodeView>,
    /// Under which definitions they failed.
    definitions: Vec<DefinitionView>,
    /// What the definition in question makes of some of them; left out when none waits to be mapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<TriedView>,
    /// `today` or `as-was`.
    with: &'static str,
    /// Most records in a while.
    rate: String,
    /// Minutes that it takes at this rate; the limits of the target hold besides.
    minutes: u64,
    /// What it costs in AWS, estimated, in US dollars, without the target's own storage.
    cost_usd: f64,
}

/// Entries of the error log with one code.
#[derive(Debug, Serialize, JsonSchema)]
struct CodeView {
    code: String,
    errors: u64,
}

/// What failed under one definition.
#[derive(Debug, Serialize, JsonSchema)]
struct DefinitionView {
    integration: String,
    /// Hash of the definition under which it failed.
    definition: String,
    /// Hash of the integration's definition as it is now; left out when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    today: Option<String>,
    /// The definition has changed since.
    changed: bool,
    errors: u64,
    records: u64,
}

/// What a definition makes of some of the records. Nothing is sent for that.
#[derive(Debug, Serialize, JsonSchema)]
struct TriedView {
    /// Records that were tried.
    records: u64,
    /// Those that would go on to the target.
    mapped: u64,
    /// Those that a check would leave out.
    ignored: u64,
    /// Those that would be refused again.
    refused: u64,
    /// Why the first of them would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A replay.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReplayView {
    id: String,
    /// Who asked for it.
    by: String,
    /// `today` or `as-was`.
    with: &'static str,
    /// Most records in a while.
    rate: String,
    /// `running` until everything is on its queues, then `done`.
    state: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Entries of the error log that were sent so far.
    errors: u64,
    /// Records of theirs.
    records: u64,
    /// Entries that were left as they are.
    left: u64,
    /// Why.
    reasons: Vec<ReasonView>,
    /// The runs in which that is counted what had been refused record by record. What was parked as a
    /// whole goes on in the run in which it failed.
    runs: Vec<ReplayRunView>,
}

/// Why entries were left as they are.
#[derive(Debug, Serialize, JsonSchema)]
struct ReasonView {
    reason: String,
    errors: u64,
}

/// The run of a replay under one definition.
#[derive(Debug, Serialize, JsonSchema)]
struct ReplayRunView {
    run: String,
    integration: String,
    definition: String,
    /// Records on their way in it.
    records: u64,
}

/// What was given up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DiscardView {
    /// Entries of the error log.
    errors: u64,
    /// Records of theirs.
    records: u64,
    /// One request gives up so much and no more: ask again.
    more: bool,
    /// Pass it as `cursor`, with the same selection, to go on from here; `null` at the end.
    next: Option<String>,
}

impl PreviewView {
    pub(super) fn of(preview: Preview, with: With, rate: Rate, store: &Store) -> Self {
        let minutes = preview.minutes(rate);
        let Preview { errors, records, guarded, oldest, newest, codes, .. } = preview;
        let Preview { definitions, tried, more, until, .. } = preview;
        let cost_usd = (price(errors, records) * 1e6).ceil() / 1e6;
        Self {
            errors,
            records,
            guarded,
            more,
            until: time(until),
            oldest: oldest.map(time),
            newest: newest.map(time),
            expires_at: oldest.map(|oldest| time(store.expires_at(oldest))),
            codes: codes.into_iter().map(|(code, errors)| CodeView { code, errors }).collect(),
            definitions: definitions.into_iter().map(DefinitionView::from).collect(),
            tried: tried.map(TriedView::from),
            with: word_of(with),
            rate: rate.to_string(),
            minutes,
            cost_usd: if errors == 0 { 0.0 } else { cost_usd },
        }
    }
}

impl From<OfDefinition> for DefinitionView {
    fn from(of: OfDefinition) -> Self {
        let OfDefinition { integration, definition, today, errors, records } = of;
        Self {
            integration: integration.to_string(),
            changed: today.as_ref() != Some(&definition),
            definition: definition.to_string(),
            today: today.map(|today| today.to_string()),
            errors,
            records,
        }
    }
}

impl From<Tried> for TriedView {
    fn from(Tried { records, mapped, ignored, refused, reason }: Tried) -> Self {
        Self { records, mapped, ignored, refused, reason }
    }
}

impl From<Replay> for ReplayView {
    fn from(replay: Replay) -> Self {
        let reasons = replay.reasons.into_iter();
        Self {
            id: replay.id,
            by: replay.by,
            with: word_of(replay.with),
            rate: replay.rate.to_string(),
            state: match replay.state {
                ReplayState::Running => "running",
                ReplayState::Done => "done",
            },
            started_at: time(replay.started_at),
            ended_at: replay.ended_at.map(time),
            errors: replay.errors,
            records: replay.records,
            left: replay.left,
            reasons: reasons.map(|(reason, errors)| ReasonView { reason, errors }).collect(),
            runs: replay.runs.into_iter().map(ReplayRunView::from).collect(),
        }
    }
}

impl From<ReplayRun> for ReplayRunView {
    fn from(run: ReplayRun) -> Self {
        let ReplayRun { run, integration, definition, records, .. } = run;
        Self {
            run: run.to_string(),
            integration: integration.to_string(),
            definition: definition.to_string(),
            records,
        }
    }
}

impl DiscardView {
    pub(super) fn of(discarded: Discarded, wanted: &Wanted) -> Self {
        let Discarded { errors, records, next } = discarded;
        let Page { next, .. } = wanted.page::<()>(Vec::new(), next);
        Self { errors, records, more: next.is_some(), next }
    }
}
