//! Lambda entry point for the api function: what people and programs ask the hub.

use ferrule_lambda::{Settings, run_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    run_api(api::app(Settings::from_env().store())).await
}
