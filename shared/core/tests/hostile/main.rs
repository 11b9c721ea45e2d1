//! Input that is made to hurt: each piece comes to its end soon, in bounded memory, and in words.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

mod definitions;
mod matching;
mod values;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ferrule_core::{
    document::{Catalog, Document, load},
    engine::Engine,
};

/// Far more than any of this takes, far less than what it would take without bounds.
const SOON: Duration = Duration::from_secs(5);

/// Most memory that a single text of 1 MiB may cost.
const MOST_KIB: u64 = 256 * 1024;

/// One at a time: memory is counted for the whole process.
static MEASURING: Mutex<()> = Mutex::new(());

fn soon<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    // The peak starts anew; where that cannot be had, an earlier peak hides a later one.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (started, before) = (busy(), peak_kib());
    let outcome = act();
    let (took, grown) = (busy().saturating_sub(started), peak_kib().saturating_sub(before));
    drop(guard);
    println!("{what}: {took:?}, {grown} KiB");
    assert!(took < SOON, "{what} took {took:?}");
    assert!(grown < MOST_KIB, "{what} took {grown} KiB");
    outcome
}

/// What this thread has worked so far; how busy the machine is does not count.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// The most memory that this process has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn problems(what: &str, text: &str) -> String {
    assert!(text.len() <= 1 << 20, "{what} is {} bytes", text.len());
    match soon(what, || load(text, &Catalog::new())) {
        Ok(found) => format!("{} documents", found.len()),
        Err(problems) => problems.iter().map(|p| p.message.clone() + "\n").collect(),
    }
}

fn integration(body: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\n\
         source: {{connection: a}}\n{body}\n"
    )
}

/// An integration that tells of changes.
fn told(matching: &str, more: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\n\
         trigger: {{config_change: {{match: {matching}}}}}\n\
         output: {{notify: [{{connection: chat}}]{more}}}\n"
    )
}

fn engine(text: &str) -> Engine {
    let found = load(text, &Catalog::new()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let [Document::Integration(integration)] = &found[..] else {
        panic!("{} documents", found.len())
    };
    Engine::compile(integration).unwrap()
}

/// `one` with its number in place of `#`, again and again until the text is about full.
fn full(one: &str, most: usize) -> String {
    let mut text = String::new();
    for at in 0.. {
        let next = one.replace('#', &at.to_string());
        if text.len() + next.len() > most {
            break;
        }
        text.push_str(&next);
    }
    text
}

fn mapped(columns: &str) -> String {
    integration(&format!("map:\n{columns}output: {{connection: b}}"))
}
