//! End to end: the deployed template on the local stack, and the rules of the house.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod chaos;
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
mod layout;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod outbound;
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
mod webhooks;
