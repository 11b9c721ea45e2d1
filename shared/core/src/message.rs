//! A message as it stands on a queue.
//!
//! The text is JSON. Records are packed (LZ4, then base64) when that is smaller. Every valid JSON
//! value survives: characters that SQS refuses are escaped or packed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Batch, Check, Counts, Envelope, Failure, Flush, Found, Note, Page, Record, Release, Task,
    Timings, VERSION,
    packing::{self, Cut, Packed},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BatchHead {
    seq: u64,
    origin: String,
    #[serde(default)]
    counts: Counts,
    #[serde(default)]
    timings: Timings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<Box<Found>>,
}

/// The text on the queue. Fields are flat structs only, so that raw values stay exact.
#[derive(Serialize, Deserialize)]
struct Text {
    envelope: Envelope,
    task: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flush: Option<Flush>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<Release>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchHead>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    packed: Option<String>,
}

/// Just enough of a message to know whether it can be read.
#[derive(Deserialize)]
struct Peek {
    envelope: PeekEnvelope,
}

#[derive(Deserialize)]
struct PeekEnvelope {
    v: u16,
}

/// An envelope and its task.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who and which run.
    pub envelope: Envelope,
    /// What to do.
    pub task: Task,
}

impl Message {
    /// Writes the message as it goes on a queue.
    pub fn encode(&self) -> Result<String, Failure> {
        self.encode_with(None)
    }

    /// Writes the message that `of` makes of the records of `cut`, which are written already.
    pub fn encode_cut(
        cut: Cut,
        of: impl FnOnce(Vec<Record>) -> Self,
    ) -> Result<(Self, String), Failure> {
        let message = of(cut.records);
        let text = message.encode_with(Some(cut.packed))?;
        Ok((message, text))
    }

    fn encode_with(&self, packed: Option<Packed>) -> Result<String, Failure> {
        let mut text = Text {
            envelope: self.envelope.clone(),
            task: String::new(),
            page: None,
            note: None,
            check: None,
            flush: None,
            release: None,
            batch: None,
            records: None,
            packed: None,
        };
        let (task, batch) = match &self.task {
            Task::Extract(page) => {
                text.page = Some(page.clone());
                ("extract", None)
            }
            Task::Note(note) => {
                text.note = Some(note.clone());
                ("note", None)
            }
            Task::Check(check) => {
                text.check = Some(check.clone());
                ("check", None)
            }
            Task::Flush(flush) => {
                text.flush = Some(flush.clone());
                ("flush", None)
            }
            Task::Release(release) => {
                text.release = Some(release.clone());
                ("release", None)
            }
            Task::Transform(batch) => ("transform", Some(batch)),
            Task::Load(batch) => ("load", Some(batch)),
            Task::Events(batch) => ("events", Some(batch)),
            Task::Fold(batch) => ("fold", Some(batch)),
        };
        task.clone_into(&mut text.task);
        if let Some(batch) = batch {
            text.batch = Some(BatchHead {
                seq: batch.seq,
                origin: batch.origin.clone(),
                counts: batch.counts,
                timings: batch.timings,
                recipient: batch.recipient,
                found: batch.found.clone(),
            });
            match packed.unwrap_or_else(|| packing::pack(&batch.records)) {
                Packed::Small(packed) => text.packed = Some(packed),
                Packed::Plain(plain) => {
                    text.records = Some(RawValue::from_string(plain).map_err(unwritable)?);
                }
            }
        }
        serde_json::to_string(&text).map(|text| escape_for_sqs(&text)).map_err(unwritable)
    }

    /// Reads a message off a queue.
    ///
    /// A newer format is [`Failure::Deferred`] (given back, not parked); anything unreadable is
    /// [`Failure::Invalid`].
    pub fn decode(text: &str) -> Result<Self, Failure> {
        let text: Text = match serde_json::from_str(text) {
            Ok(Text { envelope, .. }) if envelope.v > VERSION => return Err(newer(envelope.v)),
            Ok(text) => text,
            // A newer one need not look like ours.
            Err(error) => match serde_json::from_str::<Peek>(text) {
                Ok(peek) if peek.envelope.v > VERSION => return Err(newer(peek.envelope.v)),
                _ => return Err(unreadable(&error)),
            },
        };
        let task = match text.task.as_str() {
            "extract" => text.page.clone().map(Task::Extract),
            "note" => text.note.clone().map(Task::Note),
            "check" => text.check.clone().map(Task::Check),
            "transform" => Some(Task::Transform(unpack(&text)?)),
            "load" => Some(Task::Load(unpack(&text)?)),
            "events" => Some(Task::Events(unpack(&text)?)),
            "fold" => Some(Task::Fold(unpack(&text)?)),
            "flush" => text.flush.clone().map(Task::Flush),
            "release" => text.release.clone().map(Task::Release),
            _ => None,
        };
        let task = task.ok_or_else(|| unreadable(&format!("task {:?} has no body", text.task)))?;
        Ok(Self { envelope: text.envelope, task })
    }
}

