//! What was used between two moments.

use std::{collections::BTreeMap, process::Command};

use ferrule_core::cost::{Item, Usage, quantity};
use ferrule_testing::proxy::{Count, Operation};

use crate::stack::{environments, proxy, stack};

/// A second of CPU is a second of a function of 1,769 MB, whatever its own memory is.
const GB_OF_CPU: f64 = 1.769 / 1.024;

/// What a call waits for on AWS and a vendor takes to answer, in seconds; and with how much memory. The local
/// AWS shares its processors with the functions, so its own times say nothing.
const AWS_SECS: f64 = 0.005;
const VENDOR_SECS: f64 = 0.2;
const GB: f64 = 0.25;

/// Lambda takes so many messages at once from a queue that has them.
const TOGETHER: f64 = 10.0;

/// What SQS counts as a request.
const CHUNK: f64 = 65_536.0;

/// What was used.
pub(crate) struct Measured {
    calls: BTreeMap<Operation, Count>,
    cpu_secs: f64,
    invocations: f64,
    /// Calls of vendors, and bytes sent to them.
    pub(crate) vendor_calls: usize,
    pub(crate) vendor_bytes: usize,
    pub(crate) api_requests: usize,
    /// What the hub says of the same.
    pub(crate) estimate: Usage,
    /// Tables that are the target's own storage: what is written there is not counted.
    pub(crate) storage: &'static [&'static str],
}

/// A moment.
pub(crate) struct Before {
    cpu_secs: f64,
    invocations: f64,
}

pub(crate) fn begin() -> Before {
    proxy().reset();
    Before { cpu_secs: cpu_secs(), invocations: invocations() }
}

impl Before {
    pub(crate) fn end(self) -> Measured {
        Measured {
            calls: proxy().reset(),
            cpu_secs: cpu_secs() - self.cpu_secs,
            invocations: invocations() - self.invocations,
            vendor_calls: 0,
            vendor_bytes: 0,
            api_requests: 0,
            estimate: Usage::default(),
            storage: &[],
        }
    }
}

impl Measured {
    /// Returns what is billed for it.
    pub(crate) fn usage(&self) -> Usage {
        let calls: Usage =
            self.calls.iter().map(|(operation, count)| self.of(operation, *count)).sum();
        let waits = quantity(self.calls.values().map(|count| count.calls).sum()) * AWS_SECS
            + self.vendor_calls as f64 * VENDOR_SECS;
        let usage = calls
            .with(Item::FunctionCall, self.invocations)
            .with(Item::FunctionGbSecond, self.cpu_secs * GB_OF_CPU + waits * GB)
            .with(Item::ApiRequest, self.api_requests as f64)
            .with(Item::OutGb, self.vendor_bytes as f64 / 1e9);
        crate::some(usage)
    }

    fn of(&self, operation: &Operation, count: Count) -> Usage {
        let usage = Usage::default();
        match operation.service.as_str() {
            "dynamodb" if self.storage.iter().any(|table| operation.place.ends_with(table)) => {
                usage
            }
            "dynamodb" => usage.with(Item::RowWrite, count.writes).with(Item::RowRead, count.reads),
            "sqs" => {
                // Lambda receives and deletes them.
                let messages = quantity(count.messages);
                let chunks = quantity(count.message_bytes) / CHUNK;
                let received = (messages / TOGETHER).max(chunks) + messages / TOGETHER;
                usage.with(Item::QueueRequest, quantity(count.requests) + received)
            }
            "secretsmanager" => usage.with(Item::SecretCall, quantity(count.calls)),
            "s3" if operation.name.starts_with("Get") => {
                usage.with(Item::ObjectRead, quantity(count.calls))
            }
            "s3" => usage.with(Item::ObjectWrite, quantity(count.calls)),
            other => panic!("{other} has no price"),
        }
    }

    /// Prints what was counted.
    pub(crate) fn details(&self) {
        println!(
            "  counted: {:.2} s of CPU, {} invocations, {} calls of vendors",
            self.cpu_secs, self.invocations, self.vendor_calls
        );
        for (Operation { service, name, place }, count) in &self.calls {
            let Count { calls, requests, messages, reads, writes, bytes_in, bytes_out, .. } = count;
            println!(
                "    {service:<14} {name:<18} {place:<22} {calls:>6} calls {requests:>6} requests \
                 {messages:>6} messages {reads:>8} reads {writes:>8} writes {:>8} KB in {:>8} KB out",
                bytes_in / 1024,
                bytes_out / 1024
            );
        }
    }
}

/// Returns the CPU time of all function processes so far; none of them ends while it is measured.
fn cpu_secs() -> f64 {
    let mark = format!("AWS_LAMBDA_FUNCTION_NAME={}-", stack().details().stack);
    let group = stack().details().pid.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ticks = processes.filter_map(|process| {
        let environ = std::fs::read(process.path().join("environ")).ok()?;
        let is_ours = environ.split(|byte| *byte == 0).any(|one| one.starts_with(mark.as_bytes()));
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        // After the name in parentheses: state, parent, group, ...; user and system time are 12th and 13th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let time = |at: usize| fields.get(at)?.parse::<u64>().ok();
        (is_ours && fields.get(2) == Some(&group.as_str())).then(|| Some(time(11)? + time(12)?))?
    });
    quantity(ticks.sum()) / 100.0
}

/// Asks the local AWS how often functions were invoked so far.
fn invocations() -> f64 {
    let details = stack().details();
    let output = Command::new(environments().emulator("python"))
        .args(["-c", INVOCATIONS, &details.endpoint, &details.region, &details.stack])
        .env("AWS_ACCESS_KEY_ID", &details.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &details.secret_key)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    printed.parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

const INVOCATIONS: &str = r"
import sys, datetime, botocore.session
session = botocore.session.get_session()
endpoint, region, stack = sys.argv[1:4]
functions = session.create_client('lambda', endpoint_url=endpoint, region_name=region).list_functions()['Functions']
metrics = session.create_client('cloudwatch', endpoint_url=endpoint, region_name=region)
now, total = datetime.datetime.now(datetime.timezone.utc), 0
for function in functions:
    if function['FunctionName'].endswith('-schedule'):
        continue
    points = metrics.get_metric_statistics(
        Namespace='AWS/Lambda', MetricName='Invocations', Statistics=['Sum'], Period=86400,
        Dimensions=[{'Name': 'FunctionName', 'Value': function['FunctionName']}],
        StartTime=now - datetime.timedelta(days=1), EndTime=now + datetime.timedelta(minutes=5))['Datapoints']
    total += sum(point['Sum'] for point in points)
print(total)
";
