//! What types alone cannot say.

use std::time::Duration;

use croner::parser::{CronParser, Seconds, Year};
use jiff::{civil::date, tz::TimeZone};

use super::{Document, regexes};
use crate::{
    definition::{
        Cursor, CursorKind, Integration, Limits, Problem, Retry, ScheduleTrigger, Trigger,
        WebhookTrigger,
    },
    engine::{Engine, check_format, zone_of},
    expr::Expr,
    path::Path,
    recipe::Recipe,
};

/// A message cannot stay invisible longer.
const MAX_WAIT: Duration = Duration::from_hours(12);
const MAX_RETRIES: usize = 10;
const MAX_BATCH: u16 = 1000;
const BUDGETS: std::ops::RangeInclusive<f64> = 0.000_001..=1_000_000.0;
/// croner looks no further than the year 5000: a search that begins here is short.
const LAST_CENTURY: i16 = 4900;

/// Finds what is wrong in a document that reads well.
pub(super) fn check(document: &Document) -> Vec<Problem> {
    if let Some(problem) = regexes::check(document) {
        return vec![problem];
    }
    let mut found = Found(Vec::new());
    match document {
        Document::Integration(integration) => found.integration(integration),
        Document::Connection(connection) => {
            found.limits(connection.limits.as_ref());
            if connection.limits.as_ref().is_some_and(|limits| limits.budget.is_some()) {
                found.add("limits.budget", "only an integration has a budget");
            }
        }
    }
    found.0
}

pub(super) struct Found(pub(super) Vec<Problem>);

