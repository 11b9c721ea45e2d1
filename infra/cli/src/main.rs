//! The operator's command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ferrule_cli::commands::main()
}