fn newer(version: u16) -> Failure {
    Failure::Deferred {
        reason: format!("message format {version} is newer than {VERSION}"),
        wait: Duration::from_mins(1),
    }
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::coded("ENVELOPE", format!("cannot write the message: {error}"))
}

pub(crate) fn unreadable(error: &impl std::fmt::Display) -> Failure {
    Failure::coded("ENVELOPE", format!("unreadable queue message: {error}"))
}

fn unpack(text: &Text) -> Result<Batch, Failure> {
    let head = text.batch.clone().ok_or_else(|| unreadable(&"a batch without its head"))?;
    let records: Vec<Record> = match (&text.packed, &text.records) {
        (Some(packed), _) => packing::unpack(packed)?,
        (None, Some(raw)) => packing::parse(raw.get().as_bytes())?,
        (None, None) => Vec::new(),
    };
    let BatchHead { seq, origin, counts, timings, recipient, found } = head;
    Ok(Batch { seq, origin, counts, timings, recipient, found, records })
}

/// `serde_json` writes U+FFFE and U+FFFF as they are; SQS refuses them.
fn escape_for_sqs(text: &str) -> String {
    text.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, Hops, Name, RunId, Tenant, Value, definition::Urgency, json};

    fn message(task: Task) -> Message {
        Message {
            envelope: Envelope {
                urgency: Urgency::High,
                ..Envelope::new(
                    Tenant::new("acme").unwrap(),
                    Name::new("incidents-in").unwrap(),
                    Digest::of(&[b"x"]),
                    RunId::new("r1"),
                )
            },
            task,
        }
    }

    fn batch(values: Vec<Value>) -> Batch {
        let records = values.into_iter().map(|value| Record {
            line: 3,
            hops: Hops::new(2),
            value,
            ..Record::default()
        });
        Batch { seq: 7, origin: "a.csv".into(), records: records.collect(), ..Batch::default() }
    }

    #[test]
    fn every_number_list_null_and_character_survives_a_message() {
        let text = "[12345678901234567890123,123456789.123456789123456789,[1],null,\
                    \"\\u0000\\ufffe\\uffff\u{10FFFF}\",1.10]";
        let value = json::parse(text.as_bytes()).unwrap();
        let sent = message(Task::Load(batch(vec![value])));
        let body = sent.encode().unwrap();
        assert!(!body.contains('\u{FFFF}'));
        assert_eq!(Message::decode(&body).unwrap(), sent);
    }

    #[test]
    fn a_row_whose_fields_are_as_deep_as_any_value_survives_a_message() {
        let text = format!("{}{}", "[".repeat(json::MAX_DEPTH), "]".repeat(json::MAX_DEPTH));
        let deep = json::parse(text.as_bytes()).unwrap();
        let row: crate::Object = [("raw", deep.clone())].into_iter().collect();
        let sent = message(Task::Load(batch(vec![deep, Value::Object(row)])));
        assert_eq!(Message::decode(&sent.encode().unwrap()).unwrap(), sent);
    }

    #[test]
    fn records_that_unpack_to_more_than_is_unpacked_are_not_packed() {
        let sent = message(Task::Load(batch(vec![Value::from("a".repeat(17 * 1024 * 1024))])));
        assert_eq!(Message::decode(&sent.encode().unwrap()).unwrap(), sent);
    }

    #[test]
    fn many_records_are_packed_and_come_back() {
        let values = (0..500).map(|n| Value::from(format!("incident number {n}"))).collect();
        let sent = message(Task::Transform(batch(values)));
        let body = sent.encode().unwrap();
        assert!(body.contains("\"packed\""));
        assert_eq!(Message::decode(&body).unwrap(), sent);
    }

    #[test]
    fn what_is_written_while_cutting_is_what_would_be_written_after() {
        let noise = |n: u32| {
            let hash = |part: u32| Digest::of(&[&n.to_be_bytes(), &part.to_be_bytes()]).to_string();
            Value::from((0..10).map(hash).collect::<String>())
        };
        let cuts = crate::cut(batch((0..1500).map(noise).collect()).records, 1000);
        assert!(cuts.len() > 2);
        for cut in cuts {
            let of = |records| message(Task::Load(Batch { records, ..batch(Vec::new()) }));
            let (sent, text) = Message::encode_cut(cut, of).unwrap();
            assert_eq!(sent.encode().unwrap(), text);
            assert_eq!(Message::decode(&text).unwrap(), sent);
        }
    }

    #[test]
    fn a_newer_format_is_given_back_not_parked() {
        let mut sent = message(Task::Extract(Page::default()));
        sent.envelope.v = VERSION + 1;
        let text = sent.encode().unwrap();
        for text in [text.as_str(), r#"{"envelope":{"v":99,"who":"acme"},"parts":[]}"#] {
            let failure = Message::decode(text).unwrap_err();
            assert!(matches!(failure, Failure::Deferred { .. }), "{text}");
        }
    }
}
