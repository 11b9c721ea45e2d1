//! The stack that all end-to-end tests of this process share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use ferrule_cli::stack::{Environments, Options, Stack, Workspace};
use ferrule_testing::proxy::Proxy;

const A_DAY: Duration = Duration::from_hours(24);

/// Nobody drops a static: the emulator notices that this process is gone and takes everything along.
static STACK: LazyLock<Stack> = LazyLock::new(|| {
    let options = Options {
        time_scale: crate::TIME_SCALE,
        proxy: Some(proxy().url()),
        ..Options::new(dir())
    };
    let told = |event: ferrule_cli::stack::Event| eprintln!("{:?}: {}", event.step, event.detail);
    let stack = Stack::up(&options, &told).unwrap();
    proxy().forward_to(&stack.details().endpoint);
    stack
});

/// What functions reach the local AWS through.
static PROXY: LazyLock<Proxy> = LazyLock::new(Proxy::start);

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

/// Returns what functions reach the local AWS through: a test that lets something go wrong there names
/// its own tenant.
pub(crate) fn proxy() -> &'static Proxy {
    &PROXY
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

/// Reads what functions wrote at level WARN and above: for a test that is about to fail.
pub(crate) fn complaints() -> String {
    let details = stack().details();
    let python = environments().emulator("python");
    let output = std::process::Command::new(python)
        .args(["-c", COMPLAINTS, &details.endpoint, &details.region])
        .env("AWS_ACCESS_KEY_ID", &details.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &details.secret_key)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Has the schedule function do now what the clock would have it do within a minute.
pub(crate) fn tick() {
    let details = stack().details();
    let output = std::process::Command::new(environments().emulator("python"))
        .args(["-c", TICK, &details.endpoint, &details.region, &details.stack])
        .env("AWS_ACCESS_KEY_ID", &details.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &details.secret_key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const TICK: &str = r"
import sys, botocore.session
functions = botocore.session.get_session().create_client('lambda', endpoint_url=sys.argv[1], region_name=sys.argv[2])
answer = functions.invoke(FunctionName=sys.argv[3] + '-schedule', Payload=b'{}')
sys.exit(answer.get('FunctionError'))
";

const COMPLAINTS: &str = r"
import sys, botocore.session
logs = botocore.session.get_session().create_client('logs', endpoint_url=sys.argv[1], region_name=sys.argv[2])
for group in logs.describe_log_groups()['logGroups']:
    events = logs.filter_log_events(logGroupName=group['logGroupName'])['events']
    lines = [e['message'].strip() for e in events if 'WARN' in e['message'] or 'ERROR' in e['message'] or 'panic' in e['message']]
    for line in lines[-8:]:
        print(group['logGroupName'], line[:700])
";
