//! From jaq's parsed term to our own: everything that is not on the list is refused here.

use std::sync::Arc;

use jaq_core::{
    load::{
        Lexer, Parser,
        lex::StrPart,
        parse::{BinaryOp, Pattern, Term},
    },
    ops::{Cmp, Math},
    path::{Opt, Part, Path},
};
use regex::Regex;

use super::{
    function::{self, Function, Shape},
    guard::{MAX_BYTES, MAX_DEPTH, check_tokens, open_brackets},
    pattern, problem,
};
use crate::{Number, Value};

const MAX_NODES: usize = 600;

/// One step of a compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) op: Op,
    /// Has exactly one result, or an error.
    pub(super) single: bool,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Input,
    Const(Value),
    /// A variable, counted from the innermost.
    Var(usize),
    Text(Vec<TextPart>),
    Array(Option<Box<Node>>),
    Object(Vec<(Node, Node)>),
    Negate(Box<Node>),
    Pipe(Box<Node>, Box<Node>),
    /// Run the second with each result of the first as the innermost variable.
    Bind(Box<Node>, Box<Node>),
    Comma(Box<Node>, Box<Node>),
    Alternative(Box<Node>, Box<Node>),
    Both(Box<Node>, Box<Node>),
    Either(Box<Node>, Box<Node>),
    Math(Box<Node>, Math, Box<Node>),
    Compare(Box<Node>, Cmp, Box<Node>),
    Try(Box<Node>, Option<Box<Node>>),
    If(Box<Node>, Box<Node>, Box<Node>),
    /// A key or an item of what the first yields.
    Index(Box<Node>, Box<Node>, bool),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>, bool),
    Each(Box<Node>, bool),
    Call(Function, Shape, Vec<Node>),
    Match(Function, Arc<Regex>, Vec<Node>),
}

/// A piece of a text with `\(...)` in it.
#[derive(Debug, Clone)]
pub(super) enum TextPart {
    Literal(String),
    /// A value, as text or (`@json`) as JSON.
    Insert(Node, bool),
}

/// Reads, checks and lowers an expression.
pub(super) fn compile(code: &str) -> Result<Node, String> {
    if code.len() > MAX_BYTES {
        return Err(format!("an expression has at most {MAX_BYTES} bytes"));
    }
    if open_brackets(code) > MAX_DEPTH {
        return Err(format!("an expression has at most {MAX_DEPTH} levels of brackets"));
    }
    let tokens = Lexer::new(code).lex().map_err(|errors| problem::of_lexer(code, &errors))?;
    let mut count = 0;
    check_tokens(&tokens, &mut count)?;
    let term = Parser::new(&tokens)
        .parse(Parser::term)
        .map_err(|errors| problem::of_parser(code, &errors))?;
    let mut lower = Lower { nodes: 0, depth: 0, vars: Vec::new() };
    lower.node(&term)
}

struct Lower<'s> {
    nodes: usize,
    depth: usize,
    vars: Vec<&'s str>,
}

type Lowered = Result<Node, String>;

fn single(op: Op) -> Node {
    Node { op, single: true }
}

fn constant(value: impl Into<Value>) -> Node {
    single(Op::Const(value.into()))
}

