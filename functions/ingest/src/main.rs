//! Lambda entry point for the ingest function: webhooks in.

use ferrule_lambda::{Settings, run_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    run_api(ingest::app(Settings::from_env().store())).await
}
