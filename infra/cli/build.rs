//! Embeds what every connector says about its keys: `functions/*/schema.json`.
//!
//! A connector is deployed by its folder being there, so there is no list to keep: the folder is read.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs, not when it is compiled: clones may share a target folder.
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let functions = Path::new(&here).join("../../functions").canonicalize()?;
    println!("cargo::rerun-if-changed={}", functions.display());
    let mut schemas: Vec<(String, PathBuf)> = fs::read_dir(&functions)?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let schema = entry.path().join("schema.json");
            schema.is_file().then_some((name, schema))
        })
        .collect();
    schemas.sort();
    let entries = schemas.iter().fold(String::new(), |entries, (name, schema)| {
        entries + &format!("    ({name:?}, include_str!({:?})),\n", schema.display())
    });
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("schemas.rs"), format!("&[\n{entries}]\n"))
}
