//! Brings a stack up with progress, and furnishes it: connectors known, a key for the operator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ferrule_core::Tenant;

use crate::output::{Line, Lines, Output};
use crate::stack::{Account, Details, Event, Options, Progress, Stack, StackError, Step};
use crate::{Fault, operator};

/// Brings a stack up on this machine. Ctrl-C ends what was begun.
pub(crate) async fn up(options: Options, output: Output) -> Result<Stack, Fault> {
    with_progress(output, move |progress| Stack::up(&options, progress)).await
}

/// Brings a stack up in an AWS account.
pub(crate) async fn deploy(
    account: Account,
    options: Options,
    output: Output,
) -> Result<Details, Fault> {
    with_progress(output, move |progress| account.deploy(&options, progress)).await
}

async fn with_progress<T: Send + 'static>(
    output: Output,
    work: impl FnOnce(Progress<'_>) -> Result<T, StackError> + Send + 'static,
) -> Result<T, Fault> {
    let lines = Arc::new(Steps::new(output));
    let told = Arc::clone(&lines);
    let done = tokio::task::spawn_blocking(move || work(&move |event| told.tell(&event))).await;
    let done = done.map_err(|error| Fault::Failed(format!("setting up broke off: {error}")))??;
    lines.done();
    Ok(done)
}

/// Makes the connectors known and issues the operator's key.
pub(crate) async fn furnish(stack: &mut Stack, tenant: &Tenant) -> Result<(), Fault> {
    let store = operator::store(stack.details());
    operator::register(&store, &[]).await?;
    let key = operator::first_key(&store, tenant).await?;
    stack.remember_customer_key(key)?;
    Ok(())
}

/// A line of progress for each step.
#[derive(Debug)]
struct Steps {
    lines: Lines,
    begun: Mutex<HashMap<Step, (Line, String)>>,
}

impl Steps {
    fn new(output: Output) -> Self {
        Self { lines: Lines::new(output), begun: Mutex::default() }
    }

    fn tell(&self, event: &Event) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, last) = begun
            .entry(event.step)
            .or_insert_with(|| (self.lines.add(name(event.step)), String::new()));
        // `compiled 214 crates, last transform`: on and on.
        let is_count = event.detail.starts_with("compiled");
        line.tell(if is_count { "compiling" } else { &event.detail }, &event.detail);
        event.detail.clone_into(last);
    }

    fn done(&self) {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.values().for_each(|(line, last)| line.done(last));
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Environments => "tools",
        Step::Functions => "functions",
        Step::Emulator => "local AWS",
        Step::Deploy => "template",
    }
}
