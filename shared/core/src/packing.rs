//! Records as they travel: written, packed, read back, and cut into messages of a good size.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use crate::{Failure, Hops, Record, Value, json, message::unreadable};

/// SQS bills a message per 64 KiB; a batch is cut to stay under it.
pub const TARGET_BYTES: usize = 63 * 1024;

/// Largest unpacked body that is read back: a guard against a hostile body.
const MAX_UNPACKED_BYTES: usize = 16 * 1024 * 1024;

/// How deep the text of records may be: two levels around each value, and one more where a mapping has put
/// values that are as deep as any into the fields of a row.
const DEPTH: usize = json::MAX_DEPTH + 3;

/// Records as text, whichever is smaller.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    /// A JSON array.
    Plain(String),
    /// That array in LZ4, in base64.
    Small(String),
}

impl Packed {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Plain(text) | Self::Small(text) => text.len(),
        }
    }
}

/// Writes records.
pub(crate) fn pack(records: &[Record]) -> Packed {
    smaller(serialize_records(records))
}

fn smaller(plain: String) -> Packed {
    // What would be refused as a bomb is not packed.
    if plain.len() > MAX_UNPACKED_BYTES {
        return Packed::Plain(plain);
    }
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
    if !record.hops.is_none() {
        out.push_str(&format!("\"hops\":{},", record.hops.number()));
    }
    out.push_str("\"value\":");
    json::write(&record.value, out);
    out.push('}');
}

/// Reads what [`Packed::Plain`] holds.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Record>, Failure> {
    match json::parse_deep(text, DEPTH).map_err(|e| unreadable(&e))? {
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
        hops: object.remove("hops").and_then(|v| v.as_i64()).map_or_else(Hops::default, Hops::new),
        value: object.remove("value").ok_or_else(|| unreadable(&"a record without value"))?,
    })
}

/// Records that fill one message, written already.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The records.
    pub records: Vec<Record>,
    pub(crate) packed: Packed,
}

/// Splits records into parts that each encode to [`TARGET_BYTES`] or less.
///
/// `most` caps the records of one part. A single record over the target stands alone.
pub fn cut(records: Vec<Record>, most: usize) -> Vec<Cut> {
    let most = most.clamp(1, crate::MAX_RECORDS);
    let written = Written::of(&records);
    let mut records = records.into_iter();
    let (mut cuts, mut first, mut guess) = (Vec::new(), 0, FIRST_GUESS);
    while first < written.ends.len() {
        let (count, packed) = written.fit(first, most, &mut guess);
        cuts.push(Cut { records: records.by_ref().take(count).collect(), packed });
        first += count;
    }
    cuts
}

/// What packing leaves of a text, before any is seen: such text is packed once to learn more.
const FIRST_GUESS: f64 = 0.4;

/// Records as text, all of them behind each other, each with a comma behind it.
struct Written {
    text: String,
    /// Where each record's text ends; its comma stands there.
    ends: Vec<usize>,
}

impl Written {
    fn of(records: &[Record]) -> Self {
        let mut text = String::with_capacity(records.len() * 256);
        let mut ends = Vec::with_capacity(records.len());
        for record in records {
            write_record(record, &mut text);
            ends.push(text.len());
            text.push(',');
        }
        Self { text, ends }
    }

    fn start(&self, first: usize) -> usize {
        first.checked_sub(1).map_or(0, |before| self.ends[before] + 1)
    }

    /// Packs as many records from `first` on as fit. `guess` is what packing leaves of a text, and
    /// gets better: nearly all text is packed just once.
    fn fit(&self, first: usize, most: usize, guess: &mut f64) -> (usize, Packed) {
        let left = most.min(self.ends.len() - first);
        let mut ceiling = left;
        let mut floor = None;
        let mut count = self.guessed(first, left, *guess);
        loop {
            let (plain_bytes, packed) = self.packed(first, count);
            *guess = ratio(packed.size_bytes(), plain_bytes);
            if packed.size_bytes() > TARGET_BYTES && count > 1 {
                ceiling = count - 1;
                count = self.guessed(first, ceiling, *guess);
                continue;
            }
            let wider = self.guessed(first, ceiling, *guess);
            // Once more when the guess was far off; then take what there is.
            if floor.is_none() && wider > count + count / 8 {
                floor = Some((count, packed));
                count = wider;
                continue;
            }
            return match floor {
                Some(smaller) if smaller.0 > count => smaller,
                _ => (count, packed),
            };
        }
    }

