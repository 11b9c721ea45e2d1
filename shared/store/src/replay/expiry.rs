//! Warns before what is parked is kept no longer: once for each integration and day.

use ferrule_core::{Event, Failure, Object, Value, event::ERRORS_EXPIRING};

use super::pick::{MOST_PAGES, Pick, Position};
use crate::{
    Item, Posted, Query, Store, Table, When, Write,
    outbox::post,
    parked::{DAY_MS, PARKED, ParkedOn},
};

/// So many days before the end the warning comes.
pub const EXPIRY_WARNING_DAYS: u32 = 3;

impl Store {
    /// Tells of what is parked and will be gone within [`EXPIRY_WARNING_DAYS`]; returns how many
    /// warnings that were. Of what was replayed or discarded in time nobody hears.
    pub async fn warn_of_expiry(&self) -> Result<usize, Failure> {
        let today = self.clock.now_ms().div_euclid(DAY_MS);
        let warned = i64::from(self.parked_days.saturating_sub(EXPIRY_WARNING_DAYS));
        let query = Query {
            pk: PARKED.into(),
            to: Some(format!("{:06}#~", (today - warned).max(0))),
            ..Query::default()
        };
        let mut count = 0;
        // Rows that are dealt with are gone: the first page is always the next.
        for item in self.tables.query(Table::State, query).await?.items {
            count += usize::from(self.warn_of(&item).await?);
        }
        Ok(count)
    }

    async fn warn_of(&self, item: &Item) -> Result<bool, Failure> {
        let on: ParkedOn = item.read()?;
        let delete = Write::Delete(Table::State, PARKED.into(), item.sk.clone(), When::Always);
        let posted = self.expiring(&on).await?;
        let Some(posted) = posted else {
            self.tables.transact(vec![delete]).await?;
            return Ok(false);
        };
        if self.tables.transact(vec![delete, post(&on.tenant, &posted)?]).await? {
            self.send_posted(&on.tenant, &posted).await?;
        }
        Ok(true)
    }

    /// Returns the event of what is still parked of a day; none when nothing is. It counts no
    /// longer than a look takes: whoever is warned needs no more.
    async fn expiring(&self, on: &ParkedOn) -> Result<Option<Posted>, Failure> {
        let since = on.day * DAY_MS;
        let pick = Pick {
            integration: Some(on.integration.clone()),
            since: Some(since),
            until: Some(since + DAY_MS - 1),
            ..Pick::default()
        };
        let (mut errors, mut records, mut at) = (0_u64, 0_u64, Position::default());
        let mut pages = 0;
        while !at.over && (errors == 0 || pages < MOST_PAGES) {
            pages += 1;
            for seen in self.seek(&on.tenant, &pick, &mut at).await? {
                errors += 1;
                records += seen.row.record.count.max(1);
            }
        }
        if errors == 0 {
            return Ok(None);
        }
        let name = on.integration.as_str();
        let what = if records == 1 { "1 record".into() } else { format!("{records} records") };
        let what = if at.over { what } else { format!("at least {what}") };
        let age = self.clock.now_ms().div_euclid(DAY_MS) - on.day;
        let left = (i64::from(self.parked_days) - age).max(0);
        let message = format!(
            "{what} of {name}, parked {age} days ago, can be replayed for {left} days more; then \
             they are gone"
        );
        let number = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
        let data = Object::from_iter([
            ("integration", Value::from(name)),
            ("message", Value::from(message)),
            ("errors", number(errors)),
            ("records", number(records)),
            ("days_left", Value::from(left)),
        ]);
        Ok(Some(Posted::one(Event {
            id: format!("expiring-{name}-{}", on.day),
            kind: ERRORS_EXPIRING.into(),
            at: self.clock.now_ms(),
            subject: name.to_owned(),
            data,
        })))
    }
}
