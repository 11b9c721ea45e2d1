//! What is known of a run before anything is written: what it would change, and who let it.
//!
//! A plan is all look: it ends with it. A run with a guard looks first, keeps what it would write,
//! and goes on when that is little enough or when somebody says so.

use serde::{Deserialize, Serialize};

use crate::{Counts, Object, Progress, Value, excerpt_of};

/// Changes of one kind that are shown of a run.
const MOST_SAMPLES: usize = 5;

/// Fields that are shown of one change.
const MOST_FIELDS: usize = 8;

/// Reasons for refusing records that are told apart.
const MOST_REASONS: usize = 20;

/// Longest part of a message that is kept, in characters.
const MOST_CHARS: usize = 300;

/// What the messages of a run are sent for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To write records into the target.
    #[default]
    Deliver,
    /// To see what writing them would do, and keep them until that is allowed.
    Guard,
    /// To see what writing them would do, and no more.
    Plan,
}

impl Purpose {
    /// Tells whether records are written; borrowed for serde.
    pub fn is_deliver(&self) -> bool {
        *self == Self::Deliver
    }

    /// Tells whether nothing but an answer may come of it.
    pub fn is_plan(self) -> bool {
        self == Self::Plan
    }
}

/// What a look found out. Parts of it, from one batch each, make the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Some of the changes: a few of each kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// Why records would be refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Reason>,
    /// Calls of the source: those that were made.
    #[serde(skip_serializing_if = "Calls::is_none")]
    pub source: Calls,
    /// Calls of the target: those that it would take.
    #[serde(skip_serializing_if = "Calls::is_none")]
    pub target: Calls,
    /// The source has more than was looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Marks of the records of a kept batch that would be changed; they stay with the batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<u64>,
}

/// Calls against a rate limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    /// How many.
    pub number: u64,
    /// How many there may be in an hour; 0 when nothing limits them.
    pub per_hour: u64,
    /// Nobody knows how many.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

/// One record that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Names it in the target; empty without key.
    pub key: String,
    /// What would happen to it.
    pub does: Does,
    /// Fields that would change, with secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Changed>,
    /// Fields that would change, too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// What would happen to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It would be new.
    Create,
    /// It would be changed.
    Update,
    /// It would be gone.
    Delete,
}

/// One field that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which.
    pub field: String,
    /// What the target has, as short JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it would have, as short JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// Why records would be refused, with the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code.
    pub code: String,
    /// What is wrong with the first.
    pub message: String,
    /// Where that was read.
    pub origin: String,
    /// Its line, row or index; 0 when unknown.
    pub line: u64,
    /// How many there are.
    pub records: u64,
}

/// What a run knows of what it would do, and who decided about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// What was found.
    pub found: Found,
    /// What the kept batches would do.
    pub would: Counts,
    /// Batches that are kept until they may be written.
    pub kept: Progress,
    /// Records that the target is known to hold: so many at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<u64>,
    /// Why somebody must approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// It waits no longer than this, in milliseconds since 1970; 0 when it does not wait.
    pub until: i64,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What somebody decided about a run that waited for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// It may write.
    pub approved: bool,
    /// Who said so.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

impl Found {
    /// Adds a part.
    pub fn merge(&mut self, part: Self) {
        for sample in part.samples {
            self.add(sample.does, || sample);
        }
        for reason in part.refused {
            self.note_refused(reason);
        }
        self.source.add(part.source);
        self.target.add(part.target);
        self.more |= part.more;
    }

    /// Shows a change, if few of its kind are shown yet.
    pub fn note_change(
        &mut self,
        does: Does,
        key: Option<&str>,
        old: Option<&Value>,
        new: Option<&Value>,
    ) {
        self.add(does, || {
            let mut fields = changed(old, new);
            let more = fields.len().saturating_sub(MOST_FIELDS);
            fields.truncate(MOST_FIELDS);
            Sample { key: cut(key.unwrap_or_default()), does, fields, more }
        });
    }

    /// Counts records that would be refused.
    pub fn note_refused(&mut self, reason: Reason) {
        if let Some(there) = self.refused.iter_mut().find(|there| there.code == reason.code) {
            there.records += reason.records;
        } else if self.refused.len() < MOST_REASONS {
            self.refused.push(Reason { message: cut(&reason.message), ..reason });
        }
    }

