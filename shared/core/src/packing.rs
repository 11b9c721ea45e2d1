//! Records as they travel: written, packed, read back, and cut into messages of a good size.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use crate::{Failure, Record, Value, json, message::unreadable};

/// SQS bills a message per 64 KiB; a batch is cut to stay under it.
pub const TARGET_BYTES: usize = 63 * 1024;

/// Largest unpacked body that is read back: a guard against a hostile body.
const MAX_UNPACKED_BYTES: usize = 16 * 1024 * 1024;

/// Records as text, whichever is smaller.
pub(crate) enum Packed {
    /// A JSON array.
    Plain(String),
    /// That array in LZ4, in base64.
    Small(String),
}

/// Writes records.
pub(crate) fn pack(records: &[Record]) -> Packed {
    let plain = serialize_records(records);
    let packed = lz4_flex::compress_prepend_size(plain.as_bytes());
    if packed.len() / 3 * 4 < plain.len() {
        Packed::Small(STANDARD_NO_PAD.encode(packed))
    } else {
        Packed::Plain(plain)
    }
}

/// Reads what [`Packed::Small`] holds.
pub(crate) fn unpack(packed: &str) -> Result<Vec<Record>, Failure> {
    parse(&inflate(packed)?)
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

/// Reads what [`Packed::Plain`] holds.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Record>, Failure> {
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

    #[test]
    fn a_body_that_claims_to_be_huge_is_refused() {
        let bomb = STANDARD_NO_PAD.encode(u32::MAX.to_le_bytes());
        assert!(inflate(&bomb).is_err());
    }

    #[test]
    fn batches_are_cut_to_size_and_lose_nothing() {
        let record = |n: i64| Record { line: 3, value: Value::from(n), ..Record::default() };
        let records: Vec<_> = (0..3000).map(record).collect();
        let cuts = cut(records.clone(), 1000);
        assert!(cuts.iter().all(|cut| encoded_bytes(cut) <= TARGET_BYTES && cut.len() <= 1000));
        assert_eq!(cuts.concat(), records);
    }
}
