//! The recipients of an integration in one row, and the batch numbers that each of them has.
//!
//! A batch that is told to several recipients becomes several batches, each accounted for under a
//! number of its own. So that a repeat gives the same numbers, a batch of such an integration has
//! room for all of them: its number and the [`ROOM`] - 1 that follow.

use std::ops::Range;

use super::{Integration, Output, Recipient, Trigger};
use crate::Name;

/// How many numbers a batch takes that is to be told.
pub const ROOM: u64 = 1 << 16;

/// Pieces into which a recipient's part of a batch may be cut.
const PIECES: u64 = 1 << 8;

/// One recipient, with its place in the row.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<'i> {
    /// Where it stands: each recipient is followed by those that stand in for it.
    pub at: u16,
    /// Whom to tell.
    pub recipient: &'i Recipient,
    /// Where those stand that are told when this one cannot be told.
    pub fallback: Range<u16>,
    /// It stands in for another: told only when that one cannot be told.
    pub is_fallback: bool,
    /// It is told of the integration's own failures, not of records.
    pub is_told: bool,
}

impl Integration {
    /// Returns how many numbers one of its batches takes.
    pub fn batch_room(&self) -> u64 {
        match self.output {
            Output::Load(_) => 1,
            Output::Notify(_) => ROOM,
        }
    }

    /// Tells whether its records are events as they happened, which say themselves when that was.
    pub fn tells_events(&self) -> bool {
        let by_events = matches!(self.trigger, Some(Trigger::ConfigChange(_) | Trigger::Event(_)));
        by_events && self.map.is_none()
    }

    /// Lists all recipients: those of the output, then those of `tell`; at most 256.
    pub fn recipients(&self) -> Vec<Listed<'_>> {
        let to = match &self.output {
            Output::Load(_) => &[],
            Output::Notify(notify) => notify.to.as_slice(),
        };
        let mut listed: Vec<Listed<'_>> = Vec::new();
        let all = to.iter().map(|one| (one, false)).chain(self.tell.iter().map(|one| (one, true)));
        for (recipient, is_told) in all {
            let place = |row: &[Listed<'_>]| u16::try_from(row.len()).unwrap_or(u16::MAX);
            let at = place(&listed);
            let count = u16::try_from(recipient.fallback.len()).unwrap_or(u16::MAX);
            let fallback = at + 1..(at + 1).saturating_add(count);
            listed.push(Listed { at, recipient, fallback, is_fallback: false, is_told });
            for recipient in &recipient.fallback {
                let at = place(&listed);
                listed.push(Listed { at, recipient, fallback: 0..0, is_fallback: true, is_told });
            }
        }
        listed
    }

    /// Returns every connection that it uses.
    pub fn connections(&self) -> Vec<&Name> {
        let source = self.source.as_ref().map(|source| &source.connection);
        let to = self.output.destination().map(|to| &to.connection);
        let told = self.recipients().into_iter().map(|one| &one.recipient.connection);
        source.into_iter().chain(to).chain(told).collect()
    }

    /// Returns one recipient by its place.
    pub fn recipient(&self, at: u16) -> Option<Listed<'_>> {
        self.recipients().into_iter().nth(usize::from(at))
    }
}

/// Returns the number of a recipient's piece of the batch whose first number is `seq`. The first
/// number of the room stands for the batch itself.
pub fn piece_seq(seq: u64, at: u16, piece: u64) -> u64 {
    seq / ROOM * ROOM + 1 + u64::from(at) * PIECES + piece.min(PIECES - 1)
}

/// Returns the number that another recipient has for the same piece as `seq`: those that stand in
/// get a piece under the number that was kept for them.
pub fn same_piece(seq: u64, at: u16) -> u64 {
    piece_seq(seq, at, (seq % ROOM).saturating_sub(1) % PIECES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_stand_in_have_a_number_for_every_piece() {
        for piece in 0..PIECES {
            let seq = piece_seq(3 * ROOM, 4, piece);
            assert_eq!(same_piece(seq, 9), piece_seq(3 * ROOM, 9, piece));
        }
    }

    #[test]
    fn every_piece_has_a_number_of_its_own_within_the_room() {
        let seqs = (0..200).flat_map(|at| (0..PIECES).map(move |piece| piece_seq(ROOM, at, piece)));
        let seqs: std::collections::BTreeSet<u64> = seqs.collect();
        assert_eq!(seqs.len() as u64, 200 * PIECES);
        assert!(seqs.iter().all(|seq| (ROOM + 1..2 * ROOM).contains(seq)));
    }

    #[test]
    fn a_recipient_is_followed_by_those_that_stand_in_for_it() {
        let text = r#"{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{"name":"x"},
            "output":{"notify":[{"connection":"a","else":[{"connection":"b"},{"connection":"c"}]},
            {"connection":"d"}]},"tell":[{"connection":"e"}]}"#;
        let integration: Integration = serde_json::from_str(text).unwrap();
        let names: Vec<_> = integration
            .recipients()
            .iter()
            .map(|one| (one.at, one.recipient.connection.to_string(), one.fallback.clone()))
            .collect();
        let wanted = [("a", 1..3), ("b", 0..0), ("c", 0..0), ("d", 4..4), ("e", 5..5)];
        let wanted: Vec<_> =
            (0..).zip(wanted).map(|(at, (name, of))| (at, name.into(), of)).collect();
        assert_eq!(names, wanted);
        assert!(integration.recipient(4).unwrap().is_told);
        assert!(integration.recipient(5).is_none());
    }
}
