//! The client against a real HTTP server that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod auth;
mod broken;
mod limits;
mod refused;

use std::time::Duration;

use ferrule_connector::{Call, Failure, Http, HttpOptions, Timeouts, url_guard};
use ferrule_testing::vendor::Vendor;

fn http() -> Http {
    Http::new(HttpOptions { local: true, ..HttpOptions::new("crm") })
}

fn get(vendor: &Vendor, path: &str) -> Call<'static> {
    Call::get(url_guard::parse(&vendor.url(path), true).unwrap())
}

/// The same call, losing patience quickly.
fn hasty(call: Call<'_>) -> Call<'_> {
    let short = Duration::from_millis(150);
    let total = short.saturating_mul(3);
    call.timeouts(Timeouts { connect: short, first_byte: short, idle: short, total })
}

fn is_unavailable(failure: &Failure, says: &str) -> bool {
    matches!(failure, Failure::Unavailable { reason, .. } if reason.contains(says))
}
