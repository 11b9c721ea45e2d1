//! Evaluates a compiled expression, counting every step.
//!
//! Results are handed to a callback, so nothing is collected that nobody asked for. A step that is
//! known to have one result takes the short way through [`Machine::one`], which borrows from the
//! record as long as it can.

use std::borrow::Cow;

use jaq_core::ops::{Cmp, Math};

use super::{
    call,
    lower::{Node, Op, TextPart},
    math, order, text,
};
use crate::{Number, Object, Value, json};

/// Steps and copied values allowed in one evaluation: a few milliseconds.
const FUEL: u32 = 200_000;
/// Most results of one evaluation.
const MAX_RESULTS: usize = 10_000;
/// Most bytes of text made in one step.
pub(super) const MAX_TEXT: usize = 256 * 1024;

/// Why evaluation ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The expression failed; `try` catches it.
    Error(String),
    /// Whoever took this number has enough results.
    Enough(u32),
    /// Too much work; nothing catches it.
    Spent,
}

pub(super) type Done = Result<(), Stop>;
pub(super) type Out<'o> = &'o mut dyn FnMut(&mut Machine, Cow<'_, Value>) -> Done;

/// Makes the error that `try` can catch.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Error(message.into()))
}

/// The variables in reach, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Env<'e>(Option<&'e Binding<'e>>);

struct Binding<'e> {
    value: &'e Value,
    outer: Env<'e>,
}

impl<'e> Env<'e> {
    fn get(self, at: usize) -> &'e Value {
        static NULL: Value = Value::Null;
        let mut env = self;
        for _ in 0..at {
            env = env.0.map_or(env, |binding| binding.outer);
        }
        env.0.map_or(&NULL, |binding| binding.value)
    }
}

/// Counts the work.
pub(super) struct Machine {
    fuel: u32,
    takers: u32,
}

/// Returns the first result.
pub(super) fn first(root: &Node, input: &Value) -> Result<Option<Value>, String> {
    let mut machine = Machine::new();
    let found = machine.first(root, Env(None), input, |machine, value| machine.owned(value));
    found.and_then(|found| found.map(checked).transpose()).map_err(sentence)
}

/// Tells whether the first result is true.
pub(super) fn is_true(root: &Node, input: &Value) -> Result<bool, String> {
    let found = Machine::new().first(root, Env(None), input, |_, value| Ok(truth(&value)));
    found.map(|found| found == Some(true)).map_err(sentence)
}

/// Returns all results.
pub(super) fn all(root: &Node, input: &Value) -> Result<Vec<Value>, String> {
    let mut results = Vec::new();
    let done = Machine::new().run(root, Env(None), input, &mut |machine, value| {
        results.push(checked(machine.owned(value)?)?);
        if results.len() > MAX_RESULTS { Err(Stop::Spent) } else { Ok(()) }
    });
    done.map(|()| results).map_err(sentence)
}

fn sentence(stop: Stop) -> String {
    match stop {
        Stop::Error(message) => message,
        Stop::Enough(_) | Stop::Spent => "the expression took too many steps".to_owned(),
    }
}

