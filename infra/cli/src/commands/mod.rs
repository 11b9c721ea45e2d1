//! The commands: what the operator writes, and which module does it.

mod check;
mod run;
mod schema;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::fault::EXIT_CODES;
use crate::output::Output;
use crate::{Ended, Fault};

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
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run definitions in this process: no AWS, nothing to set up, nothing kept
    Run(run::Run),
    /// Check definitions and run the tests inside them
    Check(check::Check),
    /// Print the JSON Schema of definitions, for editors
    Schema(schema::Schema),
    /// Say what the exit codes mean
    #[command(long_about = EXIT_CODES)]
    ExitCodes,
}

/// Runs the command that the operator wrote.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.common.json);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli.command, &cli.common)),
        Err(error) => Err(Fault::Failed(format!("could not start: {error}"))),
    };
    match ended {
        Ok(ended) => ExitCode::from(ended.code()),
        Err(fault) => {
            output.remark(&format!("error: {fault}"));
            ExitCode::from(fault.code())
        }
    }
}

async fn dispatch(command: Command, common: &Common) -> Outcome {
    let output = Output::new(common.json);
    match command {
        Command::Run(run) => run.run(output).await,
        Command::Check(check) => check.run(output),
        Command::Schema(schema) => schema.run(output),
        Command::ExitCodes => {
            output.line(EXIT_CODES);
            Ok(Ended::Well)
        }
    }
}
