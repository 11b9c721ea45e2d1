//! Lambda entry point for the deadletter stage.

use ferrule_lambda::Settings;

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let store = Settings::from_env().store();
    ferrule_lambda::run_dead_letters(store).await
}
