//! Lambda entry point for the config function: configuration values and their history.

use ferrule_lambda::{Settings, run_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    run_api(config::app(Settings::from_env().store())).await
}