/// What leaves must be readable as JSON again.
fn checked(value: Value) -> Result<Value, Stop> {
    if depth(&value) > json::MAX_DEPTH {
        return fail(format!("the result is nested deeper than {} levels", json::MAX_DEPTH));
    }
    Ok(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|(_, v)| depth(v)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Everything but `null` and `false` is true.
pub(super) fn truth(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

impl Machine {
    fn new() -> Self {
        Self { fuel: FUEL, takers: 0 }
    }

    /// Pays for work.
    pub(super) fn spend(&mut self, steps: usize) -> Done {
        let steps = u32::try_from(steps).map_err(|_| Stop::Spent)?;
        self.fuel = self.fuel.checked_sub(steps).ok_or(Stop::Spent)?;
        Ok(())
    }

    /// Pays for making or reading this much text.
    pub(super) fn spend_text(&mut self, bytes: usize) -> Done {
        if bytes > MAX_TEXT {
            return fail(format!("a text has at most {MAX_TEXT} bytes"));
        }
        self.spend(1 + bytes / 32)
    }

    /// Copies a value that is only borrowed.
    pub(super) fn owned(&mut self, value: Cow<'_, Value>) -> Result<Value, Stop> {
        if let Cow::Borrowed(value) = &value {
            self.spend_value(value)?;
        }
        Ok(value.into_owned())
    }

    /// Pays for going through a whole value once.
    pub(super) fn spend_value(&mut self, value: &Value) -> Done {
        match value {
            Value::String(text) => self.spend(1 + text.len() / 32),
            Value::Array(items) => {
                self.spend(1)?;
                items.iter().try_for_each(|item| self.spend_value(item))
            }
            Value::Object(object) => {
                self.spend(1)?;
                object.iter().try_for_each(|(key, value)| {
                    self.spend(key.len() / 32)?;
                    self.spend_value(value)
                })
            }
            _ => self.spend(1),
        }
    }

    /// Gives the first result to `take`.
    pub(super) fn first<T>(
        &mut self,
        node: &Node,
        env: Env<'_>,
        input: &Value,
        mut take: impl FnMut(&mut Self, Cow<'_, Value>) -> Result<T, Stop>,
    ) -> Result<Option<T>, Stop> {
        if node.single {
            let value = self.one(node, env, input)?;
            return take(self, value).map(Some);
        }
        let mut found = None;
        self.until_enough(|machine, enough| {
            machine.run(node, env, input, &mut |machine, value| {
                found = Some(take(machine, value)?);
                Err(Stop::Enough(enough))
            })
        })?;
        Ok(found)
    }

    /// Runs `body` with a number with which its callbacks can end it.
    pub(super) fn until_enough(&mut self, body: impl FnOnce(&mut Self, u32) -> Done) -> Done {
        self.takers += 1;
        let enough = self.takers;
        match body(self, enough) {
            Err(Stop::Enough(taker)) if taker == enough => Ok(()),
            other => other,
        }
    }

    /// Gives every result to `out`.
    pub(super) fn run(&mut self, node: &Node, env: Env<'_>, input: &Value, out: Out<'_>) -> Done {
        if node.single {
            let value = self.one(node, env, input)?;
            return out(self, value);
        }
        self.spend(1)?;
        match &node.op {
            Op::Comma(left, right) => {
                self.run(left, env, input, out)?;
                self.run(right, env, input, out)
            }
            Op::Pipe(left, right) => self
                .run(left, env, input, &mut |machine, value| machine.run(right, env, &value, out)),
            Op::Bind(left, right) => self.run(left, env, input, &mut |machine, value| {
                machine.run(right, env.with(&Binding { value: &value, outer: env }), input, out)
            }),
            Op::If(condition, then, otherwise) => {
                self.run(condition, env, input, &mut |machine, value| {
                    machine.run(if truth(&value) { then } else { otherwise }, env, input, out)
                })
            }
            Op::Alternative(left, right) => self.alternative(left, right, env, input, out),
            Op::Try(body, catch) => self.attempt(body, catch.as_deref(), env, input, out),
            Op::Each(from, optional) => self.run(from, env, input, &mut |machine, value| {
                call::each(machine, &value, *optional, out)
            }),
            Op::Object(entries) => self.objects(entries, Object::new(), env, input, out),
            Op::Text(parts) => self.texts(parts, String::new(), env, input, out),
            Op::Call(function, super::function::Shape::Filter, args) => {
                call::filter(self, *function, args, env, input, out)
            }
            Op::Match(_, regex, _) => text::capture(self, regex, input, out),
            _ => self.combine(node, env, input, out),
        }
    }

    /// Operators and functions of values, for every combination of their operands.
    fn combine(&mut self, node: &Node, env: Env<'_>, input: &Value, out: Out<'_>) -> Done {
        match &node.op {
            Op::Negate(of) => self.run(of, env, input, &mut |machine, value| {
                let negated = math::negate(&value)?;
                out(machine, Cow::Owned(negated))
            }),
            Op::Math(left, op, right) => self.pairs(left, right, env, input, &mut |m, l, r| {
                let result = math::calculate(m, l, *op, r)?;
                out(m, Cow::Owned(result))
            }),
            Op::Compare(left, cmp, right) => self.pairs(left, right, env, input, &mut |m, l, r| {
                m.spend_smaller(l, r)?;
                out(m, Cow::Owned(holds(*cmp, l, r).into()))
            }),
            Op::Both(left, right) => self.logic(left, right, true, env, input, out),
            Op::Either(left, right) => self.logic(left, right, false, env, input, out),
            Op::Index(from, key, optional) => {
                self.pairs(from, key, env, input, &mut |machine, from, key| match call::index(
                    from, key,
                ) {
                    Ok(value) => out(machine, value),
                    Err(_) if *optional => Ok(()),
                    Err(stop) => Err(stop),
                })
            }
            Op::Slice(from, start, end, optional) => {
                self.run(from, env, input, &mut |machine, from| {
                    let sliced = machine.slice(&from, start, end, env, input);
                    match sliced {
                        Ok(value) => out(machine, Cow::Owned(value)),
                        Err(Stop::Error(_)) if *optional => Ok(()),
                        Err(stop) => Err(stop),
                    }
                })
            }
            Op::Call(function, _, args) => match args.first() {
                Some(arg) => self.run(arg, env, input, &mut |machine, arg| {
                    let value = call::value(machine, *function, input, Some(&arg))?;
                    out(machine, value)
                }),
                None => {
                    let value = call::value(self, *function, input, None)?;
                    out(self, value)
                }
            },
            _ => {
                let value = self.one(node, env, input)?;
                out(self, value)
            }
        }
    }

    /// Comparing costs at most what the smaller side weighs.
    fn spend_smaller(&mut self, left: &Value, right: &Value) -> Done {
        match (left, right) {
            (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
                self.spend_value(left)?;
                self.spend_value(right)
            }
            (Value::String(left), Value::String(right)) => {
                self.spend(1 + left.len().min(right.len()) / 64)
            }
            _ => self.spend(1),
        }
    }

    fn pairs(
        &mut self,
        left: &Node,
        right: &Node,
        env: Env<'_>,
        input: &Value,
        out: &mut dyn FnMut(&mut Self, &Value, &Value) -> Done,
    ) -> Done {
        self.run(left, env, input, &mut |machine, left| {
            machine.run(right, env, input, &mut |machine, right| out(machine, &left, &right))
        })
    }

    fn logic(
        &mut self,
        left: &Node,
        right: &Node,
        both: bool,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Done {
        self.run(left, env, input, &mut |machine, left| {
            if truth(&left) != both {
                return out(machine, Cow::Owned((!both).into()));
            }
            machine.run(right, env, input, &mut |machine, right| {
                out(machine, Cow::Owned(truth(&right).into()))
            })
        })
    }

    /// All true results of `left`; when there is none, those of `right`. Errors of `left` are none.
    fn alternative(
        &mut self,
        left: &Node,
        right: &Node,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Done {
        let mut any = false;
        self.guarded(left, env, input, &mut |machine, value| {
            if !truth(&value) {
                return Ok(());
            }
            any = true;
            out(machine, value)
        })?;
        if any { Ok(()) } else { self.run(right, env, input, out) }
    }

    fn attempt(
        &mut self,
        body: &Node,
        catch: Option<&Node>,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Done {
        match (self.guarded(body, env, input, out)?, catch) {
            (Some(message), Some(catch)) => self.run(catch, env, &message.into(), out),
            _ => Ok(()),
        }
    }

    /// Runs `body`; its own error is returned as a message, but not one that `out` raises.
    fn guarded(
        &mut self,
        body: &Node,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Result<Option<String>, Stop> {
        let mut outside = None;
        let done = self.run(body, env, input, &mut |machine, value| {
            out(machine, value).map_err(|stop| {
                outside = Some(stop);
                Stop::Spent
            })
        });
        match (outside, done) {
            (Some(stop), _) => Err(stop),
            (None, Err(Stop::Error(message))) => Ok(Some(message)),
            (None, done) => done.map(|()| None),
        }
    }

    fn objects(
        &mut self,
        entries: &[(Node, Node)],
        made: Object,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Done {
        let Some(((key, value), rest)) = entries.split_first() else {
            return out(self, Cow::Owned(made.into()));
        };
        self.pairs(key, value, env, input, &mut |machine, key, value| {
            let mut made = made.clone();
            made.insert(call::key(key)?, machine.owned(Cow::Borrowed(value))?);
            machine.spend(made.len())?;
            machine.objects(rest, made, env, input, out)
        })
    }

    fn texts(
        &mut self,
        parts: &[TextPart],
        made: String,
        env: Env<'_>,
        input: &Value,
        out: Out<'_>,
    ) -> Done {
        match parts.split_first() {
            None => out(self, Cow::Owned(made.into())),
            Some((TextPart::Literal(literal), rest)) => {
                self.texts(rest, made + literal, env, input, out)
            }
            Some((TextPart::Insert(node, as_json), rest)) => {
                self.run(node, env, input, &mut |machine, value| {
                    let mut made = made.clone();
                    text::push(&value, *as_json, &mut made);
                    machine.spend_text(made.len())?;
                    machine.texts(rest, made, env, input, out)
                })
            }
        }
    }

    fn slice(
        &mut self,
        from: &Value,
        start: &Option<Box<Node>>,
        end: &Option<Box<Node>>,
        env: Env<'_>,
        input: &Value,
    ) -> Result<Value, Stop> {
        let mut bound = |node: &Option<Box<Node>>| match node {
            None => Ok(None),
            Some(node) => match self.one(node, env, input)?.as_ref() {
                Value::Null => Ok(None),
                Value::Number(number) => Ok(Some(math::whole(number)?)),
                other => fail(format!("a slice needs whole numbers, not {}", other.kind())),
            },
        };
        let (start, end) = (bound(start)?, bound(end)?);
        self.spend_value(from)?;
        call::slice(from, start, end)
    }

    /// Evaluates a step that has exactly one result.
    pub(super) fn one<'v>(
        &mut self,
        node: &'v Node,
        env: Env<'v>,
        input: &'v Value,
    ) -> Result<Cow<'v, Value>, Stop> {
        self.spend(1)?;
        let made: Value = match &node.op {
            Op::Input => return Ok(Cow::Borrowed(input)),
            Op::Const(value) => return Ok(Cow::Borrowed(value)),
            Op::Var(at) => return Ok(Cow::Borrowed(env.get(*at))),
            Op::Index(from, key, _) => return self.index(from, key, env, input),
            Op::Call(function, shape, args) => {
                return call::one(self, *function, *shape, args, env, input);
            }
            Op::If(condition, then, otherwise) => {
                let holds = truth(self.one(condition, env, input)?.as_ref());
                return self.one(if holds { then } else { otherwise }, env, input);
            }
            Op::Pipe(left, right) => match self.one(left, env, input)? {
                Cow::Borrowed(value) => return self.one(right, env, value),
                Cow::Owned(value) => {
                    let result = self.one(right, env, &value)?.into_owned();
                    self.spend_value(&result)?;
                    result
                }
            },
            Op::Bind(left, right) => {
                let value = self.one(left, env, input)?;
                let inner = Binding { value: &value, outer: env };
                let result = self.one(right, env.with(&inner), input)?;
                self.owned(result)?
            }
            Op::Alternative(left, right) => match self.one(left, env, input) {
                Ok(value) if truth(&value) => return Ok(value),
                Ok(_) | Err(Stop::Error(_)) => return self.one(right, env, input),
                Err(stop) => return Err(stop),
            },
            Op::Try(body, catch) => match (self.one(body, env, input), catch) {
                (Err(Stop::Error(message)), Some(catch)) => {
                    let message = message.into();
                    let result = self.one(catch, env, &message)?;
                    self.owned(result)?
                }
                (done, _) => return done,
            },
            _ => self.make(node, env, input)?,
        };
        Ok(Cow::Owned(made))
    }

    /// Evaluates a step that makes a new value.
    fn make(&mut self, node: &Node, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
        Ok(match &node.op {
            Op::Compare(left, cmp, right) => {
                let (left, right) = (self.one(left, env, input)?, self.one(right, env, input)?);
                self.spend_smaller(&left, &right)?;
                holds(*cmp, &left, &right).into()
            }
            Op::Math(left, op, right) => {
                let (left, right) = (self.one(left, env, input)?, self.one(right, env, input)?);
                math::calculate(self, &left, *op, &right)?
            }
            Op::Negate(of) => math::negate(self.one(of, env, input)?.as_ref())?,
            Op::Both(left, right) => (truth(self.one(left, env, input)?.as_ref())
                && truth(self.one(right, env, input)?.as_ref()))
            .into(),
            Op::Either(left, right) => (truth(self.one(left, env, input)?.as_ref())
                || truth(self.one(right, env, input)?.as_ref()))
            .into(),
            Op::Text(parts) => self.text(parts, env, input)?,
            Op::Array(inner) => self.array(inner.as_deref(), env, input)?,
            Op::Object(entries) => {
                let mut object = Object::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = call::key(self.one(key, env, input)?.as_ref())?;
                    let value = self.one(value, env, input)?;
                    object.insert(key, self.owned(value)?);
                }
                object.into()
            }
            Op::Slice(from, start, end, _) => {
                let from = self.one(from, env, input)?;
                self.slice(&from, start, end, env, input)?
            }
            Op::Match(function, regex, args) => {
                text::matched(self, *function, regex, args.first(), env, input)?
            }
            _ => return fail("this step has no single result"),
        })
    }

    fn index<'v>(
        &mut self,
        from: &'v Node,
        key: &'v Node,
        env: Env<'v>,
        input: &'v Value,
    ) -> Result<Cow<'v, Value>, Stop> {
        let key = self.one(key, env, input)?;
        match self.one(from, env, input)? {
            Cow::Borrowed(value) => call::index(value, &key),
            Cow::Owned(value) => {
                let found = call::index(&value, &key)?;
                self.owned(found).map(Cow::Owned)
            }
        }
    }

    fn text(&mut self, parts: &[TextPart], env: Env<'_>, input: &Value) -> Result<Value, Stop> {
        let mut made = String::new();
        for part in parts {
            match part {
                TextPart::Literal(literal) => made.push_str(literal),
                TextPart::Insert(node, as_json) => {
                    let value = self.one(node, env, input)?;
                    self.spend_value(&value)?;
                    text::push(&value, *as_json, &mut made);
                }
            }
            self.spend_text(made.len())?;
        }
        Ok(made.into())
    }

    fn array(&mut self, inner: Option<&Node>, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
        let mut items = Vec::new();
        if let Some(inner) = inner {
            self.run(inner, env, input, &mut |machine, value| {
                items.push(machine.owned(value)?);
                Ok(())
            })?;
        }
        Ok(items.into())
    }
}

impl<'e> Env<'e> {
    fn with(self, binding: &'e Binding<'e>) -> Self {
        Self(Some(binding))
    }
}

fn holds(cmp: Cmp, left: &Value, right: &Value) -> bool {
    match cmp {
        Cmp::Eq => order::same(left, right),
        Cmp::Ne => !order::same(left, right),
        Cmp::Lt => order::compare(left, right).is_lt(),
        Cmp::Le => order::compare(left, right).is_le(),
        Cmp::Gt => order::compare(left, right).is_gt(),
        Cmp::Ge => order::compare(left, right).is_ge(),
    }
}

/// Makes a number out of a count.
pub(super) fn count(len: usize) -> Value {
    Value::Number(Number::from(i64::try_from(len).unwrap_or(i64::MAX)))
}

/// Names an operator in messages.
pub(super) fn verb(op: Math) -> &'static str {
    match op {
        Math::Add => "add",
        Math::Sub => "subtract",
        Math::Mul => "multiply",
        Math::Div => "divide",
        Math::Rem => "take the remainder of",
    }
}
