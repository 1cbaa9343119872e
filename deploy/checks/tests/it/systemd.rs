//! The units for systemd: settings that the programs have, and the same bounds for each.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;

use crate::manifests::root;
use crate::programs::{Dashboard, check_settings};

const UNITS: [&str; 2] = ["analytics", "dashboard"];

/// The drop-in for a login, without `.conf`.
const LOGIN: &str = "vigia-dashboard-login";

/// The keys of a unit with their values.
fn unit(program: &str) -> Vec<(String, String)> {
    keys(&format!("vigia-{program}.service"))
}

/// The keys of a file for systemd with their values.
fn keys(file: &str) -> Vec<(String, String)> {
    let path = root().join("deploy/systemd").join(file);
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

/// The user of a unit cannot read what is root's, so each file that a setting names is one that systemd hands over.
#[test]
fn the_drop_in_for_a_login_hands_over_the_files_that_its_settings_name() {
    let keys = keys(&format!("{LOGIN}.conf"));
    let of = |wanted: &'static str| keys.iter().filter(move |(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = folder.path().to_str().expect("text");
    let mut handed_over = BTreeSet::new();
    for credential in of("LoadCredential") {
        let (name, path) = credential.split_once(':').expect("a name and a file");
        assert!(path.starts_with("/etc/vigia/"), "{path}");
        handed_over.insert(name.to_owned());
    }
    let hash = dashboard_ui::hash_password("correct horse").expect("a hash");
    for (name, text) in [("users", format!("ana:operator:{hash}")), ("secret", "0123456789abcdef".repeat(4))] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let (mut arguments, mut named) = (vec!["dashboard".to_owned()], BTreeSet::new());
    for variable in of("Environment") {
        let (name, value) = variable.split_once('=').expect("a variable");
        named.extend(value.strip_prefix("%d/").map(str::to_owned));
        arguments.push(format!("--{}={}", name.to_lowercase().replace('_', "-"), value.replace("%d", credentials)));
    }
    assert_eq!(named, handed_over);
    let parsed = shared::settings::parse_from::<Dashboard>(arguments.into_iter().map(OsString::from));
    assert!(parsed.is_ok(), "{keys:?}");
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("the document");
    let in_place = "vigia-dashboard.service.d/login.conf";
    assert!(operations.contains(&format!("deploy/systemd/{LOGIN}.conf")) && operations.contains(in_place));
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
