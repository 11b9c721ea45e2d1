//! The arrows of the house: core <- store <- lambda <- connector <- functions <- the operator's command and these tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use ferrule_cli::stack::Workspace;
use serde::Deserialize;

const MAIN_LINES: usize = 20;

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Nothing for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

struct House {
    root: PathBuf,
    functions: BTreeSet<String>,
    /// Package name to its normal dependencies.
    needs: BTreeMap<String, BTreeSet<String>>,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let workspace = Workspace::find().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let printed = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])
        .current_dir(workspace.root())
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let metadata: Metadata = serde_json::from_slice(&printed.stdout).unwrap();
    let functions = workspace.root().join("functions");
    let is_function = |package: &&Package| package.manifest_path.starts_with(&functions);
    House {
        functions: metadata.packages.iter().filter(is_function).map(|is| is.name.clone()).collect(),
        needs: metadata.packages.iter().map(|is| (is.name.clone(), normal(is))).collect(),
        root: workspace.root().to_owned(),
    }
});

fn normal(package: &Package) -> BTreeSet<String> {
    let normal = package.dependencies.iter().filter(|needed| needed.kind.is_none());
    normal.map(|needed| needed.name.clone()).collect()
}

impl House {
    fn folders(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.functions.iter().map(|name| (name.as_str(), self.root.join("functions").join(name)))
    }

    /// The packages that need a crate whose name fits.
    fn needing(&self, fits: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        self.needs
            .iter()
            .filter(|(_, needs)| needs.iter().any(|name| fits(name)))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

#[test]
fn the_arrows_point_one_way() {
    let below = [
        ("ferrule-core", vec![]),
        ("ferrule-store", vec!["ferrule-core"]),
        ("ferrule-lambda", vec!["ferrule-core", "ferrule-store"]),
        ("ferrule-http", vec!["ferrule-core", "ferrule-store"]),
        ("ferrule-connector", vec!["ferrule-core", "ferrule-store", "ferrule-lambda"]),
    ];
    let house: BTreeSet<&str> = HOUSE.needs.keys().map(String::as_str).collect();
    for (name, allowed) in below {
        let needs = HOUSE.needs[name].iter().map(String::as_str);
        let ours: BTreeSet<&str> = needs.filter(|needed| house.contains(needed)).collect();
        let wrong: Vec<_> = ours.into_iter().filter(|needed| !allowed.contains(needed)).collect();
        assert!(wrong.is_empty(), "{name} must not need {wrong:?}");
    }
}

#[test]
fn functions_never_need_each_other_nor_what_is_built_on_them() {
    for name in &HOUSE.functions {
        let needs = &HOUSE.needs[name];
        let wrong: Vec<_> = needs
            .iter()
            .filter(|needed| {
                HOUSE.functions.contains(*needed)
                    || ["ferrule-cli", "ferrule-testing"].contains(&needed.as_str())
            })
            .collect();
        assert!(wrong.is_empty(), "{name} must not need {wrong:?}");
    }
}

#[test]
fn only_the_store_names_the_aws_sdk() {
    let needing = HOUSE.needing(|name| name.starts_with("aws-") && name != "aws-lc-rs");
    assert_eq!(needing, BTreeSet::from(["ferrule-store"]));
}

#[test]
fn only_the_connector_crate_and_the_command_name_the_http_client() {
    let mut needing = HOUSE.needing(|name| name == "reqwest");
    needing.remove("ferrule-cli");
    needing.remove("ferrule-testing");
    assert_eq!(needing, BTreeSet::from(["ferrule-connector"]));
}

#[test]
fn every_function_folder_has_what_a_newcomer_looks_for() {
    for (name, folder) in HOUSE.folders() {
        for file in ["README.md", "src/lib.rs", "src/main.rs"] {
            assert!(folder.join(file).is_file(), "functions/{name} has no {file}");
        }
        let main = std::fs::read_to_string(folder.join("src/main.rs")).unwrap();
        let lines = main.lines().count();
        assert!(
            lines <= MAIN_LINES,
            "functions/{name}/src/main.rs has {lines} lines, it only wires"
        );
        assert!(has(&folder, "#[cfg(test)]"), "functions/{name} has no unit tests");
    }
}

#[test]
fn every_function_has_sample_events_that_parse() {
    for (name, _) in HOUSE.folders() {
        let folder = HOUSE.root.join("events").join(name);
        let events = files(&folder)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|is| is == "json"));
        let mut count = 0;
        for path in events {
            let text = std::fs::read(&path).unwrap();
            let parsed = serde_json::from_slice::<serde_json::Value>(&text);
            assert!(parsed.is_ok(), "{} is no JSON", path.display());
            count += 1;
        }
        assert!(count > 0, "events/{name} has no event");
    }
}

/// Whether a source file below `folder` holds `text`.
fn has(folder: &Path, text: &str) -> bool {
    let sources = files(&folder.join("src"));
    sources.into_iter().any(|path| std::fs::read_to_string(path).is_ok_and(|is| is.contains(text)))
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
