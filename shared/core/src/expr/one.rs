//! The short way for steps that have exactly one result: borrows from the record as long as it can.

use std::borrow::Cow;

use jaq_core::ops::Cmp;

use super::{
    filter, list,
    lower::{Node, Op, TextPart},
    machine::{Binding, Env, Machine, Stop, fail, truth},
    math, order, text,
};
use crate::{Object, Value};

impl Machine {
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
                return filter::one(self, *function, *shape, args, env, input);
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
                let result = self.one(right, Env::with(&inner), input)?;
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
                    let key = list::key(self.one(key, env, input)?.as_ref())?;
                    let value = self.one(value, env, input)?;
                    object.insert(key, self.owned(value)?);
                }
                object.into()
            }
            Op::Slice(from, start, end, _) => {
                let from = self.one(from, env, input)?;
                self.slice(&from, start.as_deref(), end.as_deref(), env, input)?
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
        let key = match &key.op {
            Op::Const(key) => Cow::Borrowed(key),
            _ => self.one(key, env, input)?,
        };
        match self.one(from, env, input)? {
            Cow::Borrowed(value) => list::index(value, &key),
            Cow::Owned(value) => {
                let found = list::index(&value, &key)?;
                self.owned(found).map(Cow::Owned)
            }
        }
    }

    pub(super) fn slice(
        &mut self,
        from: &Value,
        start: Option<&Node>,
        end: Option<&Node>,
        env: Env<'_>,
        input: &Value,
    ) -> Result<Value, Stop> {
        let mut bound = |node: Option<&Node>| match node {
            None => Ok(None),
            Some(node) => match self.one(node, env, input)?.as_ref() {
                Value::Null => Ok(None),
                Value::Number(number) => Ok(Some(math::whole(number)?)),
                other => fail(format!("a slice needs whole numbers, not {}", other.kind())),
            },
        };
        let (start, end) = (bound(start)?, bound(end)?);
        self.spend_value(from)?;
        list::slice(from, start, end)
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

pub(super) fn holds(cmp: Cmp, left: &Value, right: &Value) -> bool {
    match cmp {
        Cmp::Eq => order::same(left, right),
        Cmp::Ne => !order::same(left, right),
        Cmp::Lt => order::compare(left, right).is_lt(),
        Cmp::Le => order::compare(left, right).is_le(),
        Cmp::Gt => order::compare(left, right).is_gt(),
        Cmp::Ge => order::compare(left, right).is_ge(),
    }
}
