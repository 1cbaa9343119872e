//! The tables in the documents agree with what the programs say about themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use shared::testing::{Program, built};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of a document's table rows.
fn rows(document: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
}

/// The settings of a program with their defaults, as its help lists them.
fn settings(program: &str) -> Vec<(String, Option<String>)> {
    let help = Program::run(built(program).arg("--help")).output;
    // Each option begins like "      --bind <ADDRESS>"; notes like "[env: BIND=]" follow in any order.
    let options = help.split("\n      --").skip(1);
    let settings: Vec<(String, Option<String>)> = options
        .filter_map(|option| {
            let note = |name| bracketed(option.split_once(name)?.1);
            let variable = note("[env: ")?.trim_end_matches('=');
            let flag = option.split([' ', '\n', '[']).next().unwrap_or_default();
            assert_eq!(flag, variable.to_lowercase().replace('_', "-"), "the flag of {variable} of {program}");
            Some((variable.to_owned(), note("[default: ").map(str::to_owned)))
        })
        .collect();
    assert!(!settings.is_empty(), "{program} has settings: {help}");
    settings
}

/// What stands before the bracket that closes a text, which may have brackets in it, as `[::]:8000` has.
fn bracketed(text: &str) -> Option<&str> {
    let mut open = 0;
    let end = text.find(|it: char| {
        open += i32::from(it == '[') - i32::from(it == ']');
        open < 0
    });
    text.get(..end?)
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
            // A default that depends on the machine is described in words.
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

/// Whoever is woken by an alert finds what to do under its name, and whoever looks at a metric finds what is normal.
#[test]
fn operations_has_a_runbook_for_every_alert_and_a_line_for_every_metric() {
    let (operations, rules) =
        (document("docs/operations.md"), document("deploy/k8s/components/monitoring/alerts.yaml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbooks: Vec<&str> = operations.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(!alerts.is_empty() && alerts == runbooks, "{alerts:?} {runbooks:?}");
    let quoted: BTreeSet<&str> = rows(&operations).flat_map(|row| row[0].split("`, `").collect::<Vec<_>>()).collect();
    let named: BTreeSet<&str> = quoted.into_iter().filter(|name| name.starts_with("vigia_")).collect();
    assert_eq!(named, analytics::http::exposition::METRICS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn the_routes_of_the_contract_are_those_that_are_served() {
    let contract = document("docs/contract.md");
    let cells = rows(&contract).filter_map(|row| row[0].strip_prefix("GET ").map(str::to_owned));
    // A cell is like "GET /livez`, `/readyz`, `/healthz" or "GET /api/v1/summary?window&end".
    let listed: BTreeSet<String> = cells
        .flat_map(|cell| cell.split("`, `").map(str::to_owned).collect::<Vec<_>>())
        .map(|route| route.split('?').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, BTreeSet::from(shared::api::path::ALL.map(str::to_owned)));
}

#[test]
fn the_settings_of_the_contract_are_those_of_the_programs() {
    let contract = document("docs/contract.md");
    let (_, section) = contract.split_once("## 5. ").expect("the section of the settings");
    let quoted: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    for program in ["simulator", "analytics", "dashboard"] {
        for (variable, _) in settings(program) {
            assert!(quoted.contains(variable.as_str()), "{variable} of {program} is not in the contract");
        }
    }
}

/// Files of a folder's sources that contain a text, by their path relative to the folder.
fn files_with(folder: &str, text: &str) -> BTreeSet<String> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the workspace") {
            let path = entry.expect("its entry").path();
            if path.is_dir() { visit(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut files = Vec::new();
    visit(&root, &mut files);
    let has_text = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|source| source.contains(text));
    let within = |path: PathBuf| path.strip_prefix(&root).expect("a path below").to_string_lossy().into_owned();
    files.into_iter().filter(has_text).map(within).collect()
}

/// The comparison in the README is the latest one measured.
#[test]
fn the_comparison_in_the_readme_is_the_measured_one() {
    let (readme, results) = (document("README.md"), document("benches/peers/results.md"));
    let is_row = |line: &&str| line.starts_with("| ") && line.split(" | ").count() == 6;
    let measured: Vec<&str> = results.lines().skip_while(|line| !line.contains("readings a second")).collect();
    let measured: Vec<&str> = measured.into_iter().take_while(|line| line.starts_with('|')).filter(is_row).collect();
    assert!(measured.len() > 2, "results.md has a table: {results}");
    for row in measured {
        assert!(readme.lines().any(|line| line == row), "README.md lacks this row of results.md: {row}");
    }
}

/// The first invariants of ARCHITECTURE.md: who may name what.
#[test]
fn the_boundaries_of_the_architecture_hold() {
    let redis = files_with("analytics/src", "use redis::");
    assert!(redis.iter().all(|file| file.starts_with("ingest/log/")), "{redis:?}");
    assert!(files_with("dashboard-ui/src", "redis::").is_empty());
    assert_eq!(files_with("simulator/src", "use redis::"), BTreeSet::from(["redis_sink.rs".to_owned()]));
    let may_use_polars = |file: &String| {
        let that_name_its_types =
            ["cluster/follow.rs", "cluster/peers.rs", "pipeline/aggregator.rs", "pipeline/archiver.rs"];
        ["readings.rs", "workers.rs"].contains(&file.as_str())
            || that_name_its_types.contains(&file.as_str())
            || ["store/", "archive/", "state/", "answer/", "repartition/"].iter().any(|folder| file.starts_with(folder))
    };
    let polars = files_with("analytics/src", "use polars");
    assert!(!polars.is_empty() && polars.iter().all(may_use_polars), "{polars:?}");
    for program in ["analytics/src", "dashboard-ui/src"] {
        assert!(files_with(program, "UnixMillis::now").is_empty());
        assert_eq!(files_with(program, "Clock::system"), BTreeSet::from(["lib.rs".to_owned()]));
    }
    assert!(files_with("dashboard-ui/src", "analytics::").is_empty());
}

/// The modules of analytics, each before those that may import it.
const MODULES: [&str; 22] = [
    "settings",
    "fault",
    "kept",
    "registry",
    "workers",
    "cache",
    "readings",
    "ingest",
    "store",
    "archive",
    "histogram",
    "state",
    "answer",
    "figures",
    "published",
    "alerts",
    "pipeline",
    "import",
    "repartition",
    "http",
    "cluster",
    "lib",
];

#[test]
fn modules_of_analytics_import_only_those_before_them() {
    for (position, later) in MODULES.iter().enumerate() {
        for file in files_with("analytics/src", &format!("use crate::{later}::")) {
            let module = file.split(['/', '.']).next().expect("a name");
            let importer = MODULES.iter().position(|it| *it == module);
            assert!(importer.is_some_and(|importer| importer >= position), "{file} imports {later}");
        }
    }
}

#[test]
fn the_entry_points_of_the_architecture_exist() {
    let architecture = document("ARCHITECTURE.md");
    let (_, section) = architecture.split_once("## Entry points").expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let points: Vec<Vec<&str>> = rows(section).filter(|row| row[0].ends_with('?')).collect();
    assert!(points.len() > 10, "{points:?}");
    for point in points {
        let [_, item, file] = point[..] else { panic!("{point:?} is not a question, an item and a file") };
        assert!(defines(&document(file), item), "{file} has no {item}");
    }
}

/// Whether a source defines an item: a function, a type, or a function of a type or trait.
fn defines(source: &str, item: &str) -> bool {
    let is_named = |line: &str, keywords: &[&str], name: &str| {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        words.windows(2).any(|pair| keywords.contains(&pair[0]) && pair[1] == name)
    };
    let Some((owner, function)) = item.split_once("::") else {
        let is_outside = |line: &&str| !line.starts_with([' ', '/']);
        return source.lines().filter(is_outside).any(|line| is_named(line, &["fn", "struct", "enum", "trait"], item));
    };
    // Blocks end with a brace in the first column.
    source.split("\n}").any(|block| {
        let opens = |line: &str| {
            let is_block = line.starts_with("impl") || line.contains("trait ");
            !line.starts_with([' ', '/'])
                && is_block
                && line.split(|c: char| !c.is_alphanumeric()).any(|it| it == owner)
        };
        let mut lines = block.lines().skip_while(|line| !opens(line));
        lines.any(|line| line.starts_with("    ") && is_named(line, &["fn"], function))
    })
}

/// A server that is only tried out is nobody else's business.
#[test]
fn every_redis_server_of_the_documents_listens_on_loopback_only() {
    for name in ["README.md", "docs/guide.md", "docs/guide.es.md", "docs/operations.md", "docs/migrating.md"] {
        let text = document(name);
        let started: Vec<&str> = text.lines().filter(|line| line.starts_with("redis-server ")).collect();
        assert!(started.iter().all(|line| line.contains("--bind 127.0.0.1 -::1")), "{name}: {started:?}");
        assert!(!name.contains("guide") || !started.is_empty(), "{name}");
    }
}

#[test]
fn every_expectation_is_kept_true_by_a_test_that_exists() {
    let expectations = document("docs/expectations.md");
    let rows: Vec<Vec<&str>> = rows(&expectations).filter(|row| row[0].parse::<u32>().is_ok()).collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(numbers, (1..=32).map(|number| number.to_string()).collect::<Vec<_>>());
    for row in rows {
        let [_, _, name, file] = row[..] else { panic!("{row:?}") };
        let source = document(file);
        let is_there = match file.strip_suffix(".rs") {
            Some(_) => source.contains(&format!("fn {name}(")),
            // The name, or the end of one that is made of parts.
            None => ["\"", "`"].iter().any(|quote| source.contains(&format!("{name}{quote}, "))),
        };
        assert!(is_there, "{file} has no test {name:?}");
    }
}

#[test]
fn every_threat_is_kept_out_by_a_test_that_exists() {
    let security = document("SECURITY.md");
    let rows: Vec<Vec<&str>> = rows(&security).filter(|row| row[0].parse::<u32>().is_ok()).collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert!(!rows.is_empty());
    assert_eq!(numbers, (1..=rows.len()).map(|number| number.to_string()).collect::<Vec<_>>());
    let commands = document("deploy/test.sh");
    for row in rows {
        let [_, _, name, file, figure, command] = row[..] else { panic!("{row:?}") };
        let source = document(file);
        let is_there = source.contains(&format!("fn {name}("))
            || ["\"", "`"].iter().any(|quote| source.contains(&format!("{name}{quote}, ")))
            || (file.contains("/fuzz/targets/") && source.contains(&format!("{name}(")));
        assert!(is_there, "{file} has no test {name:?}");
        assert!(!figure.is_empty(), "{row:?}");
        // A fuzzer of deploy/test.sh tries as many inputs as the table says.
        if let Some((_, fuzzer)) = command.split_once("(fuzzer `") {
            let inputs = figure.trim_end_matches(" inputs").replace(',', "");
            let is_run =
                commands.lines().any(|line| line.starts_with(&format!("{} {inputs} ", fuzzer.trim_end_matches("`)"))));
            assert!(is_run, "deploy/test.sh does not try {figure} of {fuzzer}");
        }
        let script = command.split([' ', '`']).find(|word| word.ends_with(".sh"));
        if let Some(script) = script {
            assert!(!document(script).is_empty(), "{command}");
        }
    }
}

/// Links between the documents lead to an existing file, and to a heading in it.
#[test]
fn links_between_documents_lead_somewhere() {
    let guides = [
        "guide.md",
        "guide.es.md",
        "operations.md",
        "migrating.md",
        "contract.md",
        "performance.md",
        "analysis.md",
        "expectations.md",
    ];
    let names = guides.map(|name| format!("docs/{name}"));
    let others = ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    for name in names.into_iter().chain(others) {
        let text = document(&name);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => PathBuf::from(&name),
                path => Path::new(&name).with_file_name(path),
            };
            let target = target.to_str().expect("text");
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(target);
            assert!(file.exists(), "{name} links to {link}");
            let leads =
                heading.is_empty() || document(target).lines().any(|line| anchor(line).as_deref() == Some(heading));
            assert!(leads, "{name} links to {link}, and there is no such heading");
        }
    }
}

/// The anchor of a heading: its letters, digits, hyphens and underscores in lower case, with hyphens for spaces.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}
