//! Lambda entry point for the schedule function.

use std::sync::Arc;

use ferrule_lambda::{Settings, run_schedule};
use schedule::Schedule;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let schedule = Arc::new(Schedule::new(Settings::from_env().store()));
    run_schedule(move || {
        let schedule = Arc::clone(&schedule);
        async move { schedule.tick().await }
    })
    .await
}
