//! The table in `tests/README.md` says which test shows what is survived; here it is kept true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ferrule_cli::stack::Workspace;

/// Folders that hold tests.
const FOLDERS: [&str; 4] = ["shared", "functions", "infra/cli", "tests"];

/// What makes a runner pass over a test; in two parts, so that it does not stand here.
const PASSED_OVER: &str = concat!("#[", "ignore");

fn root() -> PathBuf {
    Workspace::find().unwrap().root().to_owned()
}

fn table() -> String {
    std::fs::read_to_string(root().join("tests/README.md")).unwrap()
}

/// The rows: number of the case, and all that stands behind it.
fn rows(table: &str) -> Vec<(u32, &str)> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    cells.filter_map(|(number, rest)| Some((number.trim().parse().ok()?, rest))).collect()
}

/// Links such as ``[`name`](file)``: name and file.
fn links(text: &str) -> Vec<(&str, &str)> {
    let starts = text.match_indices("[`").map(|(at, _)| &text[at + 2..]);
    let halves = starts.filter_map(|rest| rest.split_once("`]("));
    halves.filter_map(|(name, rest)| Some((name, rest.split_once(')')?.0))).collect()
}

/// Tells whether `text` holds a test of that name.
fn has_test(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    // Attributes stand close before: of the test itself, or of the block of properties.
    let before = &text[..at];
    let near = before.rsplit("\n}\n").next().unwrap_or(before);
    near.contains("test]") || near.contains("test(")
}

#[test]
fn every_case_has_a_row_with_a_test_or_a_reason() {
    let table = table();
    let rows = rows(&table);
    let numbers: Vec<u32> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=52).collect::<Vec<_>>());
    for (number, rest) in rows {
        let reason = rest.rsplit('|').nth(1).unwrap_or_default().trim();
        assert!(!links(rest).is_empty() || !reason.is_empty(), "case {number} says nothing");
    }
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let (table, folder) = (table(), root().join("tests"));
    let named = links(&table);
    assert!(named.len() > 150, "{} tests are named", named.len());
    let mut wrong = BTreeSet::new();
    for (name, file) in named {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        if !has_test(&text, name) {
            wrong.insert(format!("{file} has no test {name}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_test_is_passed_over() {
    let sources = FOLDERS.iter().flat_map(|folder| sources(&root().join(folder)));
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(PASSED_OVER), "{} passes over a test", path.display());
    }
}

/// Every Rust file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let found = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|is| is == "rs")).collect()
}
