//! The seven faults that every integration tool meets, one at a time: over the deployed template, and in one process as `ferrule run` does it.
//! `bench/faults` does the same beside other tools, with a server that is not ours.

use ferrule_cli::twin::{Code, Pace, Twin};
use ferrule_connector::MAYBE_TWICE;
use ferrule_core::document::{Catalog, Document, load};
use ferrule_core::{Name, Run, RunState, Value};
use ferrule_testing::shop::{Fault, Ledger, Shop, Tally};
use tokio::task::{JoinSet, LocalSet};

use crate::hub::{Hub, count};

const INTEGRATION: &str = "customers";

/// Everyone is there once, and the fault was met.
fn judge(fault: Fault, tally: Tally) {
    assert!(tally.faults >= 2, "{fault:?}: {tally:?}");
    assert_eq!((tally.arrived, tally.doubled, tally.wrong), (tally.expected, 0, 0), "{fault:?}");
    assert!(tally.largest <= 100, "{fault:?}: {tally:?}");
}

async fn deployed(fault: Fault) {
    let hub = Hub::of(&format!("seven-{}", format!("{fault:?}").to_lowercase())).await;
    let shop = Shop::open(fault, Ledger::Keyed).await;
    hub.define(&shop.definitions()).await;
    let run = hub.sync(INTEGRATION, false).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("partial"), "{fault:?}: {run}");
    assert_eq!((count(&run, "read"), count(&run, "refused")), (2_000, 40), "{fault:?}: {run}");
    judge(fault, shop.tally());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_hub_loses_and_doubles_nothing_under_seven_faults() {
    for pair in Fault::ALL.chunks(2) {
        pair.iter().map(|fault| deployed(*fault)).collect::<JoinSet<()>>().join_all().await;
    }
}

/// Runs the shop's definitions in this process, in real time.
async fn in_one_process(shop: &Shop) -> (Run, Vec<Code>) {
    let twin = Twin::new(Pace::Real).unwrap();
    for document in load(&shop.definitions(), &Catalog::new()).unwrap() {
        match document {
            Document::Connection(connection) => twin.put_connection(&connection).await.unwrap(),
            Document::Integration(integration) => twin.put_integration(&integration).await.unwrap(),
        }
    }
    let run = twin.run(&Name::new(INTEGRATION).unwrap(), false, &mut |_| ()).await.unwrap();
    (run, twin.take_errors().await.unwrap().codes)
}

async fn embedded(fault: Fault) {
    let shop = Shop::open(fault, Ledger::Keyed).await;
    let (run, codes) = in_one_process(&shop).await;
    assert!(codes.iter().all(|code| code.code != MAYBE_TWICE), "{fault:?}");
    assert_eq!(run.state, RunState::Partial, "{fault:?}: {run:?}");
    assert_eq!((run.counts.read, run.counts.refused), (2_000, 40), "{fault:?}: {run:?}");
    judge(fault, shop.tally());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_loses_and_doubles_nothing_under_seven_faults() {
    let all = async {
        let mut set = JoinSet::new();
        for fault in Fault::ALL {
            set.spawn_local(embedded(fault));
        }
        set.join_all().await;
    };
    LocalSet::new().run_until(all).await;
}

/// Who knows no keys gets a list again when its answer was lost: that list, no other, and the log says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_ledger_gets_a_batch_twice_for_each_answer_that_was_lost() {
    let shop = Shop::open(Fault::LedgerLostAnswer, Ledger::Deaf).await;
    let (_, codes) = in_one_process(&shop).await;
    let tally = shop.tally();
    assert_eq!((tally.arrived, tally.wrong), (tally.expected, 0), "{tally:?}");
    assert!(tally.faults >= 2 && tally.doubled > 0, "{tally:?}");
    assert!(tally.doubled <= tally.faults * tally.largest, "{tally:?}");
    let told = codes.iter().find(|code| code.code == MAYBE_TWICE).map_or(0, |code| code.records);
    let told = usize::try_from(told).unwrap();
    // A list whose answer is lost twice is there three times, and told of once.
    assert!(told > 0 && told <= tally.doubled, "{told} told of, {tally:?}");
}
