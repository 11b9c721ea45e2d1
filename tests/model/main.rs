//! Everything that can go wrong, in memory: a state machine of queues with visibility and redelivery,
//! a clock, a store, sources and sinks of two tenants; crashes between any two calls, repeats,
//! throttling, any order, lost acknowledgements. The stages, the store's rules and the runner are
//! those of the hub. After each step the invariants of `watch.rs` are looked at.

#[cfg(test)]
mod crowd;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod load;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod stages;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod world;
