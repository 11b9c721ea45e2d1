//! What AWS asks for: the one table of prices.
//!
//! List prices in US dollars, without free tiers. Look them up again before you quote them, and change
//! [`DATE`] with them.

/// Where they hold.
pub const REGION: &str = "us-east-1";

/// When they were looked up.
pub const DATE: &str = "2026-11-22";

/// What is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A gigabyte of memory held by a function for a second.
    FunctionGbSecond,
    /// A function called.
    FunctionCall,
    /// A request to a queue, 64 KiB at most.
    QueueRequest,
    /// A kilobyte written to a table, its indexes counted.
    RowWrite,
    /// Four kilobytes read from a table consistently.
    RowRead,
    /// A secret read.
    SecretCall,
    /// An object written or listed.
    ObjectWrite,
    /// An object read.
    ObjectRead,
    /// A request to the HTTP API.
    ApiRequest,
    /// A call of the scheduler.
    ScheduleCall,
    /// A gigabyte of logs.
    LogGb,
    /// A gigabyte sent out of the region.
    OutGb,
    /// A secret kept for a month.
    SecretMonth,
    /// An alarm kept for a month.
    AlarmMonth,
}

/// What one item costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// What is billed.
    pub item: Item,
    /// How it is called in figures.
    pub name: &'static str,
    /// Dollars for so many.
    pub usd: f64,
    /// So many.
    pub per: f64,
    /// Where the price was seen.
    pub source: &'static str,
}

const MILLION: f64 = 1_000_000.0;

const fn price(item: Item, name: &'static str, usd: f64, per: f64, source: &'static str) -> Price {
    Price { item, name, usd, per, source }
}

const LAMBDA: &str = "aws.amazon.com/lambda/pricing, arm64";
const SQS: &str = "aws.amazon.com/sqs/pricing, standard queues, each 64 KiB";
const TABLES: &str = "aws.amazon.com/dynamodb/pricing/on-demand, since November 2024";
const SECRETS: &str = "aws.amazon.com/secrets-manager/pricing";
const OBJECTS: &str = "aws.amazon.com/s3/pricing, standard";
const WATCH: &str = "aws.amazon.com/cloudwatch/pricing";

/// All prices, in the order of [`Item`].
pub const PRICES: [Price; 14] = [
    price(Item::FunctionGbSecond, "function GB-seconds", 13.3334, MILLION, LAMBDA),
    price(Item::FunctionCall, "function calls", 0.20, MILLION, LAMBDA),
    price(Item::QueueRequest, "queue requests", 0.40, MILLION, SQS),
    price(Item::RowWrite, "table write units", 0.625, MILLION, TABLES),
    price(Item::RowRead, "table read units", 0.125, MILLION, TABLES),
    price(Item::SecretCall, "secret reads", 5.00, MILLION, SECRETS),
    price(Item::ObjectWrite, "object writes", 5.00, MILLION, OBJECTS),
    price(Item::ObjectRead, "object reads", 0.40, MILLION, OBJECTS),
    price(Item::ApiRequest, "API requests", 1.00, MILLION, "aws.amazon.com/api-gateway/pricing"),
    price(
        Item::ScheduleCall,
        "schedule calls",
        1.00,
        MILLION,
        "aws.amazon.com/eventbridge/pricing",
    ),
    price(Item::LogGb, "GB of logs", 0.50, 1.0, WATCH),
    price(Item::OutGb, "GB sent out", 0.09, 1.0, "aws.amazon.com/ec2/pricing/on-demand"),
    price(Item::SecretMonth, "secrets, a month", 0.40, 1.0, SECRETS),
    price(Item::AlarmMonth, "alarms, a month", 0.10, 1.0, WATCH),
];
