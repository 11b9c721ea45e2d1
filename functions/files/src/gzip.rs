//! Unpacks gzip a little at a time, and stops a file that grows out of proportion.

use std::io::Write;

use bytes::Bytes;
use ferrule_connector::Failure;
use flate2::write::MultiGzDecoder;

/// Bytes unpacked at once: deflate makes at most 1,032 of one, so a step stays near 1 MiB.
const STEP_BYTES: usize = 1024;

/// Files may grow this many times. Real exports stay under 100; a bomb reaches 1,032.
const MAX_RATIO: u64 = 200;

/// The ratio is not looked at before this: a small file of blanks does no harm.
const RATIO_FROM_BYTES: u64 = 8 * 1024 * 1024;

/// What gzip files begin with.
pub(crate) const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// A gzip stream being unpacked.
pub(crate) struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    waiting: Bytes,
    packed_bytes: u64,
    unpacked_bytes: u64,
    max_bytes: u64,
}

impl Inflate {
    /// Begins a stream that may unpack to `max_bytes`.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let decoder = MultiGzDecoder::new(Vec::new());
        Self { decoder, waiting: Bytes::new(), packed_bytes: 0, unpacked_bytes: 0, max_bytes }
    }

    /// Takes the next packed bytes; the ones before must be unpacked.
    pub(crate) fn push(&mut self, packed: Bytes) {
        self.waiting = packed;
    }

    /// Unpacks a little; `None` when more packed bytes are needed.
    pub(crate) fn step(&mut self) -> Result<Option<Bytes>, Failure> {
        while !self.waiting.is_empty() {
            let packed = self.waiting.split_to(STEP_BYTES.min(self.waiting.len()));
            self.packed_bytes += packed.len() as u64;
            self.decoder.write_all(&packed).map_err(|error| broken(&error))?;
            if let Some(out) = self.take()? {
                return Ok(Some(out));
            }
        }
        Ok(None)
    }

    /// Ends the stream: checks its sum, and that nothing is missing.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, Failure> {
        self.decoder.try_finish().map_err(|error| broken(&error))?;
        self.take()
    }

    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        let out = std::mem::take(self.decoder.get_mut());
        self.unpacked_bytes += out.len() as u64;
        if self.unpacked_bytes > self.max_bytes {
            let limit = self.max_bytes / (1024 * 1024);
            return Err(bomb(&format!("over {limit} MiB (`max_inflated_mib` of the source)")));
        }
        let ratio = self.unpacked_bytes / self.packed_bytes.max(1);
        if self.unpacked_bytes > RATIO_FROM_BYTES && ratio > MAX_RATIO {
            return Err(bomb(&format!("over {MAX_RATIO} times its size")));
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }
}

fn bomb(how: &str) -> Failure {
    Failure::coded("GZIP_BOMB", format!("the gzip file unpacks to {how}; it is not read"))
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::coded("GZIP", format!("the gzip file is damaged or cut off: {error}"))
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pack(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn unpack(packed: Bytes, max_bytes: u64) -> Result<(Vec<u8>, usize), Failure> {
        let mut inflate = Inflate::new(max_bytes);
        inflate.push(packed);
        let (mut all, mut largest) = (Vec::new(), 0);
        while let Some(out) = inflate.step()? {
            largest = largest.max(out.len());
            all.extend_from_slice(&out);
        }
        all.extend_from_slice(&inflate.finish()?.unwrap_or_default());
        Ok((all, largest))
    }

    #[test]
    fn several_members_are_one_stream() {
        let both = [pack(b"one "), pack(b"two")].concat();
        assert_eq!(unpack(both.into(), 100).unwrap().0, b"one two");
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let bomb = pack(&vec![0; 12 * 1024 * 1024]);
        let failure = unpack(bomb, u64::MAX).unwrap_err();
        assert_eq!(failure.code(), "GZIP_BOMB");
    }

    #[test]
    fn one_step_never_unpacks_much_more_than_a_mebibyte() {
        let (_, largest) = unpack(pack(&vec![0; 7 * 1024 * 1024]), u64::MAX).unwrap();
        assert!(largest <= 1_200_000, "{largest}");
    }

    #[test]
    fn a_file_over_the_limit_says_which_setting_to_change() {
        let failure = unpack(pack(&vec![b'x'; 3 * 1024 * 1024]), 1024 * 1024).unwrap_err();
        assert!(failure.to_string().contains("max_inflated_mib"));
    }

    #[test]
    fn a_cut_or_damaged_file_is_a_failure_not_a_short_file() {
        let whole = pack(b"some text that is long enough to be cut");
        let cut = whole.slice(..whole.len() - 6);
        assert_eq!(unpack(cut, 100).unwrap_err().code(), "GZIP");
        let mut bent = whole.to_vec();
        let at = bent.len() - 5;
        bent[at] ^= 1;
        assert_eq!(unpack(bent.into(), 100).unwrap_err().code(), "GZIP");
    }
}
