#![doc = include_str!("../README.md")]

mod router;
mod values;

use ferrule_http::{auth, etag, input, page, problem};
pub use router::app;
pub use values::{Back, Batch, ConfigView, Done, Put, VersionView};
