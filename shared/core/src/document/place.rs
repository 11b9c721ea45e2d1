//! Where each part of a document stands in its text.

use std::collections::HashMap;

use crate::definition::Problem;

/// Longest path that is noted. What is deeper is found by what it stands in, and long keys over many
/// values cost little.
const MAX_PATH_BYTES: usize = 512;

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
        if path.len() > MAX_PATH_BYTES {
            return;
        }
        let key = self.keys.get(path).filter(|key| key.line < place.line);
        self.values.insert(path.to_owned(), key.copied().unwrap_or(place));
    }

    pub(super) fn note_key(&mut self, path: &str, place: Place) {
        if path.len() <= MAX_PATH_BYTES {
            self.keys.insert(path.to_owned(), place);
        }
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

/// Appends a key to a path; one that is too long to be noted stays as it is.
pub(super) fn under(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        long if long.len() > MAX_PATH_BYTES => long.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Appends the place of an item to a path, likewise.
pub(super) fn item(path: &str, at: usize) -> String {
    if path.len() > MAX_PATH_BYTES { path.to_owned() } else { format!("{path}[{at}]") }
}