    /// Returns how many records fit, if `ratio` of their text is left.
    fn guessed(&self, first: usize, most: usize, ratio: f64) -> usize {
        let start = self.start(first);
        let room = room(ratio);
        let ends = &self.ends[first..first + most];
        ends.partition_point(|end| end - start <= room).max(1)
    }

    fn packed(&self, first: usize, count: usize) -> (usize, Packed) {
        let text = &self.text[self.start(first)..self.ends[first + count - 1]];
        let mut plain = String::with_capacity(text.len() + 2);
        plain.push('[');
        plain.push_str(text);
        plain.push(']');
        (plain.len(), smaller(plain))
    }
}

/// Bytes of text that fit into a message: a little less than the guess says.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "it is a guess, and what comes of it is measured"
)]
fn room(ratio: f64) -> usize {
    (TARGET_BYTES as f64 * 0.97 / ratio.max(0.001)) as usize
}

#[expect(clippy::cast_precision_loss, reason = "it is a guess")]
fn ratio(packed_bytes: usize, plain_bytes: usize) -> f64 {
    packed_bytes as f64 / plain_bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_claims_to_be_huge_is_refused() {
        let bomb = STANDARD_NO_PAD.encode(u32::MAX.to_le_bytes());
        assert!(inflate(&bomb).is_err());
    }

    fn cuts_of(records: &[Record], most: usize) -> Vec<Cut> {
        let cuts = cut(records.to_vec(), most);
        let back = cuts.iter().flat_map(|cut| cut.records.clone()).collect::<Vec<_>>();
        assert_eq!(back, records, "nothing is lost, and the order is the same");
        for cut in &cuts {
            let read = match &cut.packed {
                Packed::Plain(plain) => parse(plain.as_bytes()).unwrap(),
                Packed::Small(small) => unpack(small).unwrap(),
            };
            assert_eq!(read, cut.records, "what is written are these records");
            assert!(cut.packed.size_bytes() <= TARGET_BYTES || cut.records.len() == 1);
            assert!(cut.records.len() <= most);
        }
        cuts
    }

    fn record(value: impl Into<Value>) -> Record {
        Record { line: 3, value: value.into(), ..Record::default() }
    }

    /// Text that packs badly.
    fn noise(seed: u64, bytes: usize) -> String {
        let mut seed = seed.wrapping_mul(2).wrapping_add(1);
        let next = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'0' + seed.to_be_bytes()[0] % 64)
        });
        next.take(bytes).collect()
    }

    #[test]
    fn small_records_are_cut_by_their_number_alone() {
        let records: Vec<_> = (0..3000_i64).map(record).collect();
        let sizes: Vec<_> = cuts_of(&records, 700).iter().map(|cut| cut.records.len()).collect();
        assert_eq!(sizes, [700, 700, 700, 700, 200]);
        assert!(cuts_of(&[], 700).is_empty());
    }

    #[test]
    fn what_packs_badly_fills_messages_as_well() {
        let records: Vec<_> = (0..900).map(|seed| record(noise(seed, 1000))).collect();
        let cuts = cuts_of(&records, 1000);
        let bytes: usize = cuts.iter().map(|cut| cut.packed.size_bytes()).sum();
        let fewest = bytes.div_ceil(TARGET_BYTES);
        assert!(cuts.len() <= fewest + fewest / 8 + 1, "{} of {fewest}", cuts.len());
    }

    #[test]
    fn what_packs_well_then_badly_is_cut_to_size() {
        let mixed = |at: u64| match at / 300 % 3 {
            0 => record("the same again and again ".repeat(50)),
            1 => record(noise(at, 3000)),
            _ => record("x"),
        };
        cuts_of(&(0..1800).map(mixed).collect::<Vec<_>>(), 1000);
        let giant = [record(noise(7, 200_000)), record("small"), record(noise(8, 200_000))];
        let sizes: Vec<_> = cuts_of(&giant, 1000).iter().map(|cut| cut.records.len()).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }
}
