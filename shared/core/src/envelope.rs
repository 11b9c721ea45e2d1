//! One queue message: who it is for, what to do, and the records.
//!
//! The text is JSON. Records are packed (LZ4, then base64) when that is smaller. Every valid JSON
//! value survives: characters that SQS refuses are escaped or packed.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Batch, Counts, Digest, Failure, Name, Record, RunId, Tenant, Timings, Value,
    definition::Urgency, json,
};

/// The format written; the only one read so far.
pub const VERSION: u16 = 1;

/// SQS bills a message per 64 KiB; a batch is cut to stay under it.
pub const TARGET_BYTES: usize = 63 * 1024;

/// Largest unpacked body that is read back: a guard against a hostile body.
const MAX_UNPACKED_BYTES: usize = 16 * 1024 * 1024;

/// What every message carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Format; see [`VERSION`].
    pub v: u16,
    /// Whose data it is.
    pub tenant: Tenant,
    /// Which integration.
    pub integration: Name,
    /// Hash of the definition under which the run started.
    pub definition: Digest,
    /// Which run.
    pub run: RunId,
    /// Fencing token of the run's lease; a later run has a higher one.
    #[serde(default)]
    pub token: u64,
    /// Ties together log lines of everything that one trigger caused.
    pub trace: String,
    /// Failed attempts at this task so far.
    #[serde(default)]
    pub failures: u32,
    /// Not to be handled before this moment, in milliseconds since 1970; 0 is at once.
    #[serde(default)]
    pub not_before: i64,
    /// How urgent the work is; what is high travels on queues of its own.
    #[serde(default, skip_serializing_if = "Urgency::is_medium")]
    pub urgency: Urgency,
    /// The work tells of a failure of the hub itself: when it fails too, nobody is told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alert: bool,
    /// Somebody asked for it again: it is never too late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

impl Envelope {
    /// Addresses the first task of a run.
    pub fn new(tenant: Tenant, integration: Name, definition: Digest, run: RunId) -> Self {
        Self {
            v: VERSION,
            tenant,
            integration,
            definition,
            trace: run.to_string(),
            run,
            token: 0,
            failures: 0,
            not_before: 0,
            urgency: Urgency::Medium,
            alert: false,
            replayed: false,
        }
    }
}

/// What a function is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Fetch one page from the source.
    Extract(Page),
    /// Map and validate a batch.
    Transform(Batch),
    /// Write a batch to the target.
    Load(Batch),
    /// Find out what these events start. For `dispatch`.
    Events(Batch),
    /// Put these notifications into the recipient's digest. For `dispatch`.
    Fold(Batch),
    /// Send a digest whose time is over. For `dispatch`.
    Flush(Flush),
    /// Note what became of work. For `journal`.
    Note(Note),
    /// Try the credentials of a connection and say what was found.
    Check(Check),
}

/// One page to fetch: everything a crash must not lose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Number of the page within the run, from 0.
    pub number: u32,
    /// Where the connector goes on; `null` is the start.
    #[serde(default)]
    pub position: Value,
    /// Read everything, whatever the cursor says.
    #[serde(default)]
    pub full: bool,
}

/// What a stage tells the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Note {
    /// A batch is accounted for: loaded, refused or parked.
    Batch {
        /// Its number within the run.
        seq: u64,
        /// Other numbers that are accounted for with it: first and how many.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<(u64, u64)>,
        /// What became of its records.
        counts: Counts,
        /// How long it took.
        timings: Timings,
        /// Set when the whole run must count as failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// The source is read to its end.
    End {
        /// How many batches there are.
        batches: u64,
        /// Counts of the extract stage: read, skipped, refused.
        counts: Counts,
        /// How long extracting took.
        timings: Timings,
    },
    /// The run cannot go on.
    Failed {
        /// Stable code.
        code: String,
        /// One sentence.
        message: String,
    },
}

/// A digest to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flush {
    /// Whom to tell: the place of a recipient in the definition.
    pub recipient: u16,
    /// Which digest of that recipient.
    pub digest: String,
}