impl<'s> Lower<'s> {
    fn node(&mut self, term: &Term<&'s str>) -> Lowered {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_NODES {
            return Err(format!("an expression has at most {MAX_NODES} steps"));
        }
        if self.depth > 2 * MAX_DEPTH {
            return Err(format!("an expression has at most {} nested steps", 2 * MAX_DEPTH));
        }
        let node = self.term(term)?;
        self.depth -= 1;
        Ok(node)
    }

    fn boxed(&mut self, term: &Term<&'s str>) -> Result<Box<Node>, String> {
        self.node(term).map(Box::new)
    }

    fn term(&mut self, term: &Term<&'s str>) -> Lowered {
        match term {
            Term::Id => Ok(single(Op::Input)),
            Term::Num(text) => number(text),
            Term::Str(format, parts) => self.text(*format, parts),
            Term::Arr(inner) => {
                let inner = inner.as_ref().map(|inner| self.boxed(inner)).transpose()?;
                Ok(single(Op::Array(inner)))
            }
            Term::Obj(entries) => self.object(entries),
            Term::Neg(inner) => {
                let inner = self.boxed(inner)?;
                Ok(Node { single: inner.single, op: Op::Negate(inner) })
            }
            Term::BinOp(left, op, right) => self.binary(left, op, right),
            Term::TryCatch(body, catch) => {
                let body = self.boxed(body)?;
                let catch = catch.as_ref().map(|catch| self.boxed(catch)).transpose()?;
                let single = body.single && catch.as_ref().is_some_and(|catch| catch.single);
                Ok(Node { op: Op::Try(body, catch), single })
            }
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref()),
            Term::Call(name, args) => self.call(name, args),
            Term::Var(name) => self.variable(name),
            Term::Path(from, Path(parts)) => self.path(from, parts),
            Term::Recurse => Err(".. is not available: expressions always end".to_owned()),
            Term::Fold(word, ..) => Err(format!("{word} is not available: expressions always end")),
            Term::Def(..) | Term::Label(..) | Term::Break(..) => {
                Err("definitions and labels are not available: expressions always end".to_owned())
            }
        }
    }

    fn variable(&self, name: &str) -> Lowered {
        let at = self.vars.iter().rev().position(|known| *known == name);
        match (at, name) {
            (Some(at), _) => Ok(single(Op::Var(at))),
            (None, "$ENV" | "$__loc__" | "$__prog_args") => {
                Err(format!("{name} is not available: expressions see one record only"))
            }
            (None, _) => {
                Err(format!("there is no variable {name}; bind it first: .a as {name} | ..."))
            }
        }
    }

    fn text(&mut self, format: Option<&str>, parts: &[StrPart<&'s str, Term<&'s str>>]) -> Lowered {
        let as_json = match format {
            None | Some("@text") => false,
            Some("@json") => true,
            Some(other) => return Err(format!("{other} is not available: use @text or @json")),
        };
        let mut out = Vec::new();
        let mut is_single = true;
        for part in parts {
            match part {
                StrPart::Term(term) => {
                    let node = self.node(term)?;
                    is_single &= node.single;
                    out.push(TextPart::Insert(node, as_json));
                }
                StrPart::Str(text) => push_literal(&mut out, text),
                StrPart::Char(c) => push_literal(&mut out, c.encode_utf8(&mut [0; 4])),
            }
        }
        Ok(match &out[..] {
            [] => constant(""),
            [TextPart::Literal(text)] => constant(text.as_str()),
            _ => Node { op: Op::Text(out), single: is_single },
        })
    }

    fn object(&mut self, entries: &[(Term<&'s str>, Option<Term<&'s str>>)]) -> Lowered {
        let mut out = Vec::new();
        for (key, value) in entries {
            let entry = match (key, value) {
                (key, Some(value)) => (self.node(key)?, self.node(value)?),
                (Term::Var(name), None) => (constant(&name[1..]), self.variable(name)?),
                (key, None) => {
                    let key = self.node(key)?;
                    let op = Op::Index(Box::new(single(Op::Input)), Box::new(key.clone()), false);
                    let value = Node { op, single: key.single };
                    (key, value)
                }
            };
            out.push(entry);
        }
        let single = out.iter().all(|(key, value)| key.single && value.single);
        Ok(Node { op: Op::Object(out), single })
    }

    fn binary(
        &mut self,
        left: &Term<&'s str>,
        op: &BinaryOp<&'s str>,
        right: &Term<&'s str>,
    ) -> Lowered {
        if let BinaryOp::Pipe(Some(pattern)) = op {
            return self.bind(left, pattern, right);
        }
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        let both = left.single && right.single;
        let (op, single) = match op {
            BinaryOp::Pipe(_) => (Op::Pipe(left, right), both),
            BinaryOp::Comma => (Op::Comma(left, right), false),
            BinaryOp::Alt => (Op::Alternative(left, right), both),
            BinaryOp::Or => (Op::Either(left, right), both),
            BinaryOp::And => (Op::Both(left, right), both),
            BinaryOp::Math(math) => (Op::Math(left, *math, right), both),
            BinaryOp::Cmp(cmp) => (Op::Compare(left, *cmp, right), both),
            _ => {
                return Err("assignments are not available: build the value you want, such as \
                            {a: .b} or . + {a: 1}"
                    .to_owned());
            }
        };
        Ok(Node { op, single })
    }

    /// `left as $x | right`; lists and objects of variables become one binding each.
    fn bind(
        &mut self,
        left: &Term<&'s str>,
        pattern: &Pattern<&'s str>,
        right: &Term<&'s str>,
    ) -> Lowered {
        let Pattern::Var(name) = pattern else {
            return Err("only plain variables can be bound: .a as $a | ...".to_owned());
        };
        let left = self.boxed(left)?;
        self.vars.push(name);
        let right = self.boxed(right);
        self.vars.pop();
        let right = right?;
        Ok(Node { single: left.single && right.single, op: Op::Bind(left, right) })
    }

    fn branches(
        &mut self,
        branches: &[(Term<&'s str>, Term<&'s str>)],
        otherwise: Option<&Term<&'s str>>,
    ) -> Lowered {
        let Some(((condition, then), rest)) = branches.split_first() else {
            return otherwise.map_or_else(|| Ok(single(Op::Input)), |term| self.node(term));
        };
        let (condition, then) = (self.boxed(condition)?, self.boxed(then)?);
        self.depth += 1;
        let otherwise = Box::new(self.branches(rest, otherwise)?);
        self.depth -= 1;
        let single = condition.single && then.single && otherwise.single;
        Ok(Node { op: Op::If(condition, then, otherwise), single })
    }

    fn path(&mut self, from: &Term<&'s str>, parts: &[(Part<Term<&'s str>>, Opt)]) -> Lowered {
        let mut node = self.node(from)?;
        if parts.len() > MAX_DEPTH {
            return Err(format!("a path has at most {MAX_DEPTH} steps"));
        }
        for (part, opt) in parts {
            self.nodes += 1;
            let optional = matches!(opt, Opt::Optional);
            let from_single = node.single;
            let from = Box::new(node);
            node = match part {
                Part::Index(key) => {
                    let key = self.boxed(key)?;
                    let single = from_single && key.single && !optional;
                    Node { op: Op::Index(from, key, optional), single }
                }
                Part::Range(None, None) => Node { op: Op::Each(from, optional), single: false },
                Part::Range(start, end) => {
                    let mut bound = |term: &Option<Term<&'s str>>| {
                        term.as_ref().map(|term| self.boxed(term)).transpose()
                    };
                    let (start, end) = (bound(start)?, bound(end)?);
                    let plain = |node: &Option<Box<Node>>| node.as_ref().is_none_or(|n| n.single);
                    if !plain(&start) || !plain(&end) {
                        return Err("the ends of a slice must be single values".to_owned());
                    }
                    Node {
                        op: Op::Slice(from, start, end, optional),
                        single: from_single && !optional,
                    }
                }
            };
        }
        Ok(node)
    }

    fn call(&mut self, name: &str, args: &[Term<&'s str>]) -> Lowered {
        match (name, args.len()) {
            ("null", 0) => return Ok(constant(Value::Null)),
            ("true", 0) => return Ok(constant(true)),
            ("false", 0) => return Ok(constant(false)),
            ("@text", 0) => return self.call("tostring", args),
            ("@json", 0) => return self.call("tojson", args),
            _ => {}
        }
        let (function, shape) = function::find(name, args.len())?;
        let nodes = args.iter().map(|arg| self.node(arg)).collect::<Result<Vec<_>, _>>()?;
        match shape {
            Shape::Pattern => pattern::compile(name, function, nodes),
            Shape::Value => {
                let single = nodes.iter().all(|node| node.single);
                Ok(Node { op: Op::Call(function, shape, nodes), single })
            }
            Shape::Filter => {
                Ok(Node { single: yields_one(function), op: Op::Call(function, shape, nodes) })
            }
        }
    }
}

fn push_literal(parts: &mut Vec<TextPart>, text: &str) {
    match parts.last_mut() {
        Some(TextPart::Literal(last)) => last.push_str(text),
        _ => parts.push(TextPart::Literal(text.to_owned())),
    }
}

fn number(text: &str) -> Lowered {
    let number = Number::parse(text)
        .or_else(|| crate::decimal::Decimal::parse(text).and_then(|decimal| decimal.to_number()))
        .ok_or_else(|| format!("{text} is not a number"))?;
    Ok(single(Op::Const(Value::Number(number))))
}

/// Which functions over filters have exactly one result, whatever the filters yield.
fn yields_one(function: Function) -> bool {
    use Function as F;
    matches!(
        function,
        F::AddOf
            | F::AllOf
            | F::AllIn
            | F::AnyOf
            | F::AnyIn
            | F::GroupBy
            | F::IsEmpty
            | F::Map
            | F::MapValues
            | F::MaxBy
            | F::MinBy
            | F::SortBy
            | F::UniqueBy
            | F::WithEntries
    )
}
