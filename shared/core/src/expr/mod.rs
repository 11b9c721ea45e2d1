//! Expressions: jq, read by jaq's parser and restricted to what always ends.
//!
//! Stock jaq reads the environment, can end the process and recurses until it aborts; nor can it be
//! told when to stop. So the parsed term is walked against an allow-list (`lower`) and
//! then evaluated here (`eval`), where every step is counted. There are no definitions,
//! no recursion and no loops but over values that exist, numbers stay exact, and the tests compare
//! results with stock jaq.

mod call;
mod eval;
mod filter;
mod function;
mod guard;
mod list;
mod lower;
mod machine;
mod math;
mod one;
mod order;
mod pattern;
mod problem;
mod text;

use std::fmt;

pub(crate) use order::same;

use crate::Value;

/// A compiled expression, cheap to share between threads.
#[derive(Debug, Clone)]
pub struct Expr {
    text: Box<str>,
    root: lower::Node,
}

impl Expr {
    /// Reads an expression; the error is one sentence for the person who wrote it.
    pub fn compile(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.into(), root: lower::compile(text)? })
    }

    /// Returns the first result, `None` when there is none.
    pub fn first(&self, input: &Value) -> Result<Option<Value>, String> {
        machine::first(&self.root, input)
    }

    /// Tells whether the first result is neither `null` nor `false`; no result is false.
    pub fn is_true(&self, input: &Value) -> Result<bool, String> {
        machine::is_true(&self.root, input)
    }

    /// Returns all results, at most 10,000.
    pub fn all(&self, input: &Value) -> Result<Vec<Value>, String> {
        machine::all(&self.root, input)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
