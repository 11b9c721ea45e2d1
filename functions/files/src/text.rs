//! The text of one file as a window that moves over it: unpacked, in UTF-8, in bounded memory.

use bytes::Bytes;
use encoding_rs::UTF_8;
use ferrule_connector::Failure;
use futures_util::{StreamExt, stream::BoxStream};

use crate::charset::{Charset, HEAD_BYTES, Transcoder};
use crate::gzip::{Inflate, MAGIC};

/// The bytes of a file as they come from the store.
pub(crate) type Chunks = BoxStream<'static, Result<Bytes, Failure>>;

/// Bytes already read that are kept before the window is moved to the front.
const SLACK_BYTES: usize = 256 * 1024;

/// Most bytes that the window is widened by, unless a piece is larger.
const WIDER_BYTES: usize = 1024 * 1024;

/// How a file may be packed and encoded, as far as the source says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wrapping {
    /// `None`: look at the first bytes.
    pub(crate) gzip: Option<bool>,
    /// Most bytes that it may unpack to.
    pub(crate) max_bytes: u64,
    /// Label of the character set; `None`: look at the first bytes.
    pub(crate) encoding: Option<String>,
    /// Believe an XML declaration.
    pub(crate) xml: bool,
}

/// A window over the text of one file.
pub(crate) struct Text {
    chunks: Chunks,
    inflate: Option<Inflate>,
    transcoder: Option<Transcoder>,
    buffer: Vec<u8>,
    start: usize,
    at: u64,
    line: u64,
    after_return: bool,
    unwanted: u64,
    ended: bool,
}

impl Text {
    /// Opens a file at its start.
    pub(crate) async fn open(chunks: Chunks, wrapping: &Wrapping) -> Result<Self, Failure> {
        let mut text = Self::resume(chunks, 0, 1);
        let mut head = Vec::new();
        text.gather(&mut head, MAGIC.len()).await?;
        if wrapping.gzip.unwrap_or(head.starts_with(&MAGIC)) {
            let mut inflate = Inflate::new(wrapping.max_bytes);
            inflate.push(std::mem::take(&mut head).into());
            (text.inflate, text.ended) = (Some(inflate), false);
        }
        text.gather(&mut head, HEAD_BYTES).await?;
        let charset = Charset::of(&head, wrapping.encoding.as_deref(), wrapping.xml)?;
        if charset.encoding == UTF_8 {
            text.at = charset.mark_bytes as u64;
        } else {
            text.transcoder = Some(Transcoder::new(charset.encoding));
        }
        text.take_in(&head[charset.mark_bytes..]);
        if text.ended {
            text.end();
        }
        Ok(text)
    }

    /// Goes on in the middle of a plain file: `chunks` start at byte `at`, which is in `line`.
    pub(crate) fn resume(chunks: Chunks, at: u64, line: u64) -> Self {
        Self {
            chunks,
            inflate: None,
            transcoder: None,
            buffer: Vec::new(),
            start: 0,
            at,
            line,
            after_return: false,
            unwanted: 0,
            ended: false,
        }
    }

    /// Passes over the text before `at`, which is in `line`.
    pub(crate) fn skip_to(&mut self, at: u64, line: u64) {
        self.unwanted = at.saturating_sub(self.at);
        (self.at, self.line) = (at, line);
        self.drop_unwanted();
    }

    /// Tells whether a place in the text is the same place in the stored file.
    pub(crate) fn is_plain(&self) -> bool {
        self.inflate.is_none() && self.transcoder.is_none()
    }