/// Test of a connection, asked through the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which connection.
    pub connection: Name,
    /// Where the answer is awaited: sort key in the state table.
    pub reply_to: String,
}

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
        let mut text = Text {
            envelope: self.envelope.clone(),
            task: String::new(),
            page: None,
            note: None,
            check: None,
            flush: None,
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
            });
            pack(&batch.records, &mut text)?;
        }
        serde_json::to_string(&text).map(|text| escape_for_sqs(&text)).map_err(unwritable)
    }

    /// Reads a message off a queue.
    ///
    /// A newer format is [`Failure::Deferred`] (given back, not parked); anything unreadable is
    /// [`Failure::Invalid`].
    pub fn decode(text: &str) -> Result<Self, Failure> {
        let peek: Peek = serde_json::from_str(text).map_err(|e| unreadable(&e))?;
        if peek.envelope.v > VERSION {
            return Err(Failure::Deferred {
                reason: format!("message format {} is newer than {VERSION}", peek.envelope.v),
                wait: Duration::from_mins(1),
            });
        }
        let text: Text = serde_json::from_str(text).map_err(|e| unreadable(&e))?;
        let task = match text.task.as_str() {
            "extract" => text.page.clone().map(Task::Extract),
            "note" => text.note.clone().map(Task::Note),
            "check" => text.check.clone().map(Task::Check),
            "transform" => Some(Task::Transform(unpack(&text)?)),
            "load" => Some(Task::Load(unpack(&text)?)),
            "events" => Some(Task::Events(unpack(&text)?)),
            "fold" => Some(Task::Fold(unpack(&text)?)),
            "flush" => text.flush.clone().map(Task::Flush),
            _ => None,
        };
        let task = task.ok_or_else(|| unreadable(&format!("task {:?} has no body", text.task)))?;
        Ok(Self { envelope: text.envelope, task })
    }
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::coded("ENVELOPE", format!("cannot write the message: {error}"))
}

fn unreadable(error: &impl std::fmt::Display) -> Failure {
    Failure::coded("ENVELOPE", format!("unreadable queue message: {error}"))
}

fn pack(records: &[Record], text: &mut Text) -> Result<(), Failure> {
    let plain = serialize_records(records);
    let packed = lz4_flex::compress_prepend_size(plain.as_bytes());
    if packed.len() / 3 * 4 < plain.len() {
        text.packed = Some(STANDARD_NO_PAD.encode(packed));
    } else {
        text.records = Some(RawValue::from_string(plain).map_err(unwritable)?);
    }
    Ok(())
}

fn unpack(text: &Text) -> Result<Batch, Failure> {
    let head = text.batch.clone().ok_or_else(|| unreadable(&"a batch without its head"))?;
    let records = match (&text.packed, &text.records) {
        (Some(packed), _) => parse_records(&inflate(packed)?)?,
        (None, Some(raw)) => parse_records(raw.get().as_bytes())?,
        (None, None) => Vec::new(),
    };
    let BatchHead { seq, origin, counts, timings, recipient } = head;
    Ok(Batch { seq, origin, counts, timings, recipient, records })
}

fn inflate(packed: &str) -> Result<Vec<u8>, Failure> {
    let bytes = STANDARD_NO_PAD.decode(packed).map_err(|e| unreadable(&e))?;
    let (size, _) = lz4_flex::block::uncompressed_size(&bytes).map_err(|e| unreadable(&e))?;
    if size > MAX_UNPACKED_BYTES {
        return Err(unreadable(&format!("{size} bytes unpacked, over {MAX_UNPACKED_BYTES}")));
    }
    lz4_flex::decompress_size_prepended(&bytes).map_err(|e| unreadable(&e))
}

/// Writes records as a JSON array of objects with the keys of [`Record`].
fn serialize_records(records: &[Record]) -> String {
    let mut out = String::with_capacity(records.len() * 256);
    out.push('[');
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_record(record, &mut out);
    }
    out.push(']');
    out
}

