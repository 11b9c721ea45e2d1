//! What the server says, as a decision about what happens next.
//!
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use std::{error::Error as _, io};

use ferrule_connector::{Disposition, Failure};
use tokio_postgres::{Error, error::DbError};

/// Name of this side in failures.
const SERVICE: &str = "postgres";

/// Codes after which the same statement, in a new transaction, is likely to get through at once.
const COLLISIONS: [&str; 2] = ["40001", "40P01"];

/// Where the server checks row-level security and `with check option`; the code alone could also
/// mean that the whole table is forbidden.
const ROW_POLICY: &str = "ExecWithCheckOptions";

/// Why a statement has no good answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server said so, or the connection broke.
    Said(Error),
    /// Nobody said anything in time.
    Silent,
}

impl Fault {
    fn said(&self) -> Option<&DbError> {
        match self {
            Self::Said(error) => error.as_db_error(),
            Self::Silent => None,
        }
    }

    fn state(&self) -> &str {
        self.said().map_or("", |said| said.code().code())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Said(error)
    }
}

/// Says what happens next after `fault`, for the whole page or batch.
pub(crate) fn failure(fault: &Fault) -> Failure {
    let error = match fault {
        Fault::Said(error) => error,
        Fault::Silent => return Failure::unavailable(SERVICE, "no answer in time"),
    };
    let Some(said) = error.as_db_error() else { return broken(error) };
    let reason = words(said);
    match said.code().code() {
        "42P01" => Failure::coded("UNKNOWN_TABLE", reason),
        "42703" => Failure::coded("UNKNOWN_COLUMN", reason),
        "42P10" => Failure::coded(
            "KEY_NOT_UNIQUE",
            "the table has no unique index on exactly the key columns, so a row cannot be found \
             by them and inserted when it is missing",
        ),
        "3D000" => Failure::coded("UNKNOWN_DATABASE", reason),
        code if code.starts_with("28") => Failure::unauthorized(SERVICE, reason),
        // A writer that became a reader: the cluster has failed over.
        "25006" | "25P03" | "55P03" | "57014" => Failure::unavailable(SERVICE, reason),
        code if ["08", "40", "53", "57", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Failure::unavailable(SERVICE, reason)
        }
        _ => Failure::rejected(SERVICE, reason),
    }
}

/// Tells whether another transaction was in the way.
pub(crate) fn is_collision(fault: &Fault) -> bool {
    COLLISIONS.contains(&fault.state())
}

/// Tells whether the server has no such table.
pub(crate) fn is_missing_table(fault: &Fault) -> bool {
    fault.state() == "42P01"
}

/// Tells whether somebody else made the table at the same moment.
pub(crate) fn is_made_meanwhile(fault: &Fault) -> bool {
    ["23505", "42P07"].contains(&fault.state())
}

/// Returns the refusal of one record when `fault` is about what is in it; its neighbours go on.
pub(crate) fn refusal(fault: &Fault) -> Option<Disposition> {
    let said = fault.said()?;
    let state = said.code().code();
    let of = |what: Option<&str>| what.map_or(String::new(), |name| format!(" ({name})"));
    let constraint = of(said.constraint());
    let (code, message) = match state {
        "23505" => ("UNIQUE", format!("another row has the same value already{constraint}")),
        "23502" => ("NOT_NULL", format!("a value is missing{}", of(said.column()))),
        "23503" => (
            "FOREIGN_KEY",
            format!("it names a row that is not there{constraint}, or one that is needed"),
        ),
        "23514" | "44000" => ("CHECK", format!("it breaks a check{constraint}")),
        "21000" => ("TWICE", "its key stands in the batch twice, written differently".to_owned()),
        "23P01" => ("EXCLUSION", format!("it overlaps another row{constraint}")),
        "22001" => ("TOO_LONG", said.message().to_owned()),
        "22003" => ("OUT_OF_RANGE", said.message().to_owned()),
        "22007" | "22008" => ("BAD_TIME", said.message().to_owned()),
        "22P02" | "22P03" | "22P05" => ("BAD_VALUE", said.message().to_owned()),
        "P0001" => ("RAISED", said.message().to_owned()),
        "42501" if said.routine() == Some(ROW_POLICY) => ("POLICY", said.message().to_owned()),
        "54000" => ("TOO_LARGE", said.message().to_owned()),
        _ if state.starts_with("22") || state.starts_with("23") => {
            ("REFUSED", format!("{} ({state})", said.message()))
        }
        _ => return None,
    };
    Some(refused(code, message))
}

/// Refuses one record.
pub(crate) fn refused(code: &str, message: impl Into<String>) -> Disposition {
    Disposition::Refused { code: code.to_owned(), message: message.into() }
}

/// Without the detail, which shows whole rows, and without the statement.
fn words(said: &DbError) -> String {
    format!("{} ({})", said.message(), said.code().code())
}

/// Says what happened to the connection. Neither password nor statement is in it.
fn broken(error: &Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let tls = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = tls.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(why)) = tls {
            let reason = format!("the server's certificate is not trusted: {why}");
            return Failure::coded("CERTIFICATE", reason);
        }
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    Failure::unavailable(SERVICE, text)
}
