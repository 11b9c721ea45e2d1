//! Evaluates a compiled expression, counting every step.
//!
//! Results are handed to a callback, so nothing is collected that nobody asked for. A step that is
//! known to have one result takes the short way through [`Machine::one`], which borrows from the
//! record as long as it can.

use std::borrow::Cow;

use super::{
    call, filter,
    function::Shape,
    list,
    lower::{Node, Op, TextPart},
    machine::{Binding, Done, Env, Machine, Out, Stop, truth},
    math,
    one::holds,
    text,
};
use crate::{Object, Value};

impl Machine {
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
                machine.run(right, Env::with(&Binding { value: &value, outer: env }), input, out)
            }),
            Op::If(condition, then, otherwise) => {
                self.run(condition, env, input, &mut |machine, value| {
                    machine.run(if truth(&value) { then } else { otherwise }, env, input, out)
                })
            }
            Op::Alternative(left, right) => self.alternative(left, right, env, input, out),
            Op::Try(body, catch) => self.attempt(body, catch.as_deref(), env, input, out),
            Op::Each(from, optional) => self.run(from, env, input, &mut |machine, value| {
                list::each(machine, &value, *optional, out)
            }),
            Op::Object(entries) => self.objects(entries, Object::new(), env, input, out),
            Op::Text(parts) => self.texts(parts, String::new(), env, input, out),
            Op::Call(function, Shape::Filter, args) => {
                filter::filter(self, *function, args, env, input, out)
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
                self.pairs(from, key, env, input, &mut |machine, from, key| match list::index(
                    from, key,
                ) {
                    Ok(value) => out(machine, value),
                    Err(_) if *optional => Ok(()),
                    Err(stop) => Err(stop),
                })
            }
            Op::Slice(from, start, end, optional) => {
                self.run(from, env, input, &mut |machine, from| {
                    let sliced = machine.slice(&from, start.as_deref(), end.as_deref(), env, input);
                    match sliced {
                        Ok(value) => out(machine, Cow::Owned(value)),
                        Err(Stop::Error(_)) if *optional => Ok(()),
                        Err(stop) => Err(stop),
                    }
                })
            }
            Op::Call(function, _, args) => {
                let Some(arg) = args.first() else {
                    let value = call::value(self, *function, input, None)?;
                    return out(self, value);
                };
                self.run(arg, env, input, &mut |machine, arg| {
                    let value = call::value(machine, *function, input, Some(&arg))?;
                    out(machine, value)
                })
            }
            _ => {
                let value = self.one(node, env, input)?;
                out(self, value)
            }
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
            made.insert(list::key(key)?, machine.owned(Cow::Borrowed(value))?);
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
}
