//! The stack that all end-to-end tests of this process share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use ferrule_cli::stack::{Environments, Options, Stack, Workspace};

/// How much faster than real time the tests run: the third retry waits 9 s in place of 15 minutes.
const TIME_SCALE: u32 = 100;

const A_DAY: Duration = Duration::from_hours(24);

/// Nobody drops a static: the emulator notices that this process is gone and takes everything along.
static STACK: LazyLock<Stack> = LazyLock::new(|| {
    let options = Options { time_scale: TIME_SCALE, ..Options::new(dir()) };
    Stack::up(&options, &|event| eprintln!("{:?}: {}", event.step, event.detail)).unwrap()
});

/// The folder of this test process; folders of earlier days are removed.
static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let all = Workspace::find().unwrap().target().join("e2e");
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let age = old.metadata().and_then(|is| is.modified()).ok().and_then(age);
        if age.is_some_and(|age| age > A_DAY) {
            std::fs::remove_dir_all(old.path()).ok();
        }
    }
    let own = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&own).unwrap();
    own
});

/// Returns the deployed stack; the first caller waits until it is up.
pub(crate) fn stack() -> &'static Stack {
    &STACK
}

/// Returns the folder with this process's logs.
pub(crate) fn dir() -> &'static Path {
    &DIR
}

/// Returns the Python environments without starting anything.
pub(crate) fn environments() -> Environments {
    Environments::ready(&Workspace::find().unwrap(), dir(), &|_| ()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the age of files on this machine is real time")]
fn age(modified: SystemTime) -> Option<Duration> {
    SystemTime::now().duration_since(modified).ok()
}
