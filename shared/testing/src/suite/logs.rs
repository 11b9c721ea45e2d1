//! Everything that is logged in this process, at every level.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use tracing_subscriber::{filter::LevelFilter, fmt};

static HEARD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        HEARD.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to listen, once a process.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let all = fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(|| Ear);
        all.try_init().expect("the suite listens to all logs: let it be the first to do so");
    });
}

/// Tells how much was heard so far.
pub(super) fn mark() -> usize {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Returns what was heard since.
pub(super) fn since(mark: usize) -> String {
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&heard[mark..]).into_owned()
}
