//! End to end: the deployed template on the local stack, and the rules of the house.

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod template;
