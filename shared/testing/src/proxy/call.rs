//! What a request asks of AWS, and what AWS counts of it.

use serde_json::Value;

use super::{units, wire::Message};

/// SQS counts every so many bytes of what is sent together as a request.
const SQS_CHUNK_BYTES: u64 = 64 * 1024;

/// A call as it is told apart from others.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Such as `dynamodb`, `sqs`, `secretsmanager`, `s3`.
    pub service: String,
    /// Such as `PutItem`.
    pub name: String,
    /// On what: the table, queue, secret or bucket.
    pub place: String,
}

/// What was counted of calls. What failed by a fault is not in it, what was executed is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Count {
    /// Calls.
    pub calls: u64,
    /// Requests as they are billed.
    pub requests: u64,
    /// Bytes of the requests, heads included.
    pub bytes_in: u64,
    /// Bytes of the answers, heads included.
    pub bytes_out: u64,
    /// Messages in these calls, and the bytes of their bodies.
    pub messages: u64,
    /// Bytes of the messages' bodies.
    pub message_bytes: u64,
    /// Read units, by the size of rows.
    pub reads: f64,
    /// Write units, by the size of rows, with those of their index.
    pub writes: f64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.requests += more.requests;
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.messages += more.messages;
        self.message_bytes += more.message_bytes;
        self.reads += more.reads;
        self.writes += more.writes;
    }
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    asked: Value,
    /// The body as text, or the target where there is none: what rules look at.
    text: String,
}

impl Call {
    /// Reads what a request asks for.
    pub(super) fn of(request: &Message) -> Self {
        let target = request.header("x-amz-target").and_then(|target| target.split_once('.'));
        let Some((service, name)) = target else { return Self::of_bucket(request) };
        let service = match service {
            "AmazonSQS" => "sqs".to_owned(),
            service => service.split('_').next().unwrap_or_default().to_lowercase(),
        };
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let place = place(&asked).to_owned();
        let text = String::from_utf8_lossy(&request.body).into_owned();
        Self { operation: Operation { service, name: name.into(), place }, asked, text }
    }

    fn of_bucket(request: &Message) -> Self {
        let target = request.word(1);
        let name = match request.word(0) {
            "GET" if target.contains("list-type=") => "ListObjectsV2",
            "GET" => "GetObject",
            "PUT" => "PutObject",
            "HEAD" => "HeadObject",
            "DELETE" => "DeleteObject",
            other => other,
        };
        let place = target.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
        let operation = Operation { service: "s3".into(), name: name.to_owned(), place };
        Self { operation, asked: Value::Null, text: target.to_owned() }
    }

    /// Tells whether a text occurs in the request's body, or in the target of one without.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Returns how many writes a transaction has.
    pub(super) fn parts(&self) -> usize {
        self.asked["TransactItems"].as_array().map_or(0, Vec::len)
    }

    /// Counts the call, now that it is executed.
    pub(super) fn count(&self, request: &Message, answer: &Message) -> Count {
        let bodies = self.bodies();
        let message_bytes = bodies.iter().sum::<u64>();
        let (reads, writes) = match self.operation.service.as_str() {
            "dynamodb" => {
                let answered = serde_json::from_slice(&answer.body).unwrap_or_default();
                units::of(&self.operation.name, &self.asked, &answered)
            }
            _ => (0.0, 0.0),
        };
        Count {
            calls: 1,
            requests: message_bytes.div_ceil(SQS_CHUNK_BYTES).max(1),
            bytes_in: request.size(),
            bytes_out: answer.size(),
            messages: bodies.len() as u64,
            message_bytes,
            reads,
            writes,
        }
    }

    /// Returns the sizes of the messages in it.
    fn bodies(&self) -> Vec<u64> {
        let body = |entry: &Value| entry["MessageBody"].as_str().map(|body| body.len() as u64);
        let entries = self.asked["Entries"].as_array().into_iter().flatten();
        entries.chain([&self.asked]).filter_map(body).collect()
    }
}

/// Finds the table, queue or secret that a body names.
fn place(asked: &Value) -> &str {
    if let Some(table) = asked["RequestItems"].as_object().and_then(|tables| tables.keys().next()) {
        return table;
    }
    let first = &asked["TransactItems"][0];
    let parts = first.as_object().into_iter().flat_map(serde_json::Map::values);
    let tables = parts.chain([asked]).map(|part| &part["TableName"]);
    let mut names = tables.chain([&asked["SecretId"], &asked["Name"]]).filter_map(Value::as_str);
    let queue = asked["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
    queue.or_else(|| names.next()).unwrap_or_default()
}
