//! Asks before something is done that is not easily undone.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use crate::Fault;

/// Makes sure that somebody is there to answer, before anything is asked of the hub; `look` says how to
/// see what it is about.
pub(super) fn somebody_answers(look: &str) -> Result<(), Fault> {
    if stdin().is_terminal() && stderr().is_terminal() {
        return Ok(());
    }
    let why = "nobody is there to answer without a terminal: say --yes";
    Err(Fault::Invalid(format!("{why}, or {look} to look first")))
}

/// Asks; only a clear yes is one.
pub(super) fn is_wanted(question: &str) -> Result<bool, Fault> {
    write!(stderr(), "{question} [y/N] ").ok();
    answer(&mut stdin().lock())
}

fn answer(input: &mut impl BufRead) -> Result<bool, Fault> {
    let mut line = String::new();
    let read = input.read_line(&mut line);
    read.map_err(|error| Fault::Invalid(format!("could not read the answer: {error}")))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (said, is) in [
            ("y\n", true),
            (" YES \n", true),
            ("\n", false),
            ("n\n", false),
            ("", false),
            ("yeah", false),
        ] {
            assert_eq!(answer(&mut said.as_bytes()).unwrap(), is, "{said:?}");
        }
    }
}
