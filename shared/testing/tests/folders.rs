//! Every folder of `functions/` that is a connector has what a connector needs. There is no list of
//! names: a connector is what needs `ferrule-connector`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ferrule_core::{Message, Task};
use serde_json::Value;

#[test]
fn every_connector_has_what_a_connector_needs() {
    let house = house();
    let connectors = connectors(&house);
    assert!(!connectors.is_empty(), "no folder of functions/ needs ferrule-connector");
    let missing: Vec<String> =
        connectors.iter().flat_map(|connector| missing(&house, connector)).collect();
    assert!(missing.is_empty(), "\n  - {}\n(functions/README.md says how)", missing.join("\n  - "));
}

#[test]
fn a_new_folder_is_told_what_to_add() {
    let empty = Connector { name: "teams".to_owned(), tests: BTreeSet::new() };
    let told = missing(&house(), &empty);
    for what in [
        "README.md",
        "schema.json",
        "src/main.rs",
        "events/teams",
        "tests/suite.rs",
        "ConnectorNames",
    ] {
        assert!(told.iter().any(|line| line.contains(what)), "{what} is not in {told:?}");
    }
}

struct Connector {
    name: String,
    /// Names of its test binaries.
    tests: BTreeSet<String>,
}

fn house() -> PathBuf {
    std::env::current_dir().unwrap().join("../..").canonicalize().unwrap()
}

/// Finds the packages under `functions/` that need `ferrule-connector`.
fn connectors(house: &Path) -> Vec<Connector> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let printed = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(house)
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let metadata: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let functions = house.join("functions");
    let is_connector = |package: &&Value| {
        let needs = list(&package["dependencies"]);
        Path::new(text(&package["manifest_path"])).starts_with(&functions)
            && needs
                .iter()
                .any(|need| need["name"] == "ferrule-connector" && need["kind"].is_null())
    };
    let tests = |package: &Value| {
        let targets = list(&package["targets"]).iter().filter(|one| one["kind"][0] == "test");
        targets.map(|target| text(&target["name"]).to_owned()).collect()
    };
    let found = list(&metadata["packages"]).iter().filter(is_connector);
    found.map(|one| Connector { name: text(&one["name"]).to_owned(), tests: tests(one) }).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Says in a sentence each what a connector lacks.
fn missing(house: &Path, connector: &Connector) -> Vec<String> {
    let name = &connector.name;
    let folder = house.join("functions").join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let mut found = Vec::new();
    let readme = read("README.md");
    if !readme.contains("<!-- settings -->") || !readme.contains("<!-- /settings -->") {
        found.push(format!(
            "functions/{name}/README.md: write what it does, with a line <!-- settings --> and a \
             line <!-- /settings --> where the tables go"
        ));
    }
    let schema: Value = serde_json::from_str(&read("schema.json")).unwrap_or_default();
    if schema["settings"].is_null() {
        found.push(format!(
            "functions/{name}/schema.json: run UPDATE=1 cargo test -p {name}; a test must call \
             ferrule_testing::generated"
        ));
    }
    if !read("src/main.rs").contains("ferrule_connector::serve(") {
        found.push(format!(
            "functions/{name}/src/main.rs: hand the connector to ferrule_connector::serve"
        ));
    }
    let suite = read("tests/suite.rs");
    if !suite.contains("Suite::new(") || !connector.tests.contains("suite") {
        found.push(format!(
            "functions/{name}/tests/suite.rs: prove its promises with ferrule_testing::suite::Suite"
        ));
    }
    found.extend(events(house, name, &suite));
    if !named_in_the_template(house, name) {
        found.push(format!(
            "infra/template.yaml: add the word `{name}` to the default of ConnectorNames"
        ));
    }
    found
}

/// Each sample can be read and is tried by the suite.
fn events(house: &Path, name: &str, suite: &str) -> Vec<String> {
    let entries = fs::read_dir(house.join("events").join(name)).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let cases: Vec<String> = files
        .filter(|file| !file.ends_with(".request.json"))
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect();
    if cases.is_empty() {
        return vec![format!("events/{name}: add an event for each thing it can be asked to do")];
    }
    let mut found = Vec::new();
    for case in cases {
        let at = format!("events/{name}/{case}.json");
        let body = ferrule_testing::body(&format!("{name}/{case}.json"));
        match Message::decode(&body).map(|message| message.task) {
            Ok(Task::Extract(_) | Task::Load(_) | Task::Check(_)) => {}
            Ok(_) => found.push(format!("{at}: a connector takes extract, load and check only")),
            Err(failure) => found.push(format!("{at}: {failure}")),
        }
        if suite.contains(".cases(") && !suite.contains(&format!("\"{case}\"")) {
            found.push(format!(
                "{at}: no suite tries it; name it in `.cases(...)`, or say in a comment of \
                 functions/{name}/tests/suite.rs why not"
            ));
        }
    }
    found
}

fn named_in_the_template(house: &Path, name: &str) -> bool {
    let template = fs::read_to_string(house.join("infra/template.yaml")).unwrap();
    let (_, parameter) = template.split_once("ConnectorNames:").unwrap();
    let line = parameter.lines().find_map(|line| line.trim().strip_prefix("Default:"));
    line.unwrap().split(',').any(|word| word.trim() == name)
}
