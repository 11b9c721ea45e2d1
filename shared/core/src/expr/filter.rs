//! Functions that run a filter inside.

use std::borrow::Cow;

use jaq_core::ops::Math;

use super::{
    call,
    function::{Function as F, Shape},
    list::{Made, children, each, from_entries, items, made, sort_by_order, to_entries},
    lower::Node,
    machine::{Done, Env, Machine, Out, Stop, fail, truth},
    math, order,
};
use crate::{Object, Value};

/// A call that has exactly one result.
pub(super) fn one<'v>(
    machine: &mut Machine,
    function: F,
    shape: Shape,
    args: &'v [Node],
    env: Env<'v>,
    input: &'v Value,
) -> Made<'v> {
    match (shape, args) {
        (Shape::Value, []) => call::value(machine, function, input, None),
        (Shape::Value, [arg]) => {
            let arg = machine.one(arg, env, input)?;
            call::value(machine, function, input, Some(&arg))
        }
        (_, [f]) => match function {
            F::Map => mapped(machine, f, env, input).map(Cow::Owned),
            F::MapValues => map_values(machine, f, env, input).map(Cow::Owned),
            F::WithEntries => {
                let entries = to_entries(machine, input)?.into();
                let changed = mapped(machine, f, env, &entries)?;
                from_entries(machine, items(&changed, "make an object of")?)
            }
            F::AddOf => {
                let mut total = Value::Null;
                machine.run(f, env, input, &mut |machine, value| {
                    total = math::calculate(machine, &total, Math::Add, &value)?;
                    Ok(())
                })?;
                made(total)
            }
            F::IsEmpty => made(machine.first(f, env, input, |_, _| Ok(()))?.is_none()),
            F::AnyOf | F::AllOf => {
                let wanted = function == F::AnyOf;
                let mut found = false;
                for item in children(input)? {
                    machine.run(f, env, item, &mut |_, value| {
                        found |= truth(&value) == wanted;
                        Ok(())
                    })?;
                }
                made(found == wanted)
            }
            _ => by_key(machine, function, f, env, input),
        },
        (_, [generator, condition]) => {
            let wanted = function == F::AnyIn;
            let mut found = false;
            machine.run(generator, env, input, &mut |machine, item| {
                machine.run(condition, env, &item, &mut |_, value| {
                    found |= truth(&value) == wanted;
                    Ok(())
                })
            })?;
            made(found == wanted)
        }
        _ => fail("too many arguments"),
    }
}

fn mapped(machine: &mut Machine, f: &Node, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
    let mut items = Vec::new();
    each(machine, input, false, &mut |machine, item| {
        machine.run(f, env, &item, &mut |machine, value| {
            items.push(machine.owned(value)?);
            Ok(())
        })
    })?;
    Ok(items.into())
}

/// Changes each value in place; one without a result is left out.
fn map_values(machine: &mut Machine, f: &Node, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
    let mut change = |item: &Value| machine.first(f, env, item, Machine::owned);
    match input {
        Value::Array(items) => {
            let changed = items.iter().filter_map(|item| change(item).transpose());
            Ok(Value::Array(changed.collect::<Result<_, _>>()?))
        }
        Value::Object(object) => {
            let mut changed = Object::with_capacity(object.len());
            for (key, item) in object.iter() {
                if let Some(value) = change(item)? {
                    changed.push(key.into(), value);
                }
            }
            Ok(changed.into())
        }
        other => fail(format!("cannot go through {}", other.kind())),
    }
}

/// `sort_by`, `group_by`, `unique_by`, `min_by`, `max_by`.
fn by_key<'v>(
    machine: &mut Machine,
    function: F,
    f: &Node,
    env: Env<'_>,
    input: &Value,
) -> Made<'v> {
    let mut entries = Vec::new();
    for item in items(input, "sort")? {
        let mut key = Vec::new();
        machine.run(f, env, item, &mut |machine, value| {
            key.push(machine.owned(value)?);
            Ok(())
        })?;
        machine.spend_value(item)?;
        entries.push((Value::from(key), item.clone()));
    }
    sort_by_order(machine, &mut entries)?;
    let same_key = |a: &(Value, Value), b: &(Value, Value)| order::same(&a.0, &b.0);
    made(match function {
        F::MinBy => entries.into_iter().next().map(|(_, item)| item).unwrap_or_default(),
        F::MaxBy => entries.pop().map(|(_, item)| item).unwrap_or_default(),
        F::GroupBy => {
            let groups = entries.chunk_by(same_key);
            groups
                .map(|group| group.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>().into())
                .collect::<Vec<Value>>()
                .into()
        }
        _ => {
            if function == F::UniqueBy {
                entries.dedup_by(|b, a| same_key(a, b));
            }
            entries.into_iter().map(|(_, item)| item).collect::<Vec<_>>().into()
        }
    })
}

/// A call with any number of results.
pub(super) fn filter(
    machine: &mut Machine,
    function: F,
    args: &[Node],
    env: Env<'_>,
    input: &Value,
    out: Out<'_>,
) -> Done {
    match (function, args) {
        (F::Select, [condition]) => machine.run(condition, env, input, &mut |machine, holds| {
            if truth(&holds) { out(machine, Cow::Borrowed(input)) } else { Ok(()) }
        }),
        (F::First, [f]) => limited(machine, 1, f, env, input, out),
        (F::Limit, [most, f]) => machine.run(most, env, input, &mut |machine, most| {
            let Value::Number(most) = most.as_ref() else {
                return fail("limit needs a number");
            };
            limited(machine, math::whole(most)?, f, env, input, out)
        }),
        (F::Last, [f]) => {
            let mut last = None;
            machine.run(f, env, input, &mut |machine, value| {
                last = Some(machine.owned(value)?);
                Ok(())
            })?;
            last.map_or(Ok(()), |last| out(machine, Cow::Owned(last)))
        }
        _ if is_kind(function, input) => out(machine, Cow::Borrowed(input)),
        _ => Ok(()),
    }
}

fn limited(
    machine: &mut Machine,
    most: i64,
    f: &Node,
    env: Env<'_>,
    input: &Value,
    out: Out<'_>,
) -> Done {
    if most <= 0 {
        return Ok(());
    }
    let mut left = most;
    machine.until_enough(|machine, enough| {
        machine.run(f, env, input, &mut |machine, value| {
            left -= 1;
            out(machine, value)?;
            if left == 0 { Err(Stop::Enough(enough)) } else { Ok(()) }
        })
    })
}

/// `numbers`, `strings` and their kin; `empty` never holds.
fn is_kind(function: F, input: &Value) -> bool {
    let composed = matches!(input, Value::Array(_) | Value::Object(_));
    match function {
        F::Arrays => matches!(input, Value::Array(_)),
        F::Booleans => matches!(input, Value::Bool(_)),
        F::Iterables => composed,
        F::Nulls => input.is_null(),
        F::Numbers => matches!(input, Value::Number(_)),
        F::Objects => matches!(input, Value::Object(_)),
        F::Scalars => !composed,
        F::Strings => matches!(input, Value::String(_)),
        F::Values => !input.is_null(),
        _ => false,
    }
}
