//! Which batches are written: noted in the transaction that writes them.
//!
//! A function that dies after its commit is asked for the same batch again. It finds the note, and
//! gives the same answer without writing anything.

use ferrule_connector::{Disposition, Failure, Load, Value};
use ferrule_core::{Digest, json};
use serde::{Deserialize, Serialize};

use super::{Outcomes, Trouble};
use crate::{
    Postgres,
    failure::{Fault, failure, is_made_meanwhile, is_missing_table, refused},
    session::Session,
    sql::{self, Text},
    table::Table,
};

/// Longer than any message waits to be delivered again.
const KEEP: &str = "30 days";

/// The note of one batch.
pub(super) struct Ledger {
    table: String,
    batch: String,
    digest: String,
}

/// What became of a batch: letters as in the hub's own books, and the words of refusals.
#[derive(Serialize, Deserialize)]
struct Note {
    done: Vec<(usize, char)>,
    refused: Vec<(usize, String, String)>,
}

impl Ledger {
    /// Names the note of this batch; `None` when the target wants none.
    pub(super) fn of(
        load: &Load<'_, Postgres>,
        table: &Table,
        done: &[Option<Disposition>],
    ) -> Option<Self> {
        let target = load.target;
        target.exactly_once.then(|| Self {
            table: format!("{}.{}", sql::name(&table.schema), sql::name(&target.batch_table)),
            batch: load.batch_id.to_owned(),
            digest: digest(load, table, done),
        })
    }

    /// Takes the batch. When it is written already, returns what became of it.
    pub(super) async fn claim(&self, session: &Session) -> Result<Option<Outcomes>, Trouble> {
        let table = &self.table;
        // Waits for a worker that is at it at this moment.
        let take = format!(
            "insert into {table} (batch, digest) values ($1, $2) on conflict do nothing returning 1"
        );
        let taken = match session.ask(&take, &self.values()).await {
            Ok(rows) => !rows.is_empty(),
            Err(fault) if is_missing_table(&fault) => {
                return Err(Trouble::NoLedger(Self {
                    table: self.table.clone(),
                    batch: self.batch.clone(),
                    digest: self.digest.clone(),
                }));
            }
            Err(fault) => return Err(fault.into()),
        };
        if taken {
            self.forget_old(session).await?;
            return Ok(None);
        }
        let read = format!("select outcome from {table} where batch = $1 and digest = $2");
        let rows = session.ask(&read, &self.values()).await?;
        let text: Option<String> = rows.first().and_then(|row| row.get(0));
        let note = text.and_then(|text| json::parse(text.as_bytes()).ok());
        let note: Option<Note> = note.and_then(|note| note.to().ok());
        note.map(|note| Some(note.outcomes())).ok_or_else(|| {
            let reason = format!("{table} cannot be read: what became of the batch is not in it");
            Failure::coded("BATCH_TABLE", reason).into()
        })
    }

    /// The first batch of a run takes old notes away.
    async fn forget_old(&self, session: &Session) -> Result<(), Fault> {
        if !self.batch.ends_with("-0") {
            return Ok(());
        }
        let table = &self.table;
        let old = format!(
            "delete from {table} where ctid in (select ctid from {table} \
             where written_at < now() - interval '{KEEP}' limit 10000 for update skip locked)"
        );
        session.ask(&old, &[]).await.map(drop)
    }

    /// Notes what became of the batch.
    pub(super) async fn note(
        &self,
        session: &Session,
        outcomes: &[(usize, Disposition)],
    ) -> Result<(), Trouble> {
        let note = Value::of(&Note::of(outcomes));
        let note = note.map_err(|error| Failure::invalid(error.to_string()))?.to_string();
        let table = &self.table;
        let write = format!("update {table} set outcome = $3 where batch = $1 and digest = $2");
        let [batch, digest] = self.values();
        session.ask(&write, &[batch, digest, Text(&note)]).await?;
        Ok(())
    }

    /// Makes the table.
    pub(super) async fn create(&self, session: &Session) -> Result<(), Failure> {
        let table = &self.table;
        let create = format!(
            "create table if not exists {table} (batch text not null, digest text not null, \
             outcome text, written_at timestamptz not null default now(), \
             primary key (batch, digest))"
        );
        match session.run(&create).await {
            Ok(()) => Ok(()),
            Err(fault) if is_made_meanwhile(&fault) => Ok(()),
            Err(fault) => match failure(&fault) {
                Failure::Rejected { .. } => Err(self.missing()),
                other => Err(other),
            },
        }
    }

    /// Says what to do about a table that is not there.
    pub(super) fn missing(&self) -> Failure {
        let table = &self.table;
        Failure::coded(
            "BATCH_TABLE",
            format!(
                "{table} is not there, and the user may not make it: make it as the connector's \
                 README shows, or set exactly_once: false"
            ),
        )
    }

    fn values(&self) -> [Text<'_>; 2] {
        [Text(&self.batch), Text(&self.digest)]
    }
}

impl Note {
    fn of(outcomes: &[(usize, Disposition)]) -> Self {
        let mut note = Self { done: Vec::new(), refused: Vec::new() };
        for (at, outcome) in outcomes {
            let letter = match outcome {
                Disposition::Created => 'c',
                Disposition::Updated => 'u',
                Disposition::Unchanged => 'n',
                Disposition::Stale => 's',
                Disposition::Deleted => 'd',
                // Nobody is told of a transaction whose end is not known.
                Disposition::Unsure => continue,
                Disposition::Refused { code, message } => {
                    note.refused.push((*at, code.clone(), message.clone()));
                    continue;
                }
            };
            note.done.push((*at, letter));
        }
        note
    }

    fn outcomes(self) -> Outcomes {
        let done = self.done.into_iter().map(|(at, letter)| {
            let outcome = match letter {
                'c' => Disposition::Created,
                'u' => Disposition::Updated,
                's' => Disposition::Stale,
                'd' => Disposition::Deleted,
                _ => Disposition::Unchanged,
            };
            (at, outcome)
        });
        let words = self.refused.into_iter();
        done.chain(words.map(|(at, code, message)| (at, refused(&code, message)))).collect()
    }
}

/// Hashes what is to be written and how, so that other records are not taken for the same.
fn digest(load: &Load<'_, Postgres>, table: &Table, done: &[Option<Disposition>]) -> String {
    let mut text = format!("{:?}\n{}\n", load.mode, table.name);
    for (at, record) in load.records.iter().enumerate().filter(|(at, _)| done[*at].is_none()) {
        text.push_str(&format!("{at} {:?} {} ", record.key, record.deleted));
        json::write(record.version.as_ref().unwrap_or(&Value::Null), &mut text);
        json::write(&record.value, &mut text);
        text.push('\n');
    }
    Digest::of(&[text.as_bytes()]).to_string()
}
