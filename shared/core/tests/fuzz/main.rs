//! Made-up input for every parser of this crate that reads what comes from outside: it never panics,
//! always ends, and what it accepts means one thing. `FERRULE_FUZZ_SECS=60` tries each for a minute.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it tried"
)]

mod definitions;
mod expressions;
mod json;
#[path = "../../../../tests/fuzz/mod.rs"]
mod run;
mod values;

use ferrule_core::Value;

const SAMPLE: &str = r#"{"s": "Ab,c d", "i": 7, "f": 2.5, "t": true, "n": null, "number": "INC1",
    "at": "2026-01-01T00:00:00Z", "l": [3, 1, 2, 3], "o": {"k": 1, "a": [{"x": 2}, {"x": 1}]},
    "big": 12345678901234567890123, "e": [], "w": "  pad "}"#;

fn sample() -> Value {
    ferrule_core::json::parse(SAMPLE.as_bytes()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
