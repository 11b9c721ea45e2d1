//! Patterns over dotted keys: `*` is any run of characters, dots included.
//!
//! A pattern that watches over security must not miss a deeper key, so there is no way to say "one
//! segment". A `!` in front takes keys out again, wherever it stands in the list.

mod index;

pub use index::Index;

/// Most patterns of one list.
pub const MAX_PATTERNS: usize = 500;

/// Longest pattern: no key is longer.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A list of patterns as one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns {
    with: Vec<Pattern>,
    without: Vec<Pattern>,
}

/// Literal parts between the stars; a pattern without star has one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<Box<str>>);

impl Patterns {
    /// Reads patterns; the error is one sentence for the person who wrote them.
    pub fn new(texts: &[String]) -> Result<Self, String> {
        if texts.len() > MAX_PATTERNS {
            return Err(format!("a list has at most {MAX_PATTERNS} patterns"));
        }
        let mut patterns = Self::default();
        for text in texts {
            match text.strip_prefix('!') {
                Some(rest) => patterns.without.push(Pattern::new(rest)?),
                None => patterns.with.push(Pattern::new(text)?),
            }
        }
        if patterns.with.is_empty() && !patterns.without.is_empty() {
            return Err("every pattern takes out; write what is wanted too, such as \"*\"".into());
        }
        Ok(patterns)
    }

    /// Tells whether `key` is meant.
    pub fn matches(&self, key: &str) -> bool {
        self.with.iter().any(|one| one.matches(key)) && !self.takes_out(key)
    }

    /// Tells whether `key` is taken out.
    pub fn takes_out(&self, key: &str) -> bool {
        self.without.iter().any(|one| one.matches(key))
    }

    /// Tells whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.with.is_empty() && self.without.is_empty()
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a pattern is empty; write a key such as app.database.*".into());
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!("a pattern has at most {MAX_PATTERN_BYTES} bytes"));
        }
        Ok(Self(text.split('*').map(Into::into).collect()))
    }

    /// The longest part that must be in every key it matches; none when it is made of stars.
    fn literal(&self) -> Option<&str> {
        self.0
            .iter()
            .map(|part| &**part)
            .filter(|part| !part.is_empty())
            .max_by_key(|part| part.len())
    }

    /// The only key that it matches, when it has no star.
    fn exact(&self) -> Option<&str> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    fn matches(&self, key: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| **only == *key);
        };
        let Some(mut rest) = key.strip_prefix(&**first) else { return false };
        for part in middle {
            match rest.find(&**part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_star_spans_dots() {
        let watch = patterns(&["*.database.*"]);
        assert!(watch.matches("app.database.host"));
        assert!(watch.matches("app.eu.database.primary.host"));
        assert!(!watch.matches("database.host"));
        assert!(!watch.matches("app.database"));
        assert!(patterns(&["*"]).matches(""));
        assert!(patterns(&["a*a"]).matches("aa"));
        assert!(!patterns(&["a*a"]).matches("a"));
        assert!(patterns(&["app.*.key*"]).matches("app.x.y.keys"));
    }

    #[test]
    fn without_a_star_it_is_the_key_itself() {
        assert!(patterns(&["app.[x]?"]).matches("app.[x]?"));
        assert!(!patterns(&["app.x"]).matches("app.xy"));
    }

    #[test]
    fn what_is_taken_out_is_out_wherever_it_stands() {
        for texts in [["*.key", "!test.*"], ["!test.*", "*.key"]] {
            let watch = patterns(&texts);
            assert!(watch.matches("app.key") && !watch.matches("test.key"));
        }
        assert!(Patterns::new(&["!test.*".into()]).is_err());
        assert!(Patterns::new(&[String::new()]).is_err());
    }
}
