//! Lambda entry point for the deadletter stage.

use std::sync::Arc;

use deadletter::DeadLetters;
use ferrule_lambda::{Settings, run_dead_letters};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let settings = Settings::from_env();
    let letters = Arc::new(DeadLetters::new(settings.store(), &settings.stack));
    run_dead_letters(move |queue, body| {
        let letters = Arc::clone(&letters);
        async move { letters.handle(&queue, &body).await }
    })
    .await
}
