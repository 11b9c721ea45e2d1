//! What work costs: counts of what AWS bills, times its list prices. Pure arithmetic; every figure in
//! dollars that the hub or its tools show comes from here.

mod idle;
mod prices;
mod run;

use std::ops::{Add, AddAssign, Mul};

pub use idle::{Deployed, idle_month};
pub use prices::{DATE, Item, PRICES, Price, REGION};
pub use run::of_run;

/// What was used, item by item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage([f64; PRICES.len()]);

impl Usage {
    /// Returns the same with so much more of an item.
    #[must_use]
    pub fn with(mut self, item: Item, quantity: f64) -> Self {
        self.0[item as usize] += quantity;
        self
    }

    /// Returns how much of an item was used.
    pub fn of(&self, item: Item) -> f64 {
        self.0[item as usize]
    }

    /// Returns what it costs in dollars.
    pub fn usd(&self) -> f64 {
        self.lines().map(|(_, _, usd)| usd).sum()
    }

    /// Returns what was used: item, quantity and dollars.
    pub fn lines(&self) -> impl Iterator<Item = (&'static Price, f64, f64)> {
        let used = PRICES.iter().zip(self.0).filter(|(_, quantity)| *quantity > 0.0);
        used.map(|(price, quantity)| (price, quantity, quantity * price.usd / price.per))
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        for (there, more) in self.0.iter_mut().zip(more.0) {
            *there += more;
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}

impl Mul<f64> for Usage {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self(self.0.map(|quantity| quantity * times))
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Returns a count as a quantity.
#[expect(clippy::cast_precision_loss, reason = "2^53 of anything is more than anybody pays for")]
pub fn quantity(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_has_its_price_in_its_place() {
        for (at, price) in PRICES.iter().enumerate() {
            assert_eq!(price.item as usize, at, "{}", price.name);
            assert!(price.usd > 0.0 && price.per > 0.0 && !price.source.is_empty());
        }
    }

    #[test]
    fn a_million_requests_to_queues_cost_forty_cents() {
        let usage = Usage::default().with(Item::QueueRequest, 1e6).with(Item::RowWrite, 2e6);
        assert!((usage.usd() - 1.65).abs() < 1e-9, "{usage:?}");
        let lines: Vec<_> = usage.lines().map(|(price, _, _)| price.name).collect();
        assert_eq!(lines, ["queue requests", "table write units"]);
        let twice: Usage = [usage, usage].into_iter().sum();
        assert_eq!(twice, usage * 2.0);
        assert!((twice.of(Item::RowWrite) - 4e6).abs() < 1e-9);
    }
}