    /// Returns what is in the window.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Returns how much memory the window has taken.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Tells whether the file ends with the window.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns where the window begins, in bytes of the text.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Returns the line in which the window begins, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Moves the beginning of the window on by `bytes`.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let window = self.window();
        let gone = &window[..bytes.min(window.len())];
        let (length, last) = (gone.len(), gone.last().copied());
        self.line += line_ends(gone, self.after_return);
        self.after_return = last.map_or(self.after_return, |byte| byte == b'\r');
        self.at += length as u64;
        self.start += length;
        if self.start > SLACK_BYTES || self.start == self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }

    /// Adds a piece to the window, or finds the end of the file.
    pub(crate) async fn fill(&mut self) -> Result<(), Failure> {
        match self.next_piece().await? {
            Some(piece) => self.take_in(&piece),
            None => self.end(),
        }
        Ok(())
    }

    /// Widens the window to about twice what it is. Whoever looks at it from its start again so looks
    /// at each byte a few times, however small the pieces are that come.
    pub(crate) async fn widen(&mut self) -> Result<(), Failure> {
        let size = self.window().len();
        let wanted = size + size.min(WIDER_BYTES);
        loop {
            self.fill().await?;
            if self.ended || self.window().len() >= wanted {
                return Ok(());
            }
        }
    }

    /// Collects at least `bytes` of the start of the file, unless it is shorter.
    async fn gather(&mut self, head: &mut Vec<u8>, bytes: usize) -> Result<(), Failure> {
        while head.len() < bytes && !self.ended {
            match self.next_piece().await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => self.ended = true,
            }
        }
        Ok(())
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(inflate) = &mut self.inflate else {
            return self.chunks.next().await.transpose();
        };
        loop {
            if let Some(piece) = inflate.step()? {
                return Ok(Some(piece));
            }
            match self.chunks.next().await.transpose()? {
                Some(packed) => inflate.push(packed),
                None => return inflate.finish(),
            }
        }
    }

    fn take_in(&mut self, piece: &[u8]) {
        match &mut self.transcoder {
            Some(transcoder) => transcoder.push(piece, false, &mut self.buffer),
            None => self.buffer.extend_from_slice(piece),
        }
        self.drop_unwanted();
    }

    fn end(&mut self) {
        self.ended = true;
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.push(b"", true, &mut self.buffer);
        }
        self.drop_unwanted();
    }

    fn drop_unwanted(&mut self) {
        let most = self.window().len();
        let drop = usize::try_from(self.unwanted).map_or(most, |unwanted| unwanted.min(most));
        if drop > 0 {
            self.buffer.drain(self.start..self.start + drop);
            self.unwanted -= drop as u64;
        }
    }
}

/// Counts line ends: `\n`, `\r\n`, and a `\r` alone.
fn line_ends(gone: &[u8], after_return: bool) -> u64 {
    let mut after_return = after_return;
    let mut ends = 0;
    for byte in gone {
        ends += u64::from(*byte == b'\r' || (*byte == b'\n' && !after_return));
        after_return = *byte == b'\r';
    }
    ends
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn chunks(pieces: &[&[u8]]) -> Chunks {
        let pieces: Vec<_> = pieces.iter().map(|p| Ok(Bytes::copy_from_slice(p))).collect();
        futures_util::stream::iter(pieces).boxed()
    }

    async fn whole(mut text: Text) -> String {
        while !text.is_ended() {
            text.fill().await.unwrap();
        }
        String::from_utf8(text.window().to_vec()).unwrap()
    }

    fn gz(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn loose() -> Wrapping {
        Wrapping { max_bytes: 1 << 30, ..Wrapping::default() }
    }

    #[tokio::test]
    async fn a_mark_is_passed_over_even_when_it_comes_byte_by_byte() {
        let text = Text::open(chunks(&[b"\xEF", b"\xBB", b"\xBF", b"a"]), &loose()).await.unwrap();
        assert_eq!((text.at(), text.is_plain()), (3, true));
        assert_eq!(whole(text).await, "a");
    }

    #[tokio::test]
    async fn gzip_is_told_by_its_first_bytes_and_may_hold_utf_16() {
        let packed = gz(b"\xFF\xFEh\0i\0");
        let pieces: Vec<&[u8]> = packed.chunks(1).collect();
        let text = Text::open(chunks(&pieces), &loose()).await.unwrap();
        assert!(!text.is_plain());
        assert_eq!(whole(text).await, "hi");
    }

    #[tokio::test]
    async fn a_file_declared_as_gzip_that_is_none_is_a_failure() {
        let wrapping = Wrapping { gzip: Some(true), ..loose() };
        assert!(Text::open(chunks(&[b"a,b\n1,2\n"]), &wrapping).await.is_err());
    }

    #[tokio::test]
    async fn an_empty_file_has_an_empty_text() {
        assert_eq!(whole(Text::open(chunks(&[]), &loose()).await.unwrap()).await, "");
    }

    #[tokio::test]
    async fn skips_to_a_place_of_a_packed_text() {
        let packed = gz(b"one\ntwo\n");
        let mut text = Text::open(chunks(&[&packed]), &loose()).await.unwrap();
        text.skip_to(4, 2);
        assert_eq!((text.at(), text.line()), (4, 2));
        assert_eq!(whole(text).await, "two\n");
    }

    #[test]
    fn counts_every_kind_of_line_end_once() {
        assert_eq!(line_ends(b"a\nb\r\nc\rd", false), 3);
        assert_eq!(line_ends(b"\nb", true), 0);
    }
}
