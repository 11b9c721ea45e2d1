//! A rate limit as an administrator makes one, and a strict count of what came in.

use std::time::{Duration, Instant};

use super::answer::Answer;

/// At most so many calls in each window.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// How many calls.
    pub calls: usize,
    /// In how long. An hour at the vendor; shorter in tests.
    pub window: Duration,
}

/// When calls came in.
#[derive(Debug)]
pub(super) struct Arrivals {
    start: Instant,
    pub(super) at: Vec<Duration>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), at: Vec::new() }
    }

    /// Notes a call. One too many for the window it falls in gets an answer at once.
    pub(super) fn note(
        &mut self,
        limit: Option<Limit>,
        now_secs: i64,
    ) -> (Vec<Header>, Option<Answer>) {
        let now = self.start.elapsed();
        self.at.push(now);
        let Some(limit) = limit else { return (Vec::new(), None) };
        let into = Duration::from_nanos_u128(now.as_nanos() % limit.window.as_nanos().max(1));
        let calls = self.at.iter().rev().take_while(|at| **at + into >= now).count();
        let wait_secs = (limit.window.saturating_sub(into)).as_secs_f64().ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a window is hours at most")]
        let wait_secs = wait_secs as i64;
        let headers = vec![
            ("x-ratelimit-limit", limit.calls.to_string()),
            ("x-ratelimit-reset", (now_secs + wait_secs).to_string()),
            ("x-ratelimit-rule", "0fd4b2c1db123300cf0c4d3e3a961901".to_owned()),
        ];
        let over = (calls > limit.calls).then(|| {
            let detail =
                format!("Rate limit of {} requests per hour for Table API exceeded", limit.calls);
            Answer::failure(429, "Rate limit exceeded", &detail)
                .with("retry-after", wait_secs.to_string())
        });
        (headers, over)
    }

    /// Returns the most calls in any window of this length, wherever it starts.
    pub(super) fn most_within(&self, window: Duration) -> usize {
        let within = |(first, at): (usize, &Duration)| {
            self.at[first..].iter().take_while(|later| later.saturating_sub(*at) < window).count()
        };
        self.at.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

pub(super) type Header = (&'static str, String);
