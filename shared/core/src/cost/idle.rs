//! What a hub costs in a month in which nothing happens.

use super::{Item, Usage};

const MINUTES: f64 = 43_200.0;

/// Lambda asks an empty queue three times a minute, with so many pollers.
const POLLS_A_MINUTE: f64 = 3.0;

/// What a tick of the schedule takes: 20 ms at 256 MB, and a few reads.
const TICK_GB_SECS: f64 = 0.02 * 0.25;
const TICK_READS: f64 = 2.0;

/// What the template makes beside its connectors: queues and alarms of the hub itself, and of each
/// connector (`infra/template.yaml`; `tests/e2e/template.rs` counts them).
const QUEUES: (f64, f64) = (8.0, 3.0);
const ALARMS: (f64, f64) = (19.0, 4.0);

/// What is deployed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deployed {
    /// How many connectors.
    pub connectors: u32,
    /// How many secrets, one for each connection that has credentials.
    pub secrets: u32,
    /// With how many pollers Lambda waits at an empty queue: five at first, two after some idle time.
    pub pollers: u32,
}

/// Returns what is used in a month in which nothing happens.
pub fn idle_month(deployed: Deployed) -> Usage {
    let Deployed { connectors, secrets, pollers } = deployed;
    let each = |(own, a_connector): (f64, f64)| own + a_connector * f64::from(connectors);
    let polls = each(QUEUES) * f64::from(pollers) * POLLS_A_MINUTE * MINUTES;
    Usage::default()
        .with(Item::QueueRequest, polls)
        .with(Item::ScheduleCall, MINUTES)
        .with(Item::FunctionCall, MINUTES)
        .with(Item::FunctionGbSecond, MINUTES * TICK_GB_SECS)
        .with(Item::RowRead, MINUTES * TICK_READS)
        .with(Item::AlarmMonth, each(ALARMS))
        .with(Item::SecretMonth, f64::from(secrets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(connectors: u32, pollers: u32) -> f64 {
        idle_month(Deployed { connectors, secrets: 0, pollers }).usd()
    }

    #[test]
    fn two_idle_connectors_cost_a_few_dollars() {
        assert!((4.1..4.3).contains(&usd(2, 2)), "{}", usd(2, 2));
        assert!((6.2..6.5).contains(&usd(2, 5)), "{}", usd(2, 5));
        assert!((14.3..14.9).contains(&usd(9, 5)), "{}", usd(9, 5));
    }
}