impl Found {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem::new(path, message));
    }

    pub(super) fn check<T>(&mut self, path: impl Into<String>, outcome: Result<T, String>) {
        if let Err(message) = outcome {
            self.add(path, message);
        }
    }

    fn integration(&mut self, integration: &Integration) {
        if let Err(problems) = Engine::compile(integration) {
            self.0.extend(problems);
        }
        self.trigger(integration);
        self.output(&integration.output, &integration.tell);
        if let Some(cursor) = integration.source.as_ref().and_then(|source| source.cursor.as_ref())
        {
            self.cursor(cursor);
        }
        for (at, rule) in integration.errors.iter().enumerate() {
            if rule.status.is_empty() {
                self.add(format!("errors[{at}].status"), "name at least one status");
            }
            if let Some(when) = &rule.when {
                self.check(format!("errors[{at}].when"), Expr::compile(when));
            }
        }
        self.retry(integration.retry.as_ref());
        self.limits(integration.limits.as_ref());
        self.guard(integration);
        if integration
            .expect
            .as_ref()
            .is_some_and(|expect| expect.success_every.duration().is_zero())
        {
            self.add("expect.success_every", "write how long a silence may be, such as 1h");
        }
    }

    fn trigger(&mut self, integration: &Integration) {
        let brings = match &integration.trigger {
            Some(Trigger::Webhook(webhook)) => {
                self.webhook(webhook);
                Some("a webhook brings its records")
            }
            Some(Trigger::ConfigChange(change)) => {
                self.config_change(change);
                Some("the change is the record")
            }
            Some(Trigger::Event(event)) => {
                self.event(event);
                Some("the event is the record")
            }
            Some(Trigger::Schedule(schedule)) => {
                self.schedule(schedule);
                None
            }
            None => None,
        };
        match (brings, &integration.source) {
            (Some(brings), Some(_)) => self.add("source", format!("{brings}: leave source out")),
            (None, None) => {
                let does = "only a webhook, a config_change or an event does without";
                self.add("", format!("the key source is missing; {does}"));
            }
            _ => {}
        }
    }

    fn schedule(&mut self, schedule: &ScheduleTrigger) {
        let at = "trigger.schedule";
        match (&schedule.every, &schedule.cron) {
            (None, None) | (Some(_), Some(_)) => self.add(at, "write either every or cron"),
            (Some(every), None) if every.duration() < Duration::from_mins(1) => {
                self.add(format!("{at}.every"), "the shortest interval is 1m");
            }
            (Some(_), None) => {}
            (None, Some(cron)) => self.check(format!("{at}.cron"), check_cron(cron)),
        }
        if let Some(zone) = &schedule.zone {
            self.check(format!("{at}.zone"), zone_of(zone));
            if schedule.cron.is_none() {
                self.add(format!("{at}.zone"), "zone needs cron");
            }
        }
    }

    fn webhook(&mut self, webhook: &WebhookTrigger) {
        if let Err(problems) = Recipe::of(webhook) {
            self.0.extend(problems);
        }
    }

    fn cursor(&mut self, cursor: &Cursor) {
        let at = "source.cursor";
        self.check(format!("{at}.field"), Path::parse(&cursor.field));
        if let Some(path) = &cursor.tie_break {
            self.check(format!("{at}.tie_break"), Path::parse(path));
        }
        if let Some(format) = &cursor.format {
            self.check(format!("{at}.format"), check_format(format));
        }
        if let Some(zone) = &cursor.zone {
            self.check(format!("{at}.zone"), zone_of(zone));
        }
        let timed = [
            ("format", cursor.format.is_some()),
            ("zone", cursor.zone.is_some()),
            ("overlap", cursor.overlap.is_some()),
        ];
        for (key, _) in timed.iter().filter(|(_, given)| *given) {
            if cursor.kind != CursorKind::Datetime {
                self.add(format!("{at}.{key}"), format!("{key} needs kind: datetime"));
            }
        }
    }

    fn retry(&mut self, retry: Option<&Retry>) {
        let Some(retry) = retry else { return };
        if retry.schedule.len() > MAX_RETRIES {
            self.add("retry.schedule", format!("at most {MAX_RETRIES} retries"));
        }
        for (at, wait) in retry.schedule.iter().enumerate() {
            let wait = wait.duration();
            if wait.is_zero() || wait > MAX_WAIT {
                self.add(format!("retry.schedule[{at}]"), "a wait is 1s to 12h");
            }
        }
    }

    fn guard(&mut self, integration: &Integration) {
        let Some(guard) = &integration.guard else { return };
        if guard.max_percent.is_none() && guard.max_records.is_none() {
            self.add("guard", "write max_percent, max_records or both");
        }
        if guard.max_percent.is_some_and(|percent| percent > 100) {
            self.add("guard.max_percent", "a percentage is 0 to 100");
        }
        if integration.source.is_none() {
            let why = "what a webhook, a change or an event brings is not read again when it is \
                       rejected: a guard needs a source";
            self.add("guard", why);
        } else if integration.output.destination().is_none() {
            self.add("guard", "what is told changes no record: a guard needs a target");
        }
    }

    fn limits(&mut self, limits: Option<&Limits>) {
        let Some(limits) = limits else { return };
        if limits.batch.is_some_and(|batch| batch == 0 || batch > MAX_BATCH) {
            self.add("limits.batch", format!("a batch has 1 to {MAX_BATCH} records"));
        }
        if limits.concurrency.is_some_and(|concurrency| concurrency != 1) {
            self.add("limits.concurrency", "one run of an integration at a time: write 1");
        }
        if limits.budget.is_some_and(|budget| !BUDGETS.contains(&budget.usd_per_day)) {
            self.add("limits.budget.usd_per_day", "a budget has 0.000001 to 1000000 dollars a day");
        }
    }
}

/// Five fields, as everywhere; croner could read more. A day that never comes is looked for every
/// minute and through all of history, at the cost of everybody whose schedules are due.
fn check_cron(cron: &str) -> Result<(), String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let parsed = parser.parse(cron).map_err(|error| {
        format!("{cron:?} is not a five-field cron expression such as \"0 6 * * MON-FRI\": {error}")
    })?;
    let from = date(LAST_CENTURY, 1, 1).to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?;
    let comes = parsed.find_next_occurrence(&from, true);
    comes.map(drop).map_err(|_| format!("{cron:?} never comes: no year has such a day"))
}
