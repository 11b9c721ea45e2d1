//! The pure part of Ferrule: types, definitions, mapping, expressions, validation, failures,
//! cursors. No AWS, no HTTP, no clock, no randomness.

mod batch;
pub mod cost;
mod cursor;
mod decimal;
pub mod definition;
pub mod document;
pub mod duration;
pub mod engine;
mod envelope;
pub mod event;
mod excerpt;
pub mod expr;
mod failure;
mod hops;
pub mod json;
mod look;
mod message;
mod name;
mod notification;
mod packing;
pub mod path;
pub mod pattern;
pub mod quiet;
pub mod recipe;
pub mod redact;
mod run;
pub mod schema;
pub mod template;
mod value;
mod wording;

pub use batch::{Batch, Counts, MAX_RECORDS, Record, Timings};
pub use cursor::{CursorState, Mark, Selector};
pub use envelope::{Check, Counted, Envelope, Flush, Note, Page, Release, Task, VERSION};
pub use event::Event;
pub use excerpt::{excerpt, excerpt_of};
pub use failure::{FAIL_RUN, Failure, Next, SCHEDULE, TARGET_GONE, Trace};
pub use hops::{Hops, LOOP};
pub use look::{Calls, Changed, Decision, Does, Found, Look, Purpose, Reason, Sample};
pub use message::Message;
pub use name::{BadName, Digest, Name, RunId, Tenant};
pub use notification::{Field, Notification};
pub use packing::{Cut, TARGET_BYTES, cut};
pub use run::{Checkpoint, Progress, Run, RunState};
pub use value::{Key, Number, Object, Text, Value};
pub use wording::Wording;
