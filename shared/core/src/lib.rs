//! The pure part of Ferrule: types, definitions, mapping, expressions, validation, failures,
//! cursors. No AWS, no HTTP, no clock, no randomness.

mod batch;
mod cursor;
mod decimal;
pub mod definition;
pub mod document;
pub mod duration;
pub mod engine;
mod envelope;
mod excerpt;
pub mod expr;
mod failure;
pub mod json;
mod name;
pub mod path;
pub mod recipe;
pub mod redact;
mod run;
pub mod schema;
mod value;

pub use batch::{Batch, Counts, MAX_RECORDS, Record, Timings};
pub use cursor::{CursorState, Mark, Selector};
pub use envelope::{Check, Envelope, Message, Note, Page, TARGET_BYTES, Task, VERSION, cut};
pub use excerpt::excerpt;
pub use failure::{FAIL_RUN, Failure, Next, SCHEDULE, Trace};
pub use name::{BadName, Digest, Name, RunId, Tenant};
pub use run::{Checkpoint, Progress, Run, RunState};
pub use value::{Key, Number, Object, Value};
