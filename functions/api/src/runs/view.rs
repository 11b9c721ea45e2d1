//! What a run would do, as callers get to see it.

use ferrule_core::{Calls, Changed, Decision, Does, Found, Look, Reason, Run, Sample, cost};
use schemars::JsonSchema;
use serde::Serialize;

use crate::views::{CountsView, time};

/// What a plan found out; its counts are what would become of the records.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PlanView {
    /// Some of the changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<SampleView>,
    /// Why records would be refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<ReasonView>,
    /// Calls of the source that it takes.
    source_calls: u64,
    /// Calls of the target that it would take; absent when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_calls: Option<u64>,
    /// Minutes that the calls take at least under the rate limits; absent when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u64>,
    /// What the hub's own work would cost, estimated, in US dollars.
    cost_usd: f64,
    /// The source has more than was looked at.
    more: bool,
}

/// What the guard of a run says.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuardView {
    /// Why somebody must approve it; absent when nobody has to.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What would become of the records that were looked at.
    would: CountsView,
    /// Records that the target is known to hold, counted as far as it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    holds: Option<u64>,
    /// The run ends without a write when nobody has approved it by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<String>,
    /// What was decided, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionView>,
    /// Some of the changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<SampleView>,
}

/// What somebody decided.
#[derive(Debug, Serialize, JsonSchema)]
struct DecisionView {
    /// It may write.
    approved: bool,
    /// Who said so: a key, with its label.
    by: String,
    at: String,
}

/// One record that would change.
#[derive(Debug, Serialize, JsonSchema)]
struct SampleView {
    /// Its key in the target.
    key: String,
    /// `create`, `update` or `delete`.
    does: &'static str,
    /// Fields that would change.
    fields: Vec<FieldView>,
    /// Fields that would change, too.
    more_fields: usize,
}

/// One field that would change.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldView {
    field: String,
    /// What the target has, as JSON, cut and with secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    /// What it would have.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<String>,
}

/// Why records would be refused, with the first of them.
#[derive(Debug, Serialize, JsonSchema)]
struct ReasonView {
    /// Stable code.
    code: String,
    /// What is wrong with the first of them.
    message: String,
    /// Where that was read.
    origin: String,
    /// Its line, row or index; 0 when unknown.
    line: u64,
    /// How many.
    records: u64,
}

impl PlanView {
    pub(crate) fn of(run: &Run) -> Self {
        let found = run.look.as_ref().map(|look| look.found.clone()).unwrap_or_default();
        // A plan has no lease; the run that it is about has one.
        let cost_usd = cost::of_run(&Run { token: 1, ..run.clone() }).usd();
        let Found { samples, refused, source, target, more, .. } = found;
        Self {
            samples: samples.into_iter().map(SampleView::from).collect(),
            refused: refused.into_iter().map(ReasonView::from).collect(),
            source_calls: source.number,
            target_calls: (!target.unknown).then_some(target.number),
            minutes: minutes(source, target),
            cost_usd,
            more,
        }
    }
}

/// They work beside each other: the slower of them says how long it takes.
fn minutes(source: Calls, target: Calls) -> Option<u64> {
    Some(source.minutes()?.max(target.minutes()?))
}

impl From<Look> for GuardView {
    fn from(look: Look) -> Self {
        let Look { found, would, holds, why, until, decision, .. } = look;
        Self {
            why,
            would: would.into(),
            holds,
            waits_until: (until > 0).then(|| time(until)),
            decision: decision.map(DecisionView::from),
            samples: found.samples.into_iter().map(SampleView::from).collect(),
        }
    }
}

impl GuardView {
    /// Leaves out what is too much for a list.
    pub(crate) fn in_short(self) -> Self {
        Self { samples: Vec::new(), ..self }
    }
}

impl From<Decision> for DecisionView {
    fn from(Decision { approved, by, at }: Decision) -> Self {
        Self { approved, by, at: time(at) }
    }
}

impl From<Sample> for SampleView {
    fn from(Sample { key, does, fields, more }: Sample) -> Self {
        let does = match does {
            Does::Create => "create",
            Does::Update => "update",
            Does::Delete => "delete",
        };
        Self {
            key,
            does,
            fields: fields.into_iter().map(FieldView::from).collect(),
            more_fields: more,
        }
    }
}

impl From<Changed> for FieldView {
    fn from(Changed { field, old, new }: Changed) -> Self {
        Self { field, old, new }
    }
}

impl From<Reason> for ReasonView {
    fn from(Reason { code, message, origin, line, records }: Reason) -> Self {
        Self { code, message, origin, line, records }
    }
}
