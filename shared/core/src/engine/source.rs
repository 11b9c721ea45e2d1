//! Where a column's value comes from: a path, an expression, texts joined, or a constant.

use super::{cell::Cell, refusal::Refusal};
use crate::{
    Value,
    definition::{Problem, Rule},
    expr::Expr,
    path::Path,
};

/// Where a column's value comes from.
#[derive(Debug)]
pub(super) enum Source {
    Path(Path),
    Expr(Expr),
    Concat(Vec<Piece>),
    Constant(Value),
}

/// A part of a joined text.
#[derive(Debug)]
pub(super) enum Piece {
    Path(Path),
    Literal(String),
}

/// Keeps what is right, and notes what is not.
pub(super) fn noted<T>(
    problems: &mut Vec<Problem>,
    at: &str,
    outcome: Result<T, String>,
) -> Option<T> {
    outcome.map_err(|message| problems.push(Problem::new(at, message))).ok()
}

impl Source {
    /// Compiles what a rule says about it.
    pub(super) fn compile(at: &str, rule: &Rule, problems: &mut Vec<Problem>) -> Option<Self> {
        match (&rule.from, &rule.expr, &rule.concat, &rule.constant) {
            (Some(path), None, None, None) => {
                noted(problems, &format!("{at}.from"), Path::parse(path)).map(Self::Path)
            }
            (None, Some(code), None, None) => {
                noted(problems, &format!("{at}.expr"), Expr::compile(code)).map(Self::Expr)
            }
            (None, None, Some(pieces), None) => {
                let pieces = pieces.iter().enumerate().map(|(i, piece)| {
                    noted(problems, &format!("{at}.concat[{i}]"), Piece::parse(piece))
                });
                pieces.collect::<Option<_>>().map(Self::Concat)
            }
            (None, None, None, Some(value)) => Some(Self::Constant(value.clone())),
            _ => {
                let message =
                    "say where the value comes from: exactly one of from, expr, concat, const";
                problems.push(Problem::new(at, message));
                None
            }
        }
    }

    /// Finds or makes the value.
    pub(super) fn read<'r>(&'r self, record: &'r Value) -> Result<Cell<'r>, Refusal> {
        match self {
            Self::Path(path) => Ok(path.find(record).into()),
            Self::Constant(value) => Ok(Some(value).into()),
            Self::Concat(pieces) => concat(pieces, record),
            Self::Expr(expr) => match expr.first(record) {
                Ok(value) => Ok(value.map_or(Cell::Null, Cell::from)),
                Err(message) => Err(Refusal::new("EXPR", message)),
            },
        }
    }
}

impl Piece {
    /// A text that starts like a path is one; `.` or `...` is a text.
    fn parse(text: &str) -> Result<Self, String> {
        let after_dot = text.strip_prefix('.').and_then(|rest| rest.chars().next());
        match after_dot {
            Some(c) if c.is_ascii_alphabetic() || matches!(c, '_' | '"' | '[') => {
                Path::parse(text).map(Self::Path)
            }
            _ => Ok(Self::Literal(text.to_owned())),
        }
    }
}

/// Joins the pieces; null when every path in them leads to nothing.
fn concat<'r>(pieces: &[Piece], record: &Value) -> Result<Cell<'r>, Refusal> {
    let mut joined = String::new();
    let mut all_absent = pieces.iter().any(|piece| matches!(piece, Piece::Path(_)));
    for piece in pieces {
        let found = match piece {
            Piece::Literal(text) => {
                joined.push_str(text);
                continue;
            }
            Piece::Path(path) => path.find(record),
        };
        match found {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => joined.push_str(text),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => {
                joined.push_str(&scalar.to_string());
            }
            Some(other) => return Err(Refusal::unlike("TYPE", "texts to join", other)),
        }
        all_absent = false;
    }
    Ok(if all_absent { Cell::Null } else { Cell::Text(joined.into()) })
}
