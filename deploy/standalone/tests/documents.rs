//! The tables of the documents say what the programs say of themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of a document's table rows.
fn rows(document: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
}

/// The settings of a program with their defaults, as its help tells them.
fn settings(program: &str) -> Vec<(String, Option<String>)> {
    let path = Path::new(env!("CARGO_BIN_EXE_vigia")).with_file_name(program);
    assert!(path.exists(), "{} is missing; run deploy/test.sh, which builds the workspace", path.display());
    let output = Command::new(path).arg("--help").env_clear().output().expect("a program that starts");
    let help = String::from_utf8(output.stdout).expect("text");
    let mut settings: Vec<(String, Option<String>)> = Vec::new();
    for note in help.split('[').filter_map(|rest| rest.split(']').next()) {
        if let Some(variable) = note.strip_prefix("env: ") {
            settings.push((variable.split('=').next().unwrap_or_default().to_owned(), None));
        } else if let (Some(default), Some(last)) = (note.strip_prefix("default: "), settings.last_mut()) {
            last.1 = Some(default.to_owned());
        }
    }
    assert!(!settings.is_empty(), "{program} has settings: {help}");
    settings
}

#[test]
fn the_settings_of_the_readme_are_those_of_the_programs() {
    const PROGRAMS: [&str; 4] = ["simulator", "analytics", "dashboard", "vigia"];
    let readme = document("README.md");
    let rows: Vec<Vec<&str>> = rows(&readme).filter(|row| row.len() == 4).collect();
    for program in PROGRAMS {
        let mut known = BTreeSet::new();
        for (variable, default) in settings(program) {
            let is_for_it = |row: &&Vec<&str>| row[0] == variable && (row[1] == "all" || row[1].contains(program));
            let row = rows.iter().find(is_for_it).unwrap_or_else(|| panic!("{variable} of {program} is not listed"));
            // A default that depends on the machine is told in words.
            if let Some(default) = default.filter(|_| variable != "ANTENNA_ID") {
                assert_eq!(row[2], default, "the default of {variable} of {program}");
            }
            known.insert(variable);
        }
        for row in rows.iter().filter(|row| row[1].split(", ").any(|who| who == program)) {
            assert!(known.contains(row[0]), "{program} has no setting {}", row[0]);
        }
    }
}

#[test]
fn the_metrics_of_the_contract_are_those_that_are_exposed() {
    let contract = document("docs/contract.md");
    let listed: BTreeSet<(&str, &str)> =
        rows(&contract).filter(|row| row[0].starts_with("vigia_")).map(|row| (row[0], row[1])).collect();
    assert_eq!(listed, BTreeSet::from(analytics::http::exposition::METRICS));
}

#[test]
fn the_routes_of_the_contract_are_those_that_are_served() {
    use shared::api::path;
    let contract = document("docs/contract.md");
    for route in [
        path::METRICS,
        path::SUMMARY,
        path::ANTENNAS,
        path::ANTENNA,
        path::WORST,
        path::SERIES,
        path::PIPELINE,
        path::EVENTS,
        path::LIVEZ,
        path::READYZ,
        path::HEALTHZ,
        path::OPENAPI,
    ] {
        assert!(contract.contains(route), "{route} is not in the contract");
    }
}
