#![doc = include_str!("../README.md")]

mod checks;
mod health;
mod router;
mod stored;
mod validate;

pub use checks::{CheckAsked, CheckView};
use ferrule_http::{auth, etag, input, page, problem};
pub use health::HealthView;
pub use router::app;
pub use stored::{Listed, Saved};
