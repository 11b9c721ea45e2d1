//! The command as an operator runs it.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const MIB: u64 = 1024 * 1024;
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/incidents.yaml");

fn ferrule(arguments: &[&str]) -> Output {
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-stack");
    Command::new(env!("CARGO_BIN_EXE_ferrule"))
        .args(arguments)
        .env("FERRULE_DIR", nowhere)
        .env_remove("FERRULE_API_URL")
        .env_remove("FERRULE_CUSTOMER_KEY")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let help = text(&ferrule(&["--help"]).stdout);
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !["help", "exit-codes"].contains(name))
        .collect();
    assert!(names.len() >= 19, "{names:?}");
    let nested = [
        ("connection", "check"),
        ("connection", "health"),
        ("config", "set"),
        ("config", "get"),
        ("config", "history"),
        ("config", "rollback"),
        ("config", "delete"),
        ("secret", "set"),
        ("key", "issue"),
        ("key", "rotate"),
        ("key", "revoke"),
        ("key", "list"),
    ];
    let mut calls: Vec<Vec<&str>> = names.iter().map(|name| vec![*name]).collect();
    calls.retain(|call| !nested.iter().any(|(outer, _)| call[0] == *outer));
    calls.extend(nested.map(|(outer, inner)| vec![outer, inner]));
    for mut call in calls {
        call.push("--help");
        let help = text(&ferrule(&call).stdout);
        assert!(help.contains("Example:"), "{call:?} shows no example");
    }
}

#[test]
fn a_misspelt_key_is_shown_with_its_place_and_the_right_spelling() {
    let text_of = std::fs::read_to_string(EXAMPLE).unwrap().replace("  output:", "");
    let wrong = file("misspelt.yaml", &text_of.replace("\nvalidate:", "\nvalidat:"));
    let line = 1 + text_of.lines().position(|line| line == "validate:").unwrap();
    let checked = ferrule(&["check", wrong.to_str().unwrap()]);
    let said = text(&checked.stdout);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    assert!(said.contains(&format!("misspelt.yaml:{line}:1:")), "{said}");
    assert!(said.contains("did you mean validate?"), "{said}");
}

