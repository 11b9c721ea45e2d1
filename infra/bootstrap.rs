//! The build script of every function: how a bootstrap is linked when it is built to be deployed.

#![expect(clippy::print_stdout, reason = "so a build script speaks to cargo")]
#![expect(clippy::disallowed_methods, reason = "so cargo speaks to a build script")]

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=../../infra/bootstrap.rs");
    // `z` is the optimisation of the profile `release` alone: tests and the local stack link as usual.
    let is = |name: &str, value: &str| var(name).is_ok_and(|set| set == value);
    if !is("OPT_LEVEL", "z") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    // A place of its own in memory instead of half a MiB of relocations (infra/decisions/0011-small-bootstraps.md).
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // Rust's own linker, the usual one for this target only, keeps one of several equal functions.
    if is("CARGO_CFG_TARGET_ARCH", "x86_64") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
