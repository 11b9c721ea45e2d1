//! What needs the local AWS for itself: ten thousand changes keep it so busy that others would wait for it.

#[cfg(test)]
mod bulk;
#[cfg(test)]
#[path = "../e2e/hub.rs"]
#[expect(dead_code, reason = "the other end-to-end tests use all of it")]
mod hub;
#[cfg(test)]
#[path = "../e2e/stack.rs"]
#[expect(dead_code, reason = "the other end-to-end tests use all of it")]
mod stack;
#[cfg(test)]
#[path = "../e2e/told.rs"]
#[expect(dead_code, reason = "the other end-to-end tests use all of it")]
mod told;

/// How much faster than real time the tests run: the third retry waits 9 s in place of 15 minutes.
#[cfg(test)]
const TIME_SCALE: u32 = 100;
