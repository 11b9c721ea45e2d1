//! What goes wrong, with which calls, and how often.

use std::time::Duration;

use super::{
    call::{Call, Operation},
    wire::Message,
};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The service says that it is asked too much, in its own words. Nothing is executed.
    Throttle,
    /// The service says 500. Nothing is executed.
    Error,
    /// The call is executed later.
    Delay(Duration),
    /// The connection is gone before the call is executed.
    Cut,
    /// The call is executed, and the connection is gone before anybody hears of it.
    LostAnswer,
}

/// Which calls a fault is met with.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) fault: Fault,
    service: String,
    operations: Vec<String>,
    containing: Vec<String>,
    percent: u64,
    seed: u64,
    pub(super) most: u64,
}

impl Rule {
    /// All calls of a service.
    pub fn new(fault: Fault, service: &str) -> Self {
        Self {
            fault,
            service: service.into(),
            operations: Vec::new(),
            containing: Vec::new(),
            percent: 100,
            seed: 0,
            most: u64::MAX,
        }
    }

    /// Only of these operations.
    #[must_use]
    pub fn operations(mut self, names: &[&str]) -> Self {
        self.operations = names.iter().map(ToString::to_string).collect();
        self
    }

    /// Only calls with this text in the request's body, or in the target of one without.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.containing.push(text.into());
        self
    }

    /// Only so many in a hundred of them, chosen by the seed and their number: the same ones each time.
    #[must_use]
    pub fn percent(mut self, percent: u64, seed: u64) -> Self {
        (self.percent, self.seed) = (percent, seed);
        self
    }

    /// At most so often.
    #[must_use]
    pub fn at_most(mut self, most: u64) -> Self {
        self.most = most;
        self
    }

    /// Tells whether a call is one of those that it may be met with.
    pub(super) fn means(&self, call: &Call) -> bool {
        let Operation { service, name, .. } = &call.operation;
        let is_named = self.operations.is_empty() || self.operations.contains(name);
        *service == self.service && is_named && self.containing.iter().all(|t| call.contains(t))
    }

    /// Tells whether it is met with the `number`th of them.
    pub(super) fn strikes(&self, number: u64) -> bool {
        mixed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number) % 100 < self.percent
    }
}

/// `SplitMix64`: spreads numbers that follow each other.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Refuses a call in the words of its service. DynamoDB has several, and takes turns.
pub(super) fn throttled(call: &Call, number: u64) -> Message {
    match call.operation.service.as_str() {
        "s3" => {
            let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code>\
                        <Message>Please reduce your request rate.</Message></Error>";
            Message::answer(503, &[("content-type", "application/xml")], body)
        }
        "dynamodb" if call.parts() > 0 && number.is_multiple_of(2) => cancelled(call.parts()),
        "dynamodb" if number.is_multiple_of(3) => {
            refused(400, "com.amazon.coral.availability#ThrottlingException", "Throttled")
        }
        "dynamodb" => refused(
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        "sqs" => refused(400, "com.amazonaws.sqs#RequestThrottled", "Request is throttled."),
        _ => refused(400, "ThrottlingException", "Rate exceeded"),
    }
}

/// A transaction is throttled write by write.
fn cancelled(parts: usize) -> Message {
    let mut reasons = vec![r#"{"Code":"None"}"#; parts];
    reasons[parts - 1] = r#"{"Code":"ThrottlingError","Message":"Throughput exceeds the current capacity of your table or index."}"#;
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons","CancellationReasons":[{}]}}"#,
        reasons.join(",")
    );
    json(400, &body)
}

/// Fails a call as a service does that has trouble of its own.
pub(super) fn failed(call: &Call) -> Message {
    match call.operation.service.as_str() {
        "s3" => {
            let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code>\
                        <Message>We encountered an internal error.</Message></Error>";
            Message::answer(500, &[("content-type", "application/xml")], body)
        }
        "dynamodb" => {
            refused(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "Internal error")
        }
        _ => refused(500, "InternalFailure", "Internal error"),
    }
}

fn refused(status: u16, kind: &str, message: &str) -> Message {
    json(status, &format!(r#"{{"__type":"{kind}","message":"{message}"}}"#))
}

fn json(status: u16, body: &str) -> Message {
    let headers =
        [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", "injected")];
    Message::answer(status, &headers, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_about_as_often_as_told_and_the_same_each_time() {
        let rule = Rule::new(Fault::Cut, "sqs").percent(30, 7);
        let struck = |rule: &Rule| (0..10_000).filter(|n| rule.strikes(*n)).collect::<Vec<u64>>();
        let first = struck(&rule);
        assert!((2_850..3_150).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(&rule));
        assert_ne!(first, struck(&rule.clone().percent(30, 8)));
        assert_eq!(struck(&rule.clone().percent(100, 1)).len(), 10_000);
        assert!(struck(&rule.percent(0, 1)).is_empty());
    }
}
