//! Lambda entry point for the journal stage.

use std::sync::Arc;

use ferrule_lambda::{Runner, Settings, run_queue};
use ferrule_store::Definitions;
use journal::Journal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let store = Settings::from_env().store();
    let definitions = Arc::new(Definitions::new(store.clone()));
    run_queue(Runner::new(Journal::new(store.clone()), store, definitions)).await
}
