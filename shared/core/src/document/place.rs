//! Where each part of a document stands in its text.

use std::collections::HashMap;

use crate::definition::Problem;

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Where each part of a document stands, by its path.
#[derive(Debug, Default)]
pub(super) struct Places {
    start: Place,
    /// Where a value stands.
    values: HashMap<String, Place>,
    /// Where the key of a value stands.
    keys: HashMap<String, Place>,
}

impl Places {
    pub(super) fn new(start: Place) -> Self {
        Self { start, ..Self::default() }
    }

    /// A value that begins on a later line than its key is best found by its key.
    pub(super) fn note_value(&mut self, path: &str, place: Place) {
        let key = self.keys.get(path).filter(|key| key.line < place.line);
        self.values.insert(path.to_owned(), key.copied().unwrap_or(place));
    }

    pub(super) fn note_key(&mut self, path: &str, place: Place) {
        self.keys.insert(path.to_owned(), place);
    }

    /// Adds line and column: of the value, else of what it would stand in.
    pub(super) fn locate(&self, problem: Problem) -> Problem {
        let place = self.find(&problem.path);
        put(problem, place)
    }

    /// Adds line and column of the key.
    pub(super) fn locate_key(&self, problem: Problem) -> Problem {
        let place = self.keys.get(&problem.path).copied();
        let place = place.unwrap_or_else(|| self.find(&problem.path));
        put(problem, place)
    }

    fn find(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.values.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return self.start,
            }
        }
    }
}

fn put(mut problem: Problem, place: Place) -> Problem {
    if problem.line == 0 {
        (problem.line, problem.column) = (place.line, place.column);
    }
    problem
}

/// Appends a key to a path.
pub(super) fn under(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
