//! Who is at work on a batch, and what became of its records so far: one row a batch.

use ferrule_core::{Batch, Counts, Envelope, Failure, Message, Task};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When};

/// What is known of a batch is kept this long.
const KEEP_SECS: i64 = 14 * 86_400;

/// What became of one record, as one letter of the row.
pub mod letter {
    /// Nothing yet.
    pub const OPEN: char = '.';
    /// Nothing known: an attempt may have got through.
    pub const TRIED: char = '?';
    /// New in the target.
    pub const CREATED: char = 'c';
    /// Changed in the target.
    pub const UPDATED: char = 'u';
    /// The same in the target.
    pub const UNCHANGED: char = 'n';
    /// Older than what the target has.
    pub const STALE: char = 's';
    /// Removed from the target.
    pub const DELETED: char = 'd';
    /// In the error log, alone.
    pub const REFUSED: char = 'r';
    /// Told to its recipient.
    pub const TOLD: char = 't';
    /// Put into a digest.
    pub const DIGESTED: char = 'g';
}

/// The state row of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchClaim {
    /// Hash of the records, so that a repeat with other records is not taken for done.
    pub digest: String,
    /// One [`letter`] a record; missing ones are open.
    pub done: String,
    /// Everything is done, and the journal was told.
    pub finished: bool,
    /// Somebody is at work until then, in milliseconds since 1970; 0 is nobody.
    pub held_until: i64,
    /// Mark of who is at work.
    #[serde(default)]
    pub owner: String,
}

impl BatchClaim {
    /// What is known of a batch that nobody has had.
    pub fn of(batch: &Batch) -> Self {
        Self { digest: batch.digest().to_string(), ..Self::default() }
    }

    /// Returns one letter for each of `count` records.
    pub fn letters(&self, count: usize) -> Vec<char> {
        self.done.chars().chain(std::iter::repeat(letter::OPEN)).take(count).collect()
    }

    /// Counts what is done.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for one in self.done.chars() {
            match one {
                letter::CREATED => counts.created += 1,
                letter::UPDATED => counts.updated += 1,
                letter::UNCHANGED => counts.unchanged += 1,
                letter::STALE => counts.stale += 1,
                letter::DELETED => counts.deleted += 1,
                letter::REFUSED => counts.refused += 1,
                letter::TOLD => counts.told += 1,
                letter::DIGESTED => counts.digested += 1,
                _ => {}
            }
        }
        counts
    }
}

/// Tells whether a record with this letter needs nothing more.
pub fn is_done(one: char) -> bool {
    !matches!(one, letter::OPEN | letter::TRIED)
}

/// What somebody asked for again has a row of its own: it may be part of a batch.
fn claim_key(envelope: &Envelope, batch: &Batch, digest: &str) -> String {
    let first = first_key(envelope, batch);
    if envelope.replayed { format!("{first}#{digest}") } else { first }
}

fn first_key(envelope: &Envelope, batch: &Batch) -> String {
    format!("batch#{}#{}", envelope.run, batch.seq)
}

impl Store {
    /// Returns what is known of a batch, with the row's revision. Of one that is asked for again, what
    /// was known of the same records before.
    ///
    /// A page whose process died is read again, and can have changed by then: of a batch with the same
    /// number and other records any may have got through, and who is at work on the one keeps the other
    /// waiting.
    pub async fn batch_claim(
        &self,
        envelope: &Envelope,
        batch: &Batch,
    ) -> Result<(BatchClaim, Option<u64>), Failure> {
        let digest = batch.digest().to_string();
        let sk = claim_key(envelope, batch, &digest);
        let row = self.tables.get(Table::State, envelope.tenant.as_str(), &sk).await?;
        let there = match &row {
            Some(row) => Some(row.read::<BatchClaim>()?),
            None if envelope.replayed => self.first_claim(envelope, batch).await?,
            None => None,
        };
        let claim = match there {
            Some(same) if same.digest == digest => same,
            Some(other) if row.is_some() => {
                let done: String = batch.records.iter().map(|_| letter::TRIED).collect();
                BatchClaim { digest, done, held_until: other.held_until, ..BatchClaim::default() }
            }
            _ => BatchClaim { digest, ..BatchClaim::default() },
        };
        Ok((claim, row.map(|row| row.rev)))
    }

    /// Returns what became of a batch before anybody asked for it again. What was refused then is not
    /// finished: it may be taken now.
    async fn first_claim(
        &self,
        envelope: &Envelope,
        batch: &Batch,
    ) -> Result<Option<BatchClaim>, Failure> {
        let key = first_key(envelope, batch);
        let row = self.tables.get(Table::State, envelope.tenant.as_str(), &key).await?;
        let there: Option<BatchClaim> = row.as_ref().map(Item::read).transpose()?;
        Ok(there.map(|first| BatchClaim {
            finished: first.finished && !first.done.contains(letter::REFUSED),
            done: first.done.replace(letter::REFUSED, &letter::TRIED.to_string()),
            held_until: 0,
            ..first
        }))
    }

    /// Writes it down; `false` when somebody else did meanwhile.
    pub async fn put_batch_claim(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        claim: &BatchClaim,
        rev: Option<u64>,
    ) -> Result<bool, Failure> {
        let sk = claim_key(envelope, batch, &claim.digest);
        let mut row = Item::new(envelope.tenant.as_str(), sk, claim)?
            .with_expiry(self.clock.now_secs() + KEEP_SECS);
        row.rev = 1;
        let when = rev.map_or(When::Absent, When::Rev);
        Ok(self.tables.put(Table::State, row, when).await?.is_done())
    }

    /// Takes from a batch that is to be parked what is done, and counts it.
    pub async fn undone(&self, mut message: Message) -> Result<Message, Failure> {
        let Task::Load(batch) = &mut message.task else { return Ok(message) };
        let (claim, _) = self.batch_claim(&message.envelope, batch).await?;
        let mut letters = claim.letters(batch.records.len()).into_iter();
        batch.counts += claim.counts();
        batch.records.retain(|_| letters.next().is_none_or(|one| !is_done(one)));
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::{Digest, Name, Record, RunId, Tenant, Value};

    use super::*;
    use crate::Clock;

    #[tokio::test]
    async fn other_records_under_the_same_number_wait_and_may_have_got_through() {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("copy").unwrap());
        let envelope = Envelope::new(tenant, name, Digest::of(&[]), RunId::new("run"));
        let batch = |values: &[i64]| {
            let record = |value: &i64| Record { value: Value::from(*value), ..Record::default() };
            Batch { records: values.iter().map(record).collect(), ..Batch::default() }
        };
        let (first, second) = (batch(&[1, 2]), batch(&[1, 2, 3]));
        let (mut claim, rev) = store.batch_claim(&envelope, &first).await.unwrap();
        (claim.done, claim.held_until) = ("c".into(), 1_760_000_035_000);
        assert!(store.put_batch_claim(&envelope, &first, &claim, rev).await.unwrap());
        let (other, _) = store.batch_claim(&envelope, &second).await.unwrap();
        assert_eq!((other.held_until, other.letters(3)), (claim.held_until, vec!['?'; 3]));
        let (same, _) = store.batch_claim(&envelope, &first).await.unwrap();
        assert_eq!(same, claim);
    }
}
