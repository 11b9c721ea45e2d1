//! Says what is wrong with an expression, in one sentence.

use jaq_core::load::{lex, parse};

/// Turns the first error of the lexer into a sentence.
pub(super) fn of_lexer(code: &str, errors: &[lex::Error<&str>]) -> String {
    match errors.first() {
        Some((lex::Expect::Token, found)) => {
            format!("{} is not part of the expression language{}", shown(found), at(code, found))
        }
        Some((expect, found)) => format!("expected a {}{}", expect.as_str(), at(code, found)),
        None => "the expression cannot be read".to_owned(),
    }
}

/// Turns the first error of the parser into a sentence.
pub(super) fn of_parser(code: &str, errors: &[parse::TError<'_, &str>]) -> String {
    match errors.first() {
        Some((expect, Some(found))) => format!(
            "expected {} but found {}{}",
            wanted(expect),
            shown(found.as_str()),
            at(code, found.as_str())
        ),
        Some((expect, None)) => format!("expected {} at the end", wanted(expect)),
        None => "the expression cannot be read".to_owned(),
    }
}

fn wanted(expect: &parse::Expect<&str>) -> String {
    match expect {
        parse::Expect::Just(text) => format!("{text:?}"),
        parse::Expect::Term => "a value".to_owned(),
        parse::Expect::Nothing => "the end".to_owned(),
        other => format!("a {}", other.as_str()),
    }
}

fn shown(found: &str) -> String {
    let short: String = found.chars().take(20).collect();
    format!("{short:?}")
}

/// Where `found`, a part of `code`, starts.
fn at(code: &str, found: &str) -> String {
    let offset = (found.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize);
    match code.get(..offset) {
        Some("") => " at the start".to_owned(),
        Some(before) if before.len() == code.len() => " at the end".to_owned(),
        Some(before) => format!(" at character {}", before.chars().count() + 1),
        None => String::new(),
    }
}