#[test]
fn the_examples_are_right_and_their_tests_hold() {
    let checked =
        ferrule(&["check", Path::new(EXAMPLE).parent().unwrap().to_str().unwrap(), "--json"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(json(&checked)["tests"].as_u64() >= Some(3));
}

#[test]
fn a_test_that_does_not_hold_ends_with_1_and_says_what_came_out() {
    let wrong = std::fs::read_to_string(EXAMPLE)
        .unwrap()
        .replace("priority: 3, priority_label", "priority: 4, priority_label");
    let wrong = file("differs.yaml", &wrong);
    let checked = ferrule(&["check", wrong.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(text(&checked.stdout).contains(".priority: expected 4, got 3"), "{checked:?}");
}

#[test]
fn the_sample_is_loaded_and_its_dirty_rows_are_named_by_line() {
    let ran = ferrule(&["run", EXAMPLE, "--json"]);
    assert_eq!(ran.status.code(), Some(4), "{ran:?}");
    let result = json(&ran);
    let run = &result["runs"][0];
    assert_eq!(run["records_in_table"], 75);
    let counts = &run["run"]["counts"];
    assert_eq!((&counts["read"], &counts["refused"]), (&348.into(), &8.into()));
    let errors = result["errors"].as_array().unwrap();
    let mut codes: Vec<&str> = errors.iter().map(|row| row["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    let all =
        ["CSV_COLUMNS", "CSV_COLUMNS", "CURSOR", "FORMAT", "ONE_OF", "PATTERN", "RANGE", "TYPE"];
    assert_eq!(codes, all);
    assert!(errors.iter().all(|row| row["record"]["line"].as_u64() > Some(1)), "{errors:?}");
}

#[test]
fn a_file_ten_times_as_long_needs_no_more_memory() {
    let sample = Path::new(EXAMPLE).with_file_name("data/incidents/sample.csv");
    let sample = std::fs::read_to_string(sample).unwrap();
    let (header, rows) = sample.split_once('\n').unwrap();
    // Three pages, and thirty.
    let peaks = [9, 90].map(|times| {
        let input =
            file(&format!("long-{times}.csv"), &format!("{header}\n{}", rows.repeat(times)));
        let ran = ferrule(&["run", EXAMPLE, "--json", "--input", input.to_str().unwrap()]);
        let result = json(&ran);
        std::fs::remove_file(input).unwrap();
        assert_eq!(result["runs"][0]["run"]["counts"]["read"], 348 * times);
        result["peak_memory_bytes"].as_u64()
    });
    // Only Linux says how much memory a process has held.
    let [Some(short), Some(long)] = peaks else { return };
    // A debug build holds some 35 MiB of its own code; 60 MiB is the promise of a release build.
    let most = if cfg!(debug_assertions) { 72 } else { 60 };
    assert!(long < most * MIB, "{} MiB", long / MIB);
    assert!(long < short + 8 * MIB, "{} MiB, then {} MiB", short / MIB, long / MIB);
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_told_of() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule"));
    let ended = command.args(["check", EXAMPLE, "--json"]).stdout(full).output().unwrap();
    assert!(!ended.status.success());
    assert!(text(&ended.stderr).contains("the result is not whole"), "{}", text(&ended.stderr));
}

#[test]
fn without_a_hub_the_commands_say_how_to_start_one_and_end_with_3() {
    let calls = [
        &["status"][..],
        &["runs"],
        &["records", "tickets"],
        &["config", "get", "app.*"],
        &["key", "list"],
        &["down"],
    ];
    for call in calls {
        let ended = ferrule(call);
        assert_eq!(ended.status.code(), Some(3), "{call:?} {ended:?}");
        assert!(text(&ended.stderr).contains("ferrule up"), "{call:?} {ended:?}");
    }
}

#[test]
fn without_a_terminal_nothing_is_given_up_or_sent_again_unless_yes_is_said() {
    for call in [&["discard", "--all"][..], &["replay", "--all"], &["discard", "5d41402abc4b"]] {
        let ended = ferrule(call);
        assert_eq!(ended.status.code(), Some(2), "{call:?} {ended:?}");
        assert!(text(&ended.stderr).contains("say --yes"), "{ended:?}");
        for said in ["--yes", "--preview"] {
            let ended = ferrule(&[call, &[said]].concat());
            assert_eq!(ended.status.code(), Some(3), "it asks the hub: {ended:?}");
        }
    }
}

#[test]
fn a_secret_is_never_echoed() {
    for call in [
        &["secret", "set", "crm", "not-a-pair-s3cret"][..],
        &["config", "set", "db.password", "{\"s3cret\": no json", "--sensitive"],
        &["config", "set", "db.password", "s3cret", "--sensitiv"],
        &["config", "set", "db.password", "--sensitiv", "s3cret"],
    ] {
        let ended = ferrule(call);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
    }
}

#[test]
fn numbers_and_the_order_of_columns_are_shown_as_they_came() {
    let record = r#"{"id":"a","n":12345678901234567890123,"d":0.1234567890123456789012,"e":1.10}"#;
    file("exact.jsonl", record);
    let definition = file(
        "exact.yaml",
        "apiVersion: ferrule/v1
kind: Connection
metadata: {name: here}
connector: files
settings: {root: .}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {name: hub}
connector: records
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: exact}
source: {connection: here, path: exact.jsonl}
output: {connection: hub, table: exact, key: .id}
",
    );
    let ran = text(&ferrule(&["run", definition.to_str().unwrap(), "--json"]).stdout);
    let shown: String = ran.split_whitespace().collect();
    assert!(shown.contains(record), "{ran}");
}
