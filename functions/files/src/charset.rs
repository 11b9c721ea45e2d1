//! Which character set a file has, and turning it into UTF-8.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use ferrule_connector::Failure;

use crate::settings::settings;

/// Bytes of a file that are looked at to tell its character set.
pub(crate) const HEAD_BYTES: usize = 256;

/// Stands for bytes that mean nothing in the file's character set. It is not valid UTF-8, so the
/// record that holds it is refused like any other invalid text.
const UNREADABLE: u8 = 0xFF;

/// What the first bytes of a file tell.
pub(crate) struct Charset {
    /// The character set.
    pub(crate) encoding: &'static Encoding,
    /// Length of the byte order mark.
    pub(crate) mark_bytes: usize,
}

impl Charset {
    /// Tells the character set: a byte order mark, else what the source says, else what an XML
    /// declaration says, else UTF-8.
    pub(crate) fn of(head: &[u8], declared: Option<&str>, xml: bool) -> Result<Self, Failure> {
        if let Some((encoding, mark_bytes)) = Encoding::for_bom(head) {
            return Ok(Self { encoding, mark_bytes });
        }
        let encoding = match declared.or_else(|| xml.then(|| xml_label(head)).flatten()) {
            Some(label) => named(label)?,
            None => UTF_8,
        };
        Ok(Self { encoding, mark_bytes: 0 })
    }
}

fn named(label: &str) -> Result<&'static Encoding, Failure> {
    Encoding::for_label_no_replacement(label.replace("latin-1", "latin1").as_bytes())
        .ok_or_else(|| settings(&format!("`encoding` {label:?} is not a known character set")))
}

/// Returns the label in `<?xml version="1.0" encoding="…"?>`.
fn xml_label(head: &[u8]) -> Option<&str> {
    let end = head.windows(2).position(|two| two == b"?>")?;
    let declaration = std::str::from_utf8(head.get(..end)?).ok()?;
    let (_, rest) = declaration.strip_prefix("<?xml")?.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.get(1..)?.split_once(quote).map(|(label, _)| label)
}

/// Turns text of another character set into UTF-8, piece by piece.
pub(crate) struct Transcoder(Decoder);

impl Transcoder {
    /// Begins a text.
    pub(crate) fn new(encoding: &'static Encoding) -> Self {
        Self(encoding.new_decoder_without_bom_handling())
    }

    /// Appends `piece` as UTF-8 to `out`; `last` when the file ends with it.
    pub(crate) fn push(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut rest = piece;
        loop {
            let room = self.0.max_utf8_buffer_length_without_replacement(rest.len());
            let start = out.len();
            out.resize(start + room.unwrap_or(rest.len() * 3 + 16), 0);
            let (result, read, written) =
                self.0.decode_to_utf8_without_replacement(rest, &mut out[start..], last);
            out.truncate(start + written);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => out.push(UNREADABLE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1252};

    use super::*;

    fn transcode(encoding: &'static Encoding, pieces: &[&[u8]]) -> Vec<u8> {
        let mut transcoder = Transcoder::new(encoding);
        let mut out = Vec::new();
        for piece in pieces {
            transcoder.push(piece, false, &mut out);
        }
        transcoder.push(b"", true, &mut out);
        out
    }

    #[test]
    fn a_byte_order_mark_beats_a_declaration() {
        let charset = Charset::of(b"\xFF\xFEa\0", Some("latin1"), false).unwrap();
        assert_eq!((charset.encoding, charset.mark_bytes), (UTF_16LE, 2));
    }

    #[test]
    fn latin_1_is_known_by_all_its_names() {
        for label in ["latin1", "latin-1", "ISO-8859-1", "windows-1252"] {
            assert_eq!(Charset::of(b"a", Some(label), false).unwrap().encoding, WINDOWS_1252);
        }
    }

    #[test]
    fn an_xml_declaration_is_believed_in_xml_only() {
        let head = b"<?xml version='1.0' encoding='iso-8859-1' ?><a/>";
        assert_eq!(Charset::of(head, None, true).unwrap().encoding, WINDOWS_1252);
        assert_eq!(Charset::of(head, None, false).unwrap().encoding, UTF_8);
    }

    #[test]
    fn an_unknown_label_is_refused() {
        assert!(Charset::of(b"a", Some("klingon"), false).is_err());
    }

    #[test]
    fn a_character_cut_between_two_pieces_survives() {
        let out = transcode(UTF_16LE, &[b"a", b"\0\x3D", b"\xD8\x00", b"\xDE"]);
        assert_eq!(String::from_utf8(out).unwrap(), "a\u{1F600}");
    }

    #[test]
    fn what_cannot_be_read_stays_invalid_so_that_its_record_is_refused() {
        let out = transcode(UTF_16LE, &[b"a\0\x00\xD8b\0"]);
        assert_eq!(out, b"a\xFFb");
    }
}
