//! The one checksum that `object_store` may ask for, CRC-64/NVME, with as much of the interface of
//! the crate of this name as it uses. That crate unrolls every CRC there is for every processor:
//! 1.3 MiB in the `files` function, which turns this checksum on for nobody
//! (`infra/decisions/0011-small-bootstraps.md`).

/// The polynomial, bits reversed.
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;

/// Which checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// The one that S3 calls `CRC64NVME`.
    Crc64Nvme,
}

/// A checksum in the making.
#[derive(Debug, Clone)]
pub struct Digest(u64);

impl Digest {
    /// Begins.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        match algorithm {
            CrcAlgorithm::Crc64Nvme => Self(u64::MAX),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| {
            (0..8).fold(sum ^ u64::from(*byte), |sum, _| {
                (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
            })
        });
    }

    /// Returns the checksum of what was taken.
    pub fn finalize(&self) -> u64 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_check_value_of_the_catalogue_however_the_bytes_arrive() {
        for pieces in [vec!["123456789"], vec!["1234", "", "56789"]] {
            let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
            for piece in pieces {
                digest.update(piece.as_bytes());
            }
            assert_eq!(digest.finalize(), 0xae8b_1486_0a79_9888);
        }
    }
}
