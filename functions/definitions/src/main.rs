//! Lambda entry point for the definitions function: definitions, written and checked.

use ferrule_lambda::{Settings, run_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    run_api(definitions::app(Settings::from_env().store())).await
}
