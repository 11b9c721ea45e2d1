//! End to end: the deployed template on the local stack, and the rules for the template.

#[cfg(test)]
mod aws;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod down;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod outbound;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod seven;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod template;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod told;
#[cfg(test)]
mod twoway;
#[cfg(test)]
mod webhooks;

/// How much faster than real time the tests run: the third retry waits 9 s in place of 15 minutes.
#[cfg(test)]
const TIME_SCALE: u32 = 100;
