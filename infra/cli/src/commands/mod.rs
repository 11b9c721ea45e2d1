//! The commands: what the operator writes, and which module does it.

mod apply;
mod approve;
mod ask;
mod check;
mod config;
mod cost;
mod demo;
mod deploy;
mod discard;
mod key;
mod look;
mod parked;
mod picked;
mod plan;
mod replay;
mod run;
mod schema;
mod secret;
mod sync;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ferrule_core::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::fault::EXIT_CODES;
use crate::hub::Place;
use crate::output::{self, Output};
use crate::{Ended, Fault, stack};

/// How long an interrupted command may still clean up.
const CLEANING_UP: Duration = Duration::from_secs(15);

/// What every command returns.
type Outcome = Result<Ended, Fault>;

/// Moves records between systems, in your own AWS account or on this machine.
#[derive(Debug, Parser)]
#[command(name = "ferrule", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten, next_help_heading = "Which hub")]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Check(check::Check),
    Schema(schema::Schema),
    Up(up::Up),
    Down(up::Down),
    Deploy(deploy::Deploy),
    Apply(apply::Apply),
    Get(apply::Get),
    Delete(apply::Delete),
    Plan(plan::Plan),
    Sync(sync::Sync),
    Approve(approve::Approve),
    Reject(approve::Reject),
    Runs(look::Runs),
    Errors(look::Errors),
    Cost(cost::Cost),
    Parked(parked::Parked),
    Replay(replay::Replay),
    Discard(discard::Discard),
    Records(look::Records),
    Status(look::Status),
    #[command(subcommand)]
    Connection(look::Connection),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Secret(secret::Secret),
    Key(key::Key),
    /// Say what the exit codes mean
    #[command(long_about = EXIT_CODES)]
    ExitCodes,
}

/// Runs the command that the operator wrote.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.common.json);
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(interruptible(dispatch(cli.command, &cli.common)));
            // Tools were told to end; what they leave behind is removed by their own threads.
            runtime.shutdown_timeout(CLEANING_UP);
            ended
        }
        Err(error) => Err(Fault::Failed(format!("could not start: {error}"))),
    };
    match ended.and_then(|ended| output::written().map(|()| ended)) {
        Ok(ended) => ExitCode::from(ended.code()),
        Err(fault) => {
            output.remark(&format!("error: {fault}"));
            ExitCode::from(fault.code())
        }
    }
}

/// Does the work until it is done or the operator wants out: Ctrl-C, or a kind `kill`.
async fn interruptible(work: impl Future<Output = Outcome>) -> Outcome {
    let asked = async {
        let mut kill = signal(SignalKind::terminate()).ok()?;
        tokio::select! {
            asked = tokio::signal::ctrl_c() => asked.ok(),
            asked = kill.recv() => asked,
        }
    };
    tokio::select! {
        ended = work => ended,
        Some(()) = asked => {
            stack::interrupt();
            Err(Fault::Interrupted)
        }
    }
}

async fn dispatch(command: Command, Common { json, place }: &Common) -> Outcome {
    let output = Output::new(*json);
    match command {
        Command::Demo(demo) => demo.run(place, output).await,
        Command::Run(run) => Box::pin(run.run(output)).await,
        Command::Check(check) => check.run(output),
        Command::Schema(schema) => schema.run(output),
        Command::Up(up) => up.run(place, output).await,
        Command::Down(down) => down.run(place, output),
        Command::Deploy(deploy) => deploy.run(place, output).await,
        Command::Apply(apply) => apply.run(place, output).await,
        Command::Get(get) => get.run(place, output).await,
        Command::Delete(delete) => delete.run(place, output).await,
        Command::Plan(plan) => plan.run(place, output).await,
        Command::Sync(sync) => sync.run(place, output).await,
        Command::Approve(approve) => approve.run(place, output).await,
        Command::Reject(reject) => reject.run(place, output).await,
        Command::Runs(runs) => runs.run(place, output).await,
        Command::Errors(errors) => errors.run(place, output).await,
        Command::Parked(parked) => parked.run(place, output).await,
        Command::Discard(discard) => discard.run(place, output).await,
        Command::Replay(replay) => replay.run(place, output).await,
        Command::Cost(cost) => cost.run(place, output).await,
        Command::Records(records) => records.run(place, output).await,
        Command::Status(status) => status.run(place, output).await,
        Command::Connection(connection) => connection.run(place, output).await,
        Command::Config(config) => config.run(place, output).await,
        Command::Secret(secret) => secret.run(place, output).await,
        Command::Key(key) => key.run(place, output).await,
        Command::ExitCodes => {
            output.line(EXIT_CODES);
            Ok(Ended::Well)
        }
    }
}

/// Returns the entries of a page.
fn rows(page: &Value) -> Vec<Value> {
    let items = page.get("items").or_else(|| page.get("integrations")).and_then(Value::as_array);
    items.map(<[Value]>::to_vec).unwrap_or_default()
}
