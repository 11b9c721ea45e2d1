//! Writes a batch in one transaction: all of it is there, except what the server will not have.
//!
//! Many records go in one statement. When the server refuses one of them, the statement is undone
//! to its savepoint and tried by halves until the record stands alone: it goes to the error log,
//! and its neighbours are written.

mod ledger;
mod statement;
mod work;

use std::time::Duration;

use ferrule_connector::{Disposition, Failure, Load};

use self::{
    ledger::Ledger,
    statement::Statement,
    work::{Item, Work},
};
use crate::{
    Postgres,
    failure::{Fault, failure, is_collision, refusal},
    session::{Access, Pool, Session},
    sql::Text,
    table::Table,
};

/// After a collision with another transaction it is tried again at once, so many times in all.
const TRIES: usize = 3;

/// For so many refused records of a batch it is found out which column is to blame.
const PROBES: usize = 20;

/// Kept for noting what became of the batch.
const RESERVE: Duration = Duration::from_secs(1);

/// What became of records, by their places in the batch.
type Outcomes = Vec<(usize, Disposition)>;

/// Why a transaction did not come to its end.
enum Trouble {
    /// Another transaction was in the way.
    Collision(Failure),
    /// The table of written batches is missing.
    NoLedger(Ledger),
    /// Anything else.
    Final(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        let failure = failure(&fault);
        if is_collision(&fault) { Self::Collision(failure) } else { Self::Final(failure) }
    }
}

/// Writes what is not done yet.
pub(crate) async fn write(
    pool: &Pool,
    load: &Load<'_, Postgres>,
    done: &mut [Option<Disposition>],
) -> Result<(), Failure> {
    // What is not committed by then comes again as a whole.
    let limit = load.context.time_left.saturating_sub(RESERVE);
    let silent = |_| Err(failure(&Fault::Silent));
    tokio::time::timeout(limit, tried(pool, load, done)).await.unwrap_or_else(silent)
}

async fn tried(
    pool: &Pool,
    load: &Load<'_, Postgres>,
    done: &mut [Option<Disposition>],
) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        match transaction(pool, load, done).await {
            Ok(outcomes) => {
                for (at, outcome) in outcomes {
                    done[at] = Some(outcome);
                }
                return Ok(());
            }
            Err(Trouble::Collision(_)) if tries < TRIES => {}
            Err(Trouble::NoLedger(ledger)) if tries < TRIES => {
                let session = pool.begin(&load.context, Access::Write).await?;
                ledger.create(&session).await?;
                pool.commit(&load.context, session).await.map_err(|fault| failure(&fault))?;
            }
            Err(Trouble::NoLedger(ledger)) => return Err(ledger.missing()),
            Err(Trouble::Collision(failure) | Trouble::Final(failure)) => return Err(failure),
        }
    }
}

async fn transaction(
    pool: &Pool,
    load: &Load<'_, Postgres>,
    done: &[Option<Disposition>],
) -> Result<Outcomes, Trouble> {
    let target = load.target;
    let mut session = pool.begin(&load.context, Access::Write).await?;
    let schema = target.schema.as_ref().or(load.context.settings.schema.as_ref());
    let names = work::names(load);
    let names = names.iter().map(String::as_str);
    let table = Table::with(&mut session, schema.map(String::as_str), &target.table, names).await?;
    let ledger = Ledger::of(load, &table, done);
    if let Some(ledger) = &ledger
        && let Some(outcomes) = ledger.claim(&session).await?
    {
        pool.roll_back(&load.context, session).await;
        return Ok(outcomes);
    }
    let work = Work::of(load, &table, done)?;
    let mut outcomes = work.refused;
    let mut writer = Writer { session: &session, table: &table, work: &work.keys, probes: PROBES };
    for (kind, columns, items) in work.groups {
        let statement = Statement::of(kind, &table, &columns, writer.work, target);
        writer.write(&statement, &items, &mut outcomes).await?;
    }
    if let Some(ledger) = &ledger {
        ledger.note(&session, &outcomes).await?;
    }
    pool.commit(&load.context, session).await?;
    Ok(outcomes)
}

