//! Answers laid over what a vendor says by itself.

use std::{fmt, sync::Arc};

use crate::vendor::{Reply, Request};

type Answer = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Operations and their answers; the one added last goes first.
#[derive(Clone, Default)]
pub(crate) struct Script(Vec<(String, Answer)>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(operation, _)| operation)).finish()
    }
}

impl Script {
    pub(crate) fn add(
        &mut self,
        operation: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) {
        self.0.insert(0, (operation.to_owned(), Arc::new(answer)));
    }

    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let asked = format!("{} {}", request.method, request.path);
        let (_, answer) = self.0.iter().find(|(operation, _)| fits(operation, &asked))?;
        Some(answer(request))
    }
}

/// Tells whether the text is what the pattern says, where `*` is any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let cuts = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            cuts.into_iter().any(|at| fits(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        assert!(fits("POST /a/*/c", "POST /a/b/b/c"));
        assert!(fits("* /a", "GET /a"));
        assert!(!fits("POST /a/*/c", "POST /a/b"));
    }

    #[test]
    fn what_is_added_last_goes_first() {
        let mut script = Script::default();
        script.add("*", |_| Reply::status(200));
        script.add("GET /a", |_| Reply::status(404));
        let request =
            |path: &str| Request { method: "GET".into(), path: path.into(), ..Request::default() };
        let status = |path| script.answer(&request(path)).unwrap().code();
        assert_eq!((status("/a"), status("/b")), (404, 200));
    }
}