    fn add(&mut self, does: Does, sample: impl FnOnce() -> Sample) {
        let shown = self.samples.iter().filter(|there| there.does == does).count();
        if shown < MOST_SAMPLES {
            self.samples.push(sample());
        }
    }
}

impl Calls {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, more: Self) {
        self.number += more.number;
        self.per_hour = self.per_hour.max(more.per_hour);
        self.unknown |= more.unknown;
    }

    /// Returns how many minutes they take, rounded up; `None` when nobody knows.
    pub fn minutes(&self) -> Option<u64> {
        match (self.unknown, self.per_hour) {
            (true, _) => None,
            (false, 0) => Some(0),
            (false, per_hour) => Some((self.number * 60).div_ceil(per_hour)),
        }
    }
}

/// Lists what differs. Nothing is known of a field when the whole value is not.
fn changed(old: Option<&Value>, new: Option<&Value>) -> Vec<Changed> {
    let (Some(old), Some(new)) = (old.and_then(Value::as_object), new.and_then(Value::as_object))
    else {
        let one = old.or(new).and_then(Value::as_object);
        let is_new = new.is_some();
        let field = |(name, value): (&str, &Value)| {
            let shown = Some(excerpt_of(name, value));
            let (old, new) = if is_new { (None, shown) } else { (shown, None) };
            Changed { field: cut(name), old, new }
        };
        return one.into_iter().flat_map(Object::iter).map(field).collect();
    };
    let gone = old.iter().filter(|(name, _)| new.get(name).is_none());
    let names = new.iter().chain(gone).map(|(name, _)| name);
    let differs = names.filter(|name| old.get(name) != new.get(name));
    let shown = |value: Option<&Value>, name: &str| value.map(|value| excerpt_of(name, value));
    let field = |name: &str| {
        let (old, new) = (shown(old.get(name), name), shown(new.get(name), name));
        Changed { field: cut(name), old, new }
    };
    differs.map(field).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes()).unwrap()
    }

    fn reason(code: &str) -> Reason {
        let (code, message, origin) = (code.into(), "no number".into(), "a.csv".into());
        Reason { code, message, origin, line: 7, records: 1 }
    }

    #[test]
    fn a_change_shows_the_fields_that_differ_and_masks_secrets() {
        let mut found = Found::default();
        let old = value(r#"{"age":1,"name":"a","token":"old","gone":1}"#);
        let new = value(r#"{"age":2,"name":"a","token":"new","is":"new"}"#);
        found.note_change(Does::Update, Some("p1"), Some(&old), Some(&new));
        let fields: Vec<_> = found.samples[0]
            .fields
            .iter()
            .map(|one| (&*one.field, one.old.as_deref(), one.new.as_deref()))
            .collect();
        let wanted = [
            ("age", Some("1"), Some("2")),
            ("token", Some("\"***\""), Some("\"***\"")),
            ("is", None, Some("\"new\"")),
            ("gone", Some("1"), None),
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn however_many_parts_there_are_it_stays_small() {
        let wide: Object =
            (0..100).map(|n| (format!("f{n}"), Value::from("x".repeat(9)))).collect();
        let wide = Value::from(wide);
        let mut all = Found::default();
        for _ in 0..1000 {
            let mut part = Found::default();
            for does in [Does::Create, Does::Update, Does::Delete] {
                part.note_change(does, Some("k"), None, Some(&wide));
            }
            part.note_refused(reason("TYPE"));
            all.merge(part);
        }
        let kinds = [Does::Create, Does::Update, Does::Delete];
        let shown = kinds.map(|does| all.samples.iter().filter(|one| one.does == does).count());
        assert_eq!(shown, [MOST_SAMPLES; 3]);
        assert_eq!((all.samples[0].fields.len(), all.samples[0].more), (8, 92));
        assert_eq!((all.refused.len(), all.refused[0].records), (1, 1000));
        assert!(serde_json::to_string(&all).unwrap().len() < 32_000);
    }

    #[test]
    fn minutes_are_known_when_the_calls_are() {
        let calls = |number, per_hour, unknown| Calls { number, per_hour, unknown };
        assert_eq!(calls(61, 3600, false).minutes(), Some(2));
        assert_eq!(calls(61, 0, false).minutes(), Some(0));
        assert_eq!(calls(0, 3600, true).minutes(), None);
    }
}
