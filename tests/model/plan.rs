//! What happens, made up: a list of steps, which shrinks.

use std::fmt;

use proptest::{collection::vec, option::weighted, prelude::*};

/// One story.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Where the records of each tenant go.
    pub(crate) targets: [Target; 2],
    pub(crate) steps: Vec<Step>,
}

/// A line a step.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.targets)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step:?}"))
    }
}

/// What stands behind the connection `sink`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A system that knows no idempotency key.
    Ledger,
    /// A table of the hub.
    Table,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// New records at the source of a tenant.
    Facts(usize, Vec<Quality>),
    /// A record changes at the source of a tenant.
    Edit(usize, usize),
    /// A run of a tenant's integration is asked for.
    Start(usize),
    /// So many seconds pass.
    Pass(u64),
    /// So many calls of sources and sinks fail from now on.
    Outage(u32),
    /// A message is delivered. When none is visible, time passes until one is.
    Deliver(Delivery),
}

/// What one record is like in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quality {
    Good,
    /// It cannot be mapped.
    Bad,
    /// The source cannot read it.
    Broken,
}

/// One delivery, and all that goes wrong with it.
#[derive(Clone, Default)]
pub(crate) struct Delivery {
    /// Which queue is looked at first.
    pub(crate) queue: usize,
    /// The so-manieth call of a source or sink goes wrong.
    pub(crate) trouble: Option<(u32, Trouble)>,
    /// The process dies with the so-manieth call of the store.
    pub(crate) kill: Option<u32>,
    pub(crate) beside: Option<Beside>,
    /// The queue does not hear that it is done, and delivers again after so many seconds.
    pub(crate) unheard: Option<u64>,
}

/// Only what is out of the ordinary.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queue {}", self.queue)?;
        if let Some((call, trouble)) = &self.trouble {
            write!(f, ", {trouble:?} with call {call}")?;
        }
        if let Some(call) = &self.kill {
            write!(f, ", killed with call {call}")?;
        }
        if let Some(beside) = &self.beside {
            write!(f, ", beside {beside:?}")?;
        }
        if let Some(secs) = &self.unheard {
            write!(f, ", unheard for {secs} s")?;
        }
        Ok(())
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No answer. What was asked for may have been done.
    Down,
    /// 503, with a `Retry-After` of so many seconds.
    Later(u64),
    /// 429, with a `Retry-After` of so many seconds.
    Slow(u64),
}

/// What another worker does at the same time. It begins so many turns later.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    /// It has the same message.
    Twin(u32),
    /// It has another one.
    Other(u32),
}

pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    let target = || prop_oneof![Just(Target::Ledger), Just(Target::Table)];
    let targets = (target(), target()).prop_map(|(one, other)| [one, other]);
    (targets, vec(step(), 1..110)).prop_map(|(targets, steps)| Plan { targets, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = || 0..2_usize;
    let quality = prop_oneof![
        14 => Just(Quality::Good),
        2 => Just(Quality::Bad),
        1 => Just(Quality::Broken),
    ];
    prop_oneof![
        24 => delivery().prop_map(Step::Deliver),
        3 => (tenant(), vec(quality, 1..9)).prop_map(|(tenant, facts)| Step::Facts(tenant, facts)),
        4 => tenant().prop_map(Step::Start),
        4 => (tenant(), 0..12_usize).prop_map(|(tenant, which)| Step::Edit(tenant, which)),
        2 => (1..40_u64).prop_map(Step::Pass),
        1 => (1..14_u32).prop_map(Step::Outage),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let trouble = prop_oneof![
        Just(Trouble::Down),
        (1..900_u64).prop_map(Trouble::Later),
        (1..200_u64).prop_map(Trouble::Slow),
    ];
    let beside = prop_oneof![
        (0..12_u32).prop_map(Beside::Twin),
        (0..12_u32).prop_map(Beside::Other),
        (0..12_u32).prop_map(Beside::Other),
    ];
    let made = (
        0..5_usize,
        weighted(0.15, (1..6_u32, trouble)),
        weighted(0.15, 0..12_u32),
        weighted(0.35, beside),
        weighted(0.12, 0..1_500_u64),
    );
    made.prop_map(|(queue, trouble, kill, beside, unheard)| Delivery {
        queue,
        trouble,
        kill,
        beside,
        unheard,
    })
}
