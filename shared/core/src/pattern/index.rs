//! Many lists of patterns as one lookup.
//!
//! Each pattern is filed under its longest literal part; one pass over the key finds the literals
//! that are in it, and only their patterns are tried. So thousands of patterns cost a key what a few
//! cost.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;

use super::{Pattern, Patterns};

/// Says which of many lists match a key.
#[derive(Debug, Clone, Default)]
pub struct Index {
    filed: Vec<Filed>,
    /// Finds literals; its numbers are places in `by_literal`.
    literals: Option<AhoCorasick>,
    by_literal: Vec<Vec<usize>>,
    /// Patterns without a star, by the key they mean.
    by_key: HashMap<Box<str>, Vec<usize>>,
    /// Patterns of stars alone.
    always: Vec<usize>,
    lists: usize,
}

/// One pattern, and the list it belongs to.
#[derive(Debug, Clone)]
struct Filed {
    list: usize,
    takes_out: bool,
    pattern: Pattern,
}

/// What was found out about a list.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    takes_in: bool,
    takes_out: bool,
}

impl Index {
    /// Files lists of patterns; the error is one sentence.
    pub fn new<'p>(lists: impl IntoIterator<Item = &'p Patterns>) -> Result<Self, String> {
        let mut index = Self::default();
        let mut places: HashMap<Box<str>, usize> = HashMap::new();
        for patterns in lists {
            let list = index.lists;
            index.lists += 1;
            let with = patterns.with.iter().map(|pattern| (pattern, false));
            let without = patterns.without.iter().map(|pattern| (pattern, true));
            for (pattern, takes_out) in with.chain(without) {
                index.file(Filed { list, takes_out, pattern: pattern.clone() }, &mut places);
            }
        }
        let mut literals = vec!["".into(); places.len()];
        for (literal, place) in places {
            literals[place] = literal;
        }
        if !literals.is_empty() {
            let automaton = AhoCorasick::new(literals.iter().map(|literal| literal.as_bytes()));
            index.literals = Some(automaton.map_err(|e| format!("too many patterns: {e}"))?);
        }
        Ok(index)
    }

    fn file(&mut self, filed: Filed, places: &mut HashMap<Box<str>, usize>) {
        let at = self.filed.len();
        if let Some(key) = filed.pattern.exact() {
            self.by_key.entry(key.into()).or_default().push(at);
        } else if let Some(literal) = filed.pattern.literal() {
            let next = places.len();
            let place = *places.entry(literal.into()).or_insert(next);
            if place == next {
                self.by_literal.push(Vec::new());
            }
            self.by_literal[place].push(at);
        } else {
            self.always.push(at);
        }
        self.filed.push(filed);
    }

    /// Returns the places of the lists that match `key`, in order.
    pub fn matching(&self, key: &str) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(literals) = &self.literals {
            found.extend(literals.find_overlapping_iter(key).map(|hit| hit.pattern().as_usize()));
            found.sort_unstable();
            found.dedup();
        }
        let candidates = found.into_iter().flat_map(|place| &self.by_literal[place]);
        let candidates = candidates.filter(|at| self.filed[**at].pattern.matches(key));
        let exact = self.by_key.get(key).into_iter().flatten();
        let mut verdicts = vec![Verdict::default(); self.lists];
        for at in candidates.chain(exact).chain(&self.always) {
            let Filed { list, takes_out, .. } = self.filed[*at];
            verdicts[list].takes_in |= !takes_out;
            verdicts[list].takes_out |= takes_out;
        }
        let matching = verdicts.iter().enumerate();
        matching.filter(|(_, one)| one.takes_in && !one.takes_out).map(|(list, _)| list).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists(texts: &[Vec<String>]) -> Vec<Patterns> {
        texts.iter().filter_map(|texts| Patterns::new(texts).ok()).collect()
    }

    #[test]
    fn finds_every_list_that_matches_and_no_other() {
        let texts = [
            vec!["*.database.*".to_owned()],
            vec!["*".to_owned(), "!test.*".to_owned()],
            vec!["app.database.host".to_owned()],
            vec!["app.*".to_owned(), "!*.host".to_owned()],
        ];
        let index = Index::new(&lists(&texts)).unwrap();
        assert_eq!(index.matching("app.database.host"), [0, 1, 2]);
        assert_eq!(index.matching("test.database.x"), [0]);
        assert_eq!(index.matching("app.x"), [1, 3]);
        assert!(Index::default().matching("app.x").is_empty());
    }

    proptest! {
        #[test]
        fn agrees_with_asking_one_list_after_the_other(
            texts in prop::collection::vec(prop::collection::vec("!?[ab.*]{1,6}", 1..5), 0..12),
            keys in prop::collection::vec("[ab.ä]{0,8}", 1..20),
        ) {
            let lists = lists(&texts);
            let index = Index::new(&lists).unwrap();
            for key in keys {
                let one_by_one = lists.iter().enumerate().filter(|(_, list)| list.matches(&key));
                let one_by_one: Vec<_> = one_by_one.map(|(at, _)| at).collect();
                prop_assert_eq!(index.matching(&key), one_by_one, "key {}", key);
            }
        }
    }
}
