//! What is logged while a story is told.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::{
    filter::LevelFilter,
    fmt::{MakeWriter, fmt},
    util::SubscriberInitExt,
};

/// Everything that is logged on this thread, from now until it is dropped.
pub(crate) struct Logs {
    heard: Ear,
    _guard: Box<dyn std::any::Any>,
}

#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<u8>>>);

impl io::Write for Ear {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Ear {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Logs {
    pub(crate) fn listen() -> Self {
        let heard = Ear::default();
        let all = fmt().with_max_level(LevelFilter::INFO).with_ansi(false).without_time();
        let guard = all.with_writer(heard.clone()).finish().set_default();
        Self { heard, _guard: Box::new(guard) }
    }

    /// Returns what was heard since the last time.
    pub(crate) fn take(&self) -> String {
        let lines = std::mem::take(&mut *self.heard.0.lock().unwrap());
        String::from_utf8(lines).unwrap()
    }
}
