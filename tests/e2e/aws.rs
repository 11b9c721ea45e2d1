//! AWS has a bad day: it throttles, is late, does not answer, or does the work and does not say so. What is
//! between the functions and the local AWS does that to the calls of one tenant.

use std::time::Duration;

use ferrule_core::Value;
use ferrule_testing::proxy::{Fault, Rule};
use ferrule_testing::shop::{self, Ledger, Shop};

use crate::{
    hub::{Hub, count},
    stack::proxy,
};

/// Whatever is tried again waits for it; the longest wait here is that of a queue, 15 s.
const PATIENCE: Duration = Duration::from_mins(3);

/// A shop to read from and a ledger to write to, and a hub that copies the one into the other while its
/// AWS has a bad day.
struct World {
    hub: Hub,
    shop: Shop,
}

impl World {
    /// A ledger that is deaf writes whatever comes: nobody but the hub keeps anything from coming twice.
    async fn new(tenant: &str, ledger: Ledger) -> Self {
        let hub = Hub::of(tenant).await;
        let shop = Shop::open(shop::Fault::Nothing, ledger).await;
        hub.define(&shop.definitions()).await;
        Self { hub, shop }
    }

    /// A rule about calls that write this tenant's rows. Reading is left alone: the API reads for us.
    fn writes(&self, fault: Fault) -> Rule {
        let writes = ["PutItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];
        let rule = Rule::new(fault, "dynamodb").operations(&writes);
        rule.containing(&format!(r#""{}""#, self.hub.tenant))
    }

    /// A rule about calls that read what functions keep of this tenant for each other.
    fn reads(&self, fault: Fault) -> Rule {
        let rule = Rule::new(fault, "dynamodb").operations(&["GetItem", "BatchGetItem", "Query"]);
        rule.containing(&format!(r#""{}""#, self.hub.tenant)).containing(r#"-state""#)
    }

    /// A rule about calls that send this tenant's messages.
    fn messages(&self, fault: Fault) -> Rule {
        Rule::new(fault, "sqs").containing(&format!(r#"\"tenant\":\"{}\""#, self.hub.tenant))
    }

    /// A rule about calls that read this tenant's secrets.
    fn secrets(&self, fault: Fault) -> Rule {
        Rule::new(fault, "secretsmanager").containing(&format!("/{}/", self.hub.tenant))
    }

    /// Everybody is there once, those who have no country are refused, and nothing else went wrong. The
    /// bad day begins when the run has: whoever asks for one is told when that does not work. Returns how
    /// often each rule was met.
    async fn copies_everything_once<const N: usize>(&self, rules: [Rule; N]) -> [u64; N] {
        let run = self.hub.start("customers", false).await;
        let injections = rules.map(|rule| proxy().inject(rule));
        let run = self.hub.end_within(PATIENCE, &run).await;
        assert_eq!(run.get("state").and_then(Value::as_str), Some("partial"), "{run}");
        let counts = ["read", "refused", "parked"].map(|name| count(&run, name));
        assert_eq!(counts, [2_000, 40, 0], "{run}");
        let tally = self.shop.tally();
        assert_eq!((tally.arrived, tally.doubled, tally.wrong), (tally.expected, 0, 0), "{run}");
        let errors = self.hub.errors("customers").await;
        let is_refused =
            |error: &Value| error.get("stage").and_then(Value::as_str) == Some("transform");
        let others: Vec<_> = errors.iter().filter(|error| !is_refused(error)).collect();
        assert!(others.is_empty(), "{others:?}");
        injections.map(|injection| injection.met())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_throttled_and_loses_answers_loses_and_doubles_no_record() {
    let world = World::new("throttled", Ledger::Keyed).await;
    let rules = [
        world.writes(Fault::LostAnswer).percent(10, 21),
        world.writes(Fault::Throttle).percent(30, 21),
        world.reads(Fault::Throttle).percent(30, 22),
    ];
    let met = world.copies_everything_once(rules).await;
    assert!(met[0] >= 8 && met[1] >= 25 && met[2] >= 25, "{met:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_fails_and_hangs_up_loses_and_doubles_no_record() {
    let world = World::new("failing", Ledger::Keyed).await;
    let rules = [
        world.writes(Fault::Error).percent(15, 22),
        world.writes(Fault::Cut).percent(15, 23),
        world.reads(Fault::Cut).percent(30, 24),
    ];
    let met = world.copies_everything_once(rules).await;
    assert!(met.iter().all(|times| *times >= 8), "{met:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_down_of_a_batch_is_recognised_when_the_answer_was_lost() {
    let world = World::new("lostnote", Ledger::Deaf).await;
    // Never with two calls in a row: five lost answers to one write are more than anybody waits for.
    let rule = world.writes(Fault::LostAnswer).containing("batch#").percent(20, 345);
    let met = world.copies_everything_once([rule]).await;
    assert!(met[0] >= 6, "{met:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_the_same_batch_at_once_post_it_once() {
    let world = World::new("together", Ledger::Deaf).await;
    // Batches are on the ledger's queue twice, and whoever takes one first is late with that.
    let twice = world.messages(Fault::LostAnswer).containing(r#"\"task\":\"load\""#);
    let late = world.writes(Fault::Delay(Duration::from_secs(2))).containing("batch#");
    let rules = [twice.percent(50, 13), late.percent(50, 13).at_most(6)];
    let met = world.copies_everything_once(rules).await;
    assert!(met[0] >= 4 && met[1] >= 3, "{met:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_sent_and_nobody_heard_of_it_double_nothing() {
    let world = World::new("sentunheard", Ledger::Deaf).await;
    let rules = [
        world.messages(Fault::LostAnswer).percent(30, 12),
        world.messages(Fault::Throttle).percent(20, 14),
    ];
    let met = world.copies_everything_once(rules).await;
    assert!(met.iter().all(|times| *times >= 8), "{met:?}");
}

/// Sixty calls are twelve starts of a worker that knows no secret yet; the definition would have three more
/// attempts made at what a vendor does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn work_waits_while_secrets_manager_is_down_and_uses_up_no_attempt() {
    let world = World::new("nosecrets", Ledger::Deaf).await;
    let rules = [
        world.secrets(Fault::Throttle).at_most(30),
        world.secrets(Fault::Cut).at_most(15),
        world.secrets(Fault::Error).at_most(15),
    ];
    let injections = rules.map(|rule| proxy().inject(rule));
    world.copies_everything_once([]).await;
    assert_eq!(injections.map(|injection| injection.met()), [30, 15, 15]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_not_written_again_because_nobody_could_be_told_of_it() {
    let world = World::new("untold", Ledger::Deaf).await;
    let rule = world.messages(Fault::Throttle).containing(r#"\"task\":\"note\""#);
    let met = world.copies_everything_once([rule.at_most(20)]).await;
    assert_eq!(met, [20]);
}
