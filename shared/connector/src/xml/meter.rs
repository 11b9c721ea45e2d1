//! Counts lines and bytes as they are read, and stops a single element that has no end.

use std::io::{self, BufRead, Read};

/// A reader with a budget that is filled up again after each element.
pub(super) struct Meter<R> {
    inner: R,
    left: usize,
    lines: u64,
}

impl<R> Meter<R> {
    pub(super) fn new(inner: R, budget: usize) -> Self {
        Self { inner, left: budget, lines: 0 }
    }

    pub(super) fn refill(&mut self, budget: usize) {
        self.left = budget;
    }

    /// The line that is read next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines + 1
    }
}

impl<R: BufRead> Read for Meter<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let found = self.fill_buf()?;
        let size = found.len().min(out.len());
        out[..size].copy_from_slice(&found[..size]);
        self.consume(size);
        Ok(size)
    }
}

impl<R: BufRead> BufRead for Meter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let found = self.inner.fill_buf()?;
        if !found.is_empty() && self.left == 0 {
            return Err(io::Error::other("one element is too large"));
        }
        Ok(&found[..found.len().min(self.left)])
    }

    fn consume(&mut self, size: usize) {
        if let Ok(found) = self.inner.fill_buf() {
            let newlines = found.iter().take(size).filter(|byte| **byte == b'\n').count();
            self.lines += newlines as u64;
        }
        self.left = self.left.saturating_sub(size);
        self.inner.consume(size);
    }
}