/// Runs statements within one transaction.
struct Writer<'w> {
    session: &'w Session,
    table: &'w Table,
    work: &'w [String],
    probes: usize,
}

impl Writer<'_> {
    /// Writes items that are written alike; those that name rows of the same batch get a second
    /// chance when all others are there.
    async fn write(
        &mut self,
        statement: &Statement,
        items: &[Item],
        outcomes: &mut Outcomes,
    ) -> Result<(), Fault> {
        let mut orphans = Vec::new();
        for (item, outcome) in self.by_halves(statement, items).await? {
            match &outcome {
                Disposition::Refused { code, .. } if code == "FOREIGN_KEY" => orphans.push(item),
                _ => outcomes.push((item.at, outcome)),
            }
        }
        for item in orphans {
            let again = self.by_halves(statement, std::slice::from_ref(item)).await?;
            outcomes.extend(again.into_iter().map(|(item, outcome)| (item.at, outcome)));
        }
        Ok(())
    }

    async fn by_halves<'i>(
        &mut self,
        statement: &Statement,
        items: &'i [Item],
    ) -> Result<Vec<(&'i Item, Disposition)>, Fault> {
        let mut written = Vec::with_capacity(items.len());
        let mut open = vec![items];
        while let Some(part) = open.pop() {
            match self.at_once(statement, part).await? {
                Ok(outcomes) => written.extend(part.iter().zip(outcomes)),
                Err(refused) if part.len() == 1 => {
                    let refused = self.blamed(statement, &part[0], refused).await?;
                    written.push((&part[0], refused));
                }
                Err(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.extend([second, first]);
                }
            }
        }
        Ok(written)
    }

    /// Runs the statement for these items, or undoes it when the server refuses one of them.
    async fn at_once(
        &self,
        statement: &Statement,
        items: &[Item],
    ) -> Result<Result<Vec<Disposition>, Disposition>, Fault> {
        self.session.run("savepoint part").await?;
        let text = statement.parameter(items);
        match self.session.ask(statement.text(), &[Text(&text)]).await {
            Ok(rows) => {
                self.session.run("release savepoint part").await?;
                Ok(Ok(statement.outcomes(items, &rows)))
            }
            Err(fault) => {
                let Some(refused) = refusal(&fault) else { return Err(fault) };
                self.session.run("rollback to savepoint part").await?;
                self.session.run("release savepoint part").await?;
                Ok(Err(refused))
            }
        }
    }

    /// Names the column whose value the server cannot read: it does not say so itself.
    async fn blamed(
        &mut self,
        statement: &Statement,
        item: &Item,
        refused: Disposition,
    ) -> Result<Disposition, Fault> {
        let Disposition::Refused { code, message } = &refused else { return Ok(refused) };
        let is_value = ["BAD_VALUE", "BAD_TIME", "OUT_OF_RANGE", "TOO_LONG", "REFUSED"];
        if self.probes == 0 || !is_value.contains(&code.as_str()) {
            return Ok(refused);
        }
        self.probes -= 1;
        for (name, probe) in statement.probes(self.table) {
            let text = statement.parameter(std::slice::from_ref(item));
            self.session.run("savepoint probe").await?;
            let is_good = self.session.ask(&probe, &[Text(&text)]).await;
            let is_bad = match &is_good {
                Ok(_) => false,
                Err(fault) if refusal(fault).is_some() => true,
                Err(_) => return is_good.map(|_| refused),
            };
            self.session.run("rollback to savepoint probe").await?;
            self.session.run("release savepoint probe").await?;
            if is_bad {
                return Ok(crate::failure::refused(code, format!("column {name}: {message}")));
            }
        }
        Ok(refused)
    }
}