fn write_record(record: &Record, out: &mut String) {
    out.push('{');
    if record.line > 0 {
        out.push_str(&format!("\"line\":{},", record.line));
    }
    if let Some(key) = &record.key {
        out.push_str("\"key\":");
        json::write_string(key, out);
        out.push(',');
    }
    if let Some(version) = &record.version {
        out.push_str("\"version\":");
        json::write(version, out);
        out.push(',');
    }
    if record.deleted {
        out.push_str("\"deleted\":true,");
    }
    out.push_str("\"value\":");
    json::write(&record.value, out);
    out.push('}');
}

fn parse_records(text: &[u8]) -> Result<Vec<Record>, Failure> {
    // Two levels around each record, which alone may be as deep as any value.
    match json::parse_deep(text, json::MAX_DEPTH + 2).map_err(|e| unreadable(&e))? {
        Value::Array(items) => items.into_iter().map(record_of).collect(),
        other => Err(unreadable(&format!("records are a {}, not an array", other.kind()))),
    }
}

fn record_of(item: Value) -> Result<Record, Failure> {
    let Value::Object(mut object) = item else {
        return Err(unreadable(&"a record is not an object"));
    };
    Ok(Record {
        line: object.remove("line").and_then(|v| v.as_i64()).map_or(0, i64::unsigned_abs),
        key: object.remove("key").and_then(|v| v.as_str().map(str::to_owned)),
        version: object.remove("version"),
        deleted: object.remove("deleted").and_then(|v| v.as_bool()).unwrap_or(false),
        value: object.remove("value").ok_or_else(|| unreadable(&"a record without value"))?,
    })
}

/// `serde_json` writes U+FFFE and U+FFFF as they are; SQS refuses them.
fn escape_for_sqs(text: &str) -> String {
    text.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

/// Splits records into batches that each encode to about [`TARGET_BYTES`] or less.
///
/// `most` caps the records of one batch. A single record over the target stands alone.
pub fn cut(records: Vec<Record>, most: usize) -> Vec<Vec<Record>> {
    let most = most.clamp(1, crate::MAX_RECORDS);
    let mut batches = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut count = rest.len().min(most);
        while count > 1 && encoded_bytes(&rest[..count]) > TARGET_BYTES {
            count = (count / 2).max(1);
        }
        let tail = rest.split_off(count);
        batches.push(std::mem::replace(&mut rest, tail));
    }
    batches
}

fn encoded_bytes(records: &[Record]) -> usize {
    let plain = serialize_records(records);
    if plain.len() <= TARGET_BYTES {
        return plain.len();
    }
    lz4_flex::compress_prepend_size(plain.as_bytes()).len() / 3 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let records =
            values.into_iter().map(|value| Record { line: 3, value, ..Record::default() });
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
    fn a_record_as_deep_as_any_value_survives_a_message() {
        let text = format!("{}{}", "[".repeat(json::MAX_DEPTH), "]".repeat(json::MAX_DEPTH));
        let sent = message(Task::Load(batch(vec![json::parse(text.as_bytes()).unwrap(); 99])));
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
    fn a_newer_format_is_given_back_not_parked() {
        let mut sent = message(Task::Extract(Page::default()));
        sent.envelope.v = VERSION + 1;
        let failure = Message::decode(&sent.encode().unwrap()).unwrap_err();
        assert!(matches!(failure, Failure::Deferred { .. }));
    }

    #[test]
    fn a_body_that_claims_to_be_huge_is_refused() {
        let bomb = STANDARD_NO_PAD.encode(u32::MAX.to_le_bytes());
        assert!(inflate(&bomb).is_err());
    }

    #[test]
    fn batches_are_cut_to_size_and_lose_nothing() {
        let values: Vec<_> = (0..3000_i64).map(Value::from).collect();
        let records = batch(values).records;
        let cuts = cut(records.clone(), 1000);
        assert!(cuts.iter().all(|cut| encoded_bytes(cut) <= TARGET_BYTES && cut.len() <= 1000));
        assert_eq!(cuts.concat(), records);
    }
}
