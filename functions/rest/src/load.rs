//! Writes a batch: a call a record, or a list of records a call.

use std::time::{Duration, Instant};

use ferrule_connector::{Answer, Disposition, Failure, Load, Record, Value};
use ferrule_core::{definition::Mode, path::Path};
use http::Method;

use crate::{
    Rest,
    address::{Blanks, fill, plain},
    call::Caller,
    settings::{Format, Lookup, Write},
};

/// With less time than this no further call is started.
const MARGIN: Duration = Duration::from_secs(3);

/// What a target may say about a single record, and not about all of them.
const ABOUT_A_RECORD: [u16; 6] = [400, 404, 409, 412, 413, 422];

/// A batch that is being written.
pub(crate) struct Writing<'a> {
    load: &'a Load<'a, Rest>,
    caller: Caller<'a>,
    started: Instant,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(load: &'a Load<'a, Rest>) -> Self {
        let caller = Caller { context: &load.context, rules: load.rules };
        Self { load, caller, started: Instant::now() }
    }

    /// Writes what is not done.
    pub(crate) async fn write(&self, done: &mut [Option<Disposition>]) -> Result<(), Failure> {
        self.check()?;
        let size = usize::from(self.load.target.batch.unwrap_or(1)).max(1);
        if size > 1 {
            return self.write_lists(size, done).await;
        }
        for (at, one) in done.iter_mut().enumerate().filter(|(_, one)| one.is_none()) {
            self.check_time()?;
            *one = Some(self.write_one(at, &self.load.records[at]).await?);
        }
        Ok(())
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
        if self.started.elapsed() + MARGIN < self.load.context.time_left {
            return Ok(());
        }
        let reason = "the time is up; the rest of the batch follows".to_owned();
        Err(Failure::Deferred { reason, wait: Duration::ZERO })
    }

    async fn write_one(&self, at: usize, record: &Record) -> Result<Disposition, Failure> {
        match self.place(record).await {
            Ok(Place::At(spot)) => self.send_one(at, record, spot).await,
            Ok(Place::AlreadyThere) => Ok(Disposition::Unchanged),
            Ok(Place::Absent) => Ok(self.absent()),
            Err(failure) if failure.code() == "KEY" => {
                Ok(Disposition::Refused { code: "KEY".into(), message: failure.to_string() })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Decides how and where a record is written.
    async fn place(&self, record: &Record) -> Result<Place, Failure> {
        let target = self.load.target;
        let is_removal = record.deleted || self.load.mode == Mode::Delete;
        let blanks = Blanks { record: Some(record), value: &record.value, id: None };
        let Some(lookup) = &target.lookup else {
            let (method, is_new) = match self.load.mode {
                _ if is_removal => (Method::DELETE, false),
                Mode::Upsert => (method(target.method, Method::PUT), false),
                Mode::Update | Mode::Delete => (method(target.method, Method::PATCH), false),
                Mode::Insert => (method(target.method, Method::POST), true),
            };
            let path = fill(&target.path, &blanks)?;
            return Ok(Place::At(Spot { method, path, is_new, is_removal }));
        };
        match (self.find(lookup, record).await?, self.load.mode) {
            // An earlier delivery wrote it: a second insert would double it.
            (Some(_), Mode::Insert) => Ok(Place::AlreadyThere),
            (Some(id), _) => {
                let blanks = Blanks { id: Some(&id), ..blanks };
                let method =
                    if is_removal { Method::DELETE } else { method(lookup.method, Method::PATCH) };
                let path = fill(&lookup.update, &blanks)?;
                Ok(Place::At(Spot { method, path, is_new: false, is_removal }))
            }
            (None, Mode::Upsert | Mode::Insert) if !is_removal => {
                let path = fill(&target.path, &blanks)?;
                let method = method(target.method, Method::POST);
                Ok(Place::At(Spot { method, path, is_new: true, is_removal }))
            }
            (None, _) => Ok(Place::Absent),
        }
    }

    /// Looks a record up; `None` when the target does not have it.
    async fn find(&self, lookup: &Lookup, record: &Record) -> Result<Option<String>, Failure> {
        let blanks = Blanks { record: Some(record), value: &record.value, id: None };
        let url = self.caller.url(&fill(&lookup.path, &blanks)?)?;
        let id = Path::parse(&lookup.id).map_err(|error| Failure::coded("SETTINGS", error))?;
        let headers = &self.load.target.headers;
        let call = self.caller.call(Method::GET, url, headers, Format::Json.accept());
        let answer = self.caller.send(call.accept(404)).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(id.find(&answer.json()?).and_then(plain))
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
        let body = (!spot.is_removal).then(|| self.wrapped(record.value.clone()));
        let name = format!("{}-{at}", self.load.batch_id);
        let answer = match self.send(&spot.method, &spot.path, body, &name).await {
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

    /// Writes lists. One that is refused is cut in half, until the bad records stand alone.
    async fn write_lists(
        &self,
        size: usize,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let starts = (0..done.len()).step_by(size).rev();
        let mut lists: Vec<_> = starts.map(|from| from..done.len().min(from + size)).collect();
        while let Some(list) = lists.pop() {
            let open: Vec<usize> = list.clone().filter(|at| done[*at].is_none()).collect();
            let Some(first) = open.first() else { continue };
            self.check_time()?;
            match self.send_list(&open).await? {
                Ok(disposition) => {
                    open.iter().for_each(|at| done[*at] = Some(disposition.clone()));
                }
                Err(reason) if open.len() == 1 => done[*first] = Some(refused(&reason)),
                Err(_) => {
                    let middle = open[open.len() / 2];
                    lists.push(middle..list.end);
                    lists.push(list.start..middle);
                }
            }
        }
        Ok(())
    }

    /// Sends a list; the inner error is the target's refusal of something in it.
    async fn send_list(&self, open: &[usize]) -> Result<Result<Disposition, String>, Failure> {
        let target = self.load.target;
        let values = open.iter().map(|at| self.load.records[*at].value.clone());
        let body = self.wrapped(Value::Array(values.collect()));
        let method = match self.load.mode {
            Mode::Update => method(target.method, Method::PATCH),
            _ => method(target.method, Method::POST),
        };
        let (first, last) = (open.first().unwrap_or(&0), open.last().unwrap_or(&0));
        let name = format!("{}-{first}-{last}-{}", self.load.batch_id, open.len());
        let answer = match self.send(&method, &target.path, Some(body), &name).await {
            Err(Failure::Rejected { reason, .. }) if !is_about_all(&reason) => {
                return Ok(Err(reason));
            }
            other => other?,
        };
        Ok(match answer {
            answer if answer.is_accepted => Err(answer.reason),
            answer if answer.is_ignored => Ok(Disposition::Unchanged),
            _ if self.load.mode == Mode::Insert => Ok(Disposition::Created),
            _ => Ok(Disposition::Updated),
        })
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<Value>,
        name: &str,
    ) -> Result<Answer, Failure> {
        let target = self.load.target;
        let url = self.caller.url(path)?;
        let accept = Format::Json.accept();
        let mut call = self.caller.call(method.clone(), url, &target.headers, accept);
        if let Some(header) = &target.idempotency_header {
            call = call.header(header, name);
        }
        if let Some(body) = &body {
            call = call.json(body);
        }
        let call = ABOUT_A_RECORD.into_iter().fold(call, ferrule_connector::Call::accept);
        let answer = self.caller.send(call).await?;
        if answer.status < 300 && answer.is_html() {
            return Err(answer.unreadable("answered with an HTML page; was it written?"));
        }
        Ok(answer)
    }

    fn wrapped(&self, value: Value) -> Value {
        match &self.load.target.wrap {
            Some(key) => Value::Object([(key.as_str(), value)].into_iter().collect()),
            None => value,
        }
    }
}

/// What is to be done for one record.
enum Place {
    /// A call.
    At(Spot),
    /// Nothing: an earlier delivery did it.
    AlreadyThere,
    /// Nothing: there is no such record.
    Absent,
}

/// How and where one record is written.
struct Spot {
    method: Method,
    path: String,
    is_new: bool,
    is_removal: bool,
}

fn method(write: Option<Write>, usual: Method) -> Method {
    match write {
        None => usual,
        Some(Write::Post) => Method::POST,
        Some(Write::Put) => Method::PUT,
        Some(Write::Patch) => Method::PATCH,
    }
}

fn refused(reason: &str) -> Disposition {
    Disposition::Refused { code: "REJECTED".into(), message: reason.to_owned() }
}

/// Tells refusals of the whole target (moved, forbidden, gone) from those of one record.
fn is_about_all(reason: &str) -> bool {
    let status = reason.get(..3).and_then(|status| status.parse::<u16>().ok());
    status.is_none_or(|status| !ABOUT_A_RECORD.contains(&status))
}
