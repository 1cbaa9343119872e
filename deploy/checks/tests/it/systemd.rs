//! The units for systemd: settings that the programs have, and the same bounds for each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::manifests::root;
use crate::programs::check_settings;

const UNITS: [&str; 2] = ["analytics", "dashboard"];

/// The keys of a unit with their values.
fn unit(program: &str) -> Vec<(String, String)> {
    let path = root().join(format!("deploy/systemd/vigia-{program}.service"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let keys = text.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty());
    keys.map(|line| line.split_once('=').expect("a key and a value"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn units_start_the_programs_with_settings_that_they_have() {
    for program in UNITS {
        let unit = unit(program);
        let of = |key: &'static str| unit.iter().filter(move |(it, _)| it == key).map(|(_, value)| value.as_str());
        assert_eq!(of("ExecStart").collect::<Vec<_>>(), [format!("/usr/local/bin/{program}")]);
        let variables: BTreeMap<_, _> = of("Environment")
            .map(|variable| variable.split_once('=').expect("a variable"))
            .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
            .collect();
        check_settings(program, &variables);
        assert!(variables["BIND"].as_deref().is_some_and(|bind| bind.starts_with("127.0.0.1:")), "{program}");
    }
}

#[test]
fn units_bound_what_a_program_may_do_and_all_in_the_same_way() {
    let bounds = |program: &str| -> BTreeSet<(String, String)> {
        let own = ["Description", "After", "Wants", "ExecStart", "Environment", "EnvironmentFile", "MemoryMax"];
        unit(program).into_iter().filter(|(key, _)| !own.contains(&&**key)).collect()
    };
    assert_eq!(bounds("analytics"), bounds("dashboard"));
    for bound in ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="] {
        let (key, value) = bound.split_once('=').expect("a key and a value");
        assert!(bounds("analytics").contains(&(key.to_owned(), value.to_owned())), "{bound}");
    }
}

#[test]
fn operations_names_every_unit_and_its_file_of_settings() {
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("the document");
    for program in UNITS {
        assert!(operations.contains(&format!("vigia-{program}.service")), "{program}");
        let files = unit(program).into_iter().filter(|(key, _)| key == "EnvironmentFile");
        for (_, file) in files {
            assert!(operations.contains(file.trim_start_matches('-')), "{file}");
        }
    }
}
