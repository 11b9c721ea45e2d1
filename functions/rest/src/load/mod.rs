//! Writes a batch: a call a record, or a list of records a call.

mod list;
mod place;

use std::time::Duration;

use ferrule_connector::{Answer, Call, Disposition, Failure, Load, Record, Value, xml};
use ferrule_core::{Hops, definition::Mode};
use http::Method;
use place::{Place, Spot};

use crate::{
    Rest,
    call::Caller,
    settings::{Format, Sent, Target, Write},
};

/// With less time than this no further call is started.
const MARGIN: Duration = Duration::from_secs(3);

/// So many calls that fail in a row say that the target is down.
const MOST_IN_A_ROW: u32 = 3;

/// What a target may say about a single record, and not about all of them.
const ABOUT_A_RECORD: [u16; 6] = [400, 404, 409, 412, 413, 422];

/// What a body is, and the body.
type Body = (&'static str, String);

/// A batch that is being written.
pub(crate) struct Writing<'a> {
    load: &'a Load<'a, Rest>,
    caller: Caller<'a>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(load: &'a Load<'a, Rest>) -> Self {
        Self { load, caller: Caller::new(&load.context, load.rules) }
    }

    /// Writes what is not done.
    pub(crate) async fn write(&self, done: &mut [Option<Disposition>]) -> Result<(), Failure> {
        self.check()?;
        let size = usize::from(self.load.target.batch.unwrap_or(1)).max(1);
        if size > 1 {
            return self.write_lists(size, done).await;
        }
        self.write_each(done).await
    }

    /// A record whose call fails does not keep its neighbours back; several in a row do, since then
    /// it is the target that is down.
    async fn write_each(&self, done: &mut [Option<Disposition>]) -> Result<(), Failure> {
        let mut failed = Vec::new();
        let mut in_a_row = 0;
        for (at, one) in done.iter_mut().enumerate().filter(|(_, one)| one.is_none()) {
            self.check_time()?;
            match self.write_one(at, &self.load.records[at]).await {
                Ok(disposition) => {
                    *one = Some(disposition);
                    in_a_row = 0;
                }
                Err(failure) => {
                    *one = self.unsure(&failure);
                    let goes_on = matches!(failure, Failure::Unavailable { .. });
                    if !goes_on || in_a_row + 1 >= MOST_IN_A_ROW {
                        return Err(failure);
                    }
                    failed.push(failure);
                    in_a_row += 1;
                }
            }
        }
        failed.into_iter().next().map_or(Ok(()), Err)
    }

    /// Says what is known of records whose call failed.
    fn unsure(&self, failure: &Failure) -> Option<Disposition> {
        let may_double = doubles(self.load.target, self.load.mode) && may_have_arrived(failure);
        may_double.then_some(Disposition::Unsure)
    }

    /// Refuses a target under which a repeat would double records.
    fn check(&self) -> Result<(), Failure> {
        let target = self.load.target;
        let can_name = target.path.contains("{key}") || target.lookup.is_some();
        let is_list = target.batch.is_some_and(|size| size > 1);
        let wrong = |reason: &str| Err(Failure::coded("SETTINGS", format!("output: {reason}")));
        if is_list && (target.path.contains('{') || target.lookup.is_some()) {
            return wrong("a list of records has one path: no braces and no lookup with batch");
        }
        if is_list && target.format == Sent::Xml {
            return wrong("XML is sent a record a call: no batch");
        }
        match self.load.mode {
            Mode::Upsert if !can_name && target.method.is_none() => wrong(
                "an upsert needs {key} in the path, or a lookup, or the method of an endpoint that \
                 upserts by itself",
            ),
            Mode::Update | Mode::Delete if !can_name && !is_list => {
                wrong("to change or remove a record, put {key} in the path or name a lookup")
            }
            Mode::Delete if is_list => wrong("records are removed one by one: no batch"),
            _ => Ok(()),
        }
    }

    fn check_time(&self) -> Result<(), Failure> {
        if self.caller.time_left() > MARGIN {
            return Ok(());
        }
        let reason = "the time is up; the rest of the batch follows".to_owned();
        Err(Failure::Deferred { reason, wait: Duration::ZERO })
    }

    async fn write_one(&self, at: usize, record: &Record) -> Result<Disposition, Failure> {
        let written = match self.place(record).await {
            Ok(Place::At(spot)) => self.send_one(at, record, spot).await,
            Ok(Place::AlreadyThere) => Ok(Disposition::Unchanged),
            Ok(Place::Absent) => Ok(self.absent()),
            Err(failure) => Err(failure),
        };
        match written {
            Err(failure) if matches!(failure.code(), "KEY" | "XML") => {
                let (code, message) = (failure.code().to_owned(), failure.to_string());
                Ok(Disposition::Refused { code, message })
            }
            other => other,
        }
    }

    fn absent(&self) -> Disposition {
        if self.load.mode == Mode::Update {
            let message = "the target has no such record".to_owned();
            return Disposition::Refused { code: "NOT_FOUND".into(), message };
        }
        Disposition::Deleted
    }

    async fn send_one(
        &self,
        at: usize,
        record: &Record,
        spot: Spot,
    ) -> Result<Disposition, Failure> {
        let body = (!spot.is_removal).then(|| self.body(&record.value)).transpose()?;
        let name = self.load.name_of(at);
        let answer =
            match self.send((&spot.method, spot.path.as_str()), body, &name, record.hops).await {
                Err(Failure::Rejected { reason, .. }) if !is_about_all(&reason) => {
                    return Ok(refused(&reason));
                }
                other => other?,
            };
        if answer.status == 404 && (spot.is_removal || self.load.mode == Mode::Update) {
            return Ok(if spot.is_removal { Disposition::Deleted } else { self.absent() });
        }
        if answer.is_accepted {
            return Ok(refused(&answer.reason));
        }
        Ok(match answer.status {
            _ if answer.is_ignored => Disposition::Unchanged,
            _ if spot.is_removal => Disposition::Deleted,
            201 => Disposition::Created,
            304 => Disposition::Unchanged,
            _ if spot.is_new => Disposition::Created,
            _ => Disposition::Updated,
        })
    }

    async fn send(
        &self,
        (method, path): (&Method, &str),
        body: Option<Body>,
        name: &str,
        hops: Hops,
    ) -> Result<Answer, Failure> {
        let target = self.load.target;
        let url = self.caller.url(path)?;
        let accept = Format::Json.accept();
        let mut call = self.caller.call(method.clone(), url, &target.headers, accept).hops(hops);
        if let Some(header) = &target.idempotency_header {
            call = call.header(header, name);
        }
        if let Some((content_type, text)) = body {
            call = call.body(content_type, text);
        }
        let call = ABOUT_A_RECORD.into_iter().fold(call, Call::accept);
        let answer = self.caller.send(call).await?;
        if answer.status < 300 && answer.is_html() {
            return Err(answer.unreadable("answered with an HTML page; was it written?"));
        }
        Ok(answer)
    }

    fn body(&self, value: &Value) -> Result<Body, Failure> {
        match (self.load.target.format, &self.load.target.wrap) {
            (Sent::Json, _) => Ok(self.json(value.to_string())),
            (Sent::Xml, root) => {
                let root = root.as_deref().unwrap_or("record");
                Ok(("application/xml", xml::write(root, value)?))
            }
        }
    }

    /// Returns JSON text as it is sent.
    fn json(&self, text: String) -> Body {
        let text = match &self.load.target.wrap {
            Some(key) => format!("{{{}:{text}}}", Value::from(key.as_str())),
            None => text,
        };
        ("application/json", text)
    }
}

/// Tells whether a target takes a record that comes again for another one.
pub(crate) fn doubles(target: &Target, mode: Mode) -> bool {
    let names = target.idempotency_header.is_some() || target.lookup.is_some();
    mode == Mode::Insert && !names && target.method != Some(Write::Put)
}

/// Tells whether something may have arrived although no success was heard of.
fn may_have_arrived(failure: &Failure) -> bool {
    matches!(failure, Failure::Unavailable { reason, .. } if !reason.starts_with("cannot connect"))
}

fn refused(reason: &str) -> Disposition {
    Disposition::Refused { code: "REJECTED".into(), message: reason.to_owned() }
}

/// Tells refusals of the whole target (moved, forbidden, gone) from those of one record.
fn is_about_all(reason: &str) -> bool {
    let status = reason.get(..3).and_then(|status| status.parse::<u16>().ok());
    status.is_none_or(|status| !ABOUT_A_RECORD.contains(&status))
}
