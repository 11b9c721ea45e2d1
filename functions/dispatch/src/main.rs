//! Lambda entry point for the dispatch stage.

use std::sync::Arc;

use dispatch::Dispatch;
use ferrule_lambda::{Runner, Settings, run_queue};
use ferrule_store::Definitions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let store = Settings::from_env().store();
    let definitions = Arc::new(Definitions::new(store.clone()));
    let stage = Dispatch::new(store.clone(), Arc::clone(&definitions));
    run_queue(Runner::new(stage, store, definitions)).await
}
