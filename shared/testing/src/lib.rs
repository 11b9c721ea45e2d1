//! Fakes and promises. Only ever a dev-dependency.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "test code fails by panicking"
)]

pub mod contract;
mod event;
mod generated;
pub mod okta;
pub mod postgres;
pub mod proxy;
mod script;
mod server;
pub mod servicenow;
pub mod shop;
pub mod suite;
pub mod vendor;

use std::path::PathBuf;

pub use event::{body, event};
pub use generated::generated;
pub use server::ContractVendor;

/// Returns the folder of the clone that the test runs in: a target folder can be shared by several,
/// so the place where this crate was built does not tell.
pub(crate) fn house() -> PathBuf {
    let start = std::env::current_dir().unwrap();
    let is_house = |folder: &&std::path::Path| {
        folder.join("functions").is_dir() && folder.join("events").is_dir()
    };
    let found = start.ancestors().find(is_house);
    found.unwrap_or_else(|| panic!("{} is not in a clone", start.display())).to_owned()
}

/// Tells whether a developer asks that what is generated be written.
#[expect(clippy::disallowed_methods, reason = "a developer asks this test to write")]
pub(crate) fn update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}
