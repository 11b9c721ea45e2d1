//! Lambda entry point for the files connector.

use ferrule_lambda::Settings;
use files::{Files, Own};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    let settings = Settings::from_env();
    let own = Own { bucket: settings.files, payloads: settings.payloads };
    ferrule_connector::serve(Files::new(own)).await
}
