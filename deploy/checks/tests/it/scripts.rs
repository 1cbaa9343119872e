//! The scripts and the documents name the same versions of what they need.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The lowest Python for which every pinned package has a wheel.
const PYTHON: (u32, u32) = (3, 11);

/// Files of the repository in which a text stands, with their contents.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed =
        Command::new("git").args(["ls-files", "*.sh", "*.md", "*.py"]).current_dir(&root).output().expect("git");
    let names = String::from_utf8(listed.stdout).expect("text");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a file of the repository");
    names.lines().map(|name| (name.to_owned(), read(name))).collect()
}

/// The versions that stand between a text and another one.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(it, _)| it);
    found.filter(|it| it.starts_with(|c: char| c.is_ascii_digit()) && it.len() < 8).collect()
}

#[test]
fn whoever_needs_a_python_needs_the_same_and_checks_it_as_it_is_named() {
    let (major, minor) = PYTHON;
    let mut checking = BTreeSet::new();
    for (name, text) in files() {
        for named in between(&text, "Python ", " or newer") {
            assert_eq!(named, format!("{major}.{minor}"), "{name} names another Python");
        }
        for checked in between(&text, "sys.version_info < (", ")") {
            assert_eq!(checked, format!("{major}, {minor}"), "{name} checks for another Python");
            checking.insert(name.clone());
        }
    }
    let expected = ["analytics/tests/tools.sh", "benches/peers/run.sh", "deploy/test.sh", "deploy/tools.sh"];
    assert_eq!(checking, BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn the_tests_ask_for_the_node_that_the_browser_tests_need() {
    let all = files();
    let of = |name: &str| &all.iter().find(|(it, _)| it == name).expect("the script").1;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard-ui/tests/browser/package.json");
    let package = std::fs::read_to_string(root).expect("the list of packages");
    let engine = between(&package, "\"node\": \">=", "\"")[0];
    for name in ["deploy/test.sh", "CONTRIBUTING.md"] {
        assert_eq!(between(of(name), "Node ", " or newer"), [engine], "{name}");
    }
}

/// Features are unified over the packages that are selected: whoever selects one alone compiles its dependencies again, which
/// takes minutes where Polars is among them.
#[test]
fn no_command_of_the_documents_compiles_dependencies_with_other_features() {
    for (name, text) in files().into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let is_command = |line: &&str| line.contains("cargo run") || line.contains("cargo build");
        for line in text.lines().filter(is_command) {
            assert!(!line.contains(" -p ") && !line.contains("--package "), "{name}: {line}");
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let metadata = Command::new(env!("CARGO")).args(metadata).current_dir(root).output().expect("cargo").stdout;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).expect("its JSON");
    assert_eq!(metadata["workspace_default_members"], metadata["workspace_members"], "whoever names none selects all");
    let packages = metadata["packages"].as_array().expect("packages");
    let named: Vec<_> = packages.iter().filter_map(|package| package["default_run"].as_str()).collect();
    assert_eq!(named, ["vigia"], "what `cargo run` starts");
}
