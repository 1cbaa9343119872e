//! What `ANTENNAS_FILE` says of antennas, as the program answers it beside what it counts, from a real Redis.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::UnixMillis;
use shared::api::path;
use shared::keys::{StreamKeys, partition_of};
use shared::testing::{DEADLINE, RedisServer, http, until};

use crate::support::{Analytics, fill};

const NETWORK: &str = r#"
[[antenna]]
id = "north-*"
site = "north"
parent = "site:north"
labels = { vendor = "acme", ring = "1" }

[[antenna]]
id = "north-gw"
name = "Torre Norte"
uplink = true
latitude = 40.25
longitude = -3.5

[[antenna]]
id = "south-1"
name = "=cmd|' /C calc'!A0"
site = "-south;=1+1"
labels = { vendor = "\"},{\"ring\":\"1\"", ring = "2" }
"#;

/// A program with a registry and the readings that it has counted.
struct Registered {
    server: RedisServer,
    folder: tempfile::TempDir,
    analytics: Analytics,
    published: u64,
}

impl Registered {
    fn start(network: &str) -> Self {
        let (server, folder) = (RedisServer::start(&[]), tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("antennas.toml");
        std::fs::write(&file, network).expect("a file");
        let analytics = Analytics::start(&server.url(), &[("ANTENNAS_FILE", file.to_str().expect("a path"))]);
        Self { server, folder, analytics, published: 0 }
    }

    /// One reading of each antenna, with how many of its ten packets were lost.
    fn measure(&mut self, antennas: &[(&str, u32)]) {
        self.published += antennas.len() as u64;
        measure(&self.server, "antenna_stream", antennas);
        self.analytics.settle(self.published);
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("antennas.toml")
    }

    fn get(&self, path: &str) -> Value {
        self.analytics.get(path).unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// The rows of a list of antennas by id, in its order.
    fn rows(&self, path: &str) -> Vec<(String, Value)> {
        let page = self.get(path);
        let rows = page["antennas"].as_array().expect("rows").iter();
        rows.map(|row| (row["antenna_id"].as_str().expect("an id").to_owned(), row.clone())).collect()
    }

    fn ids(&self, path: &str) -> Vec<String> {
        self.rows(path).into_iter().map(|(id, _)| id).collect()
    }

    /// The records of a CSV file, by head.
    fn records(&self, path: &str) -> Vec<std::collections::HashMap<String, String>> {
        let (status, text) = self.analytics.ask(path, "text/csv").expect("an answer");
        assert_eq!(status, 200, "{text}");
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().expect("CSV")
    }
}

fn measure(server: &RedisServer, stream: &str, antennas: &[(&str, u32)]) {
    let timestamp = (UnixMillis::now().0 / 1000).to_string();
    let entries = antennas.iter().map(|(antenna, lost)| {
        let numbers = [("packets", "10".to_owned()), ("loss", lost.to_string()), ("latency", "20".to_owned())];
        [("antenna_id", (*antenna).to_owned()), ("timestamp", timestamp.clone())].into_iter().chain(numbers).collect()
    });
    fill(server.port(), stream, entries);
}

/// What a row says of an antenna beyond what it measured.
fn about(row: &Value) -> Value {
    let fields = ["name", "site", "labels", "latitude", "longitude", "parent"];
    fields.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone()))).collect()
}

#[test]
fn what_an_antenna_is_stands_beside_what_it_measured() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("elsewhere", 1), ("north-1", 1), ("north-gw", 1), ("south-1", 1)]);
    let north = json!({"site": "north", "parent": "north-gw", "labels": {"ring": "1", "vendor": "acme"}});
    let uplink = json!({
        "name": "Torre Norte", "site": "north", "labels": {"ring": "1", "vendor": "acme"},
        "latitude": 40.25, "longitude": -3.5,
    });
    let south = json!({
        "name": "=cmd|' /C calc'!A0", "site": "-south;=1+1",
        "labels": {"ring": "2", "vendor": "\"},{\"ring\":\"1\""},
    });
    let expected = [("elsewhere", json!({})), ("north-1", north), ("north-gw", uplink), ("south-1", south)];
    for list in [path::ANTENNAS, path::WORST] {
        let rows: Vec<(String, Value)> = network.rows(list).into_iter().map(|(id, row)| (id, about(&row))).collect();
        assert_eq!(rows, expected.each_ref().map(|(id, about)| ((*id).to_owned(), about.clone())), "{list}");
        let (_, text) = network.analytics.ask(list, "text/csv").expect("an answer");
        let heads = text.lines().next().expect("heads");
        assert!(heads.ends_with(",interval_seconds,name,site,labels,latitude,longitude,parent"), "{heads}");
        let cells = |row: usize| {
            ["name", "site", "labels", "latitude", "parent"].map(|it| network.records(list)[row][it].clone())
        };
        assert_eq!(cells(0), [""; 5]);
        assert_eq!(cells(1), ["", "north", r#"{"ring":"1","vendor":"acme"}"#, "", "north-gw"]);
        assert_eq!(cells(2)[3], "40.25");
        // Nothing in it is a formula.
        assert_eq!(cells(3)[..2], ["'=cmd|' /C calc'!A0", "'-south;'=1+1"]);
    }
    for (id, expected) in expected {
        assert_eq!(about(&network.get(&format!("{}/{id}", path::ANTENNAS))), expected);
    }
}

#[test]
fn a_row_tells_the_thresholds_that_are_the_antennas_own() {
    let mut network = Registered::start(
        "[[antenna]]\nid = \"both\"\ndegraded_success_rate = 0.8\ndegraded_latency = \"400ms\"\n\
         [[antenna]]\nid = \"one\"\ndegraded_latency = \"1s\"\n[[antenna]]\nid = \"none\"\nname = \"None\"\n",
    );
    network.measure(&[("both", 1), ("one", 1), ("none", 1), ("unknown", 1)]);
    let own = |row: &Value| ["degraded_success_rate", "degraded_latency_ms"].map(|field| row.get(field).cloned());
    let expected = [
        ("both", [Some(json!(0.8)), Some(json!(400.0))]),
        ("none", [None, None]),
        ("one", [None, Some(json!(1000.0))]),
        ("unknown", [None, None]),
    ];
    let listed: Vec<_> = network.rows(path::ANTENNAS).into_iter().map(|(id, row)| (id, own(&row))).collect();
    assert_eq!(listed, expected.clone().map(|(id, own)| (id.to_owned(), own)));
    for (id, expected) in expected {
        assert_eq!(own(&network.get(&format!("{}/{id}", path::ANTENNAS))), expected, "{id}");
    }
}

/// A window that has ended, of which the same is answered until the file says something else.
#[test]
fn an_answer_changes_when_the_file_does() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("north-gw", 1), ("south-1", 1)]);
    let window = format!("window=5m&end={}", UnixMillis::now().0 / 1000 + 60);
    let routes = [
        format!("{}?{window}", path::ANTENNAS),
        format!("{}?{window}&format=csv", path::ANTENNAS),
        format!("{}/north-gw?{window}", path::ANTENNAS),
        format!("{}?{window}", path::WORST),
    ];
    let ask = |route: &str, held: &str| {
        http::get(network.analytics.address(), route, &[("If-None-Match", held)]).expect("an answer")
    };
    let etag = |route: &str| {
        let head = ask(route, "\"another\"").head;
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(name, _)| name.eq_ignore_ascii_case("etag"))
            .map(|(_, value)| value.to_owned())
            .next()
            .expect("an ETag")
    };
    let held: Vec<String> = routes.iter().map(|route| etag(route)).collect();
    for (route, held) in routes.iter().zip(&held) {
        assert_eq!(ask(route, held).status, 304, "{route}");
    }
    let other = network.folder.path().join("other.toml");
    std::fs::write(&other, NETWORK.replace("Torre Norte", "Torre del Norte")).expect("a file");
    std::fs::rename(other, network.file()).expect("the file is replaced");
    for (route, held) in routes.iter().zip(&held) {
        until("what the file says now is answered", DEADLINE, || {
            let answer = ask(route, held);
            if answer.status == 200 && answer.body.contains("Torre del Norte") { Ok(()) } else { Err(answer.body) }
        });
    }
}

#[test]
fn antennas_are_found_by_name_site_and_label() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("elsewhere", 1), ("north-1", 1), ("north-2", 0), ("north-gw", 1), ("south-1", 1)]);
    let found = |query: &str| network.ids(&format!("{}?{query}", path::ANTENNAS));
    assert_eq!(found("q=torre"), ["north-gw"]);
    assert_eq!(found("q=NORTH"), ["north-1", "north-2", "north-gw"]);
    assert_eq!(found("q=ORT&order=desc"), ["north-gw", "north-2", "north-1"]);
    assert_eq!(found("site=north"), ["north-1", "north-2", "north-gw"]);
    assert_eq!(found("site=North"), [""; 0]);
    assert_eq!(found("site=").len(), 5, "an empty field of a form");
    assert_eq!(found("site=-south%3B%3D1%2B1"), ["south-1"]);
    assert_eq!(found("label=ring:1"), ["north-1", "north-2", "north-gw"], "not what a value only looks like");
    assert_eq!(found("label=vendor:%22%7D,%7B%22ring%22:%221%22"), ["south-1"]);
    assert_eq!(found("label=ring:1&label=vendor:acme&q=2"), ["north-2"]);
    assert_eq!(found("label=ring:1&label=ring:2"), [""; 0]);
    assert_eq!(found("label=ring:1&site=north&sort=packets_lost&order=desc&limit=1"), ["north-1"]);
    // The same in what else is about some antennas.
    let map = network.get(&format!("{}?site=north&label=ring:1", path::HEATMAP));
    assert_eq!((&map["total"], &map["rows"][2]["antenna_id"]), (&json!(3), &json!("north-2")));
    let cells = network.get(&format!("{}?q=torre", path::CELLS));
    assert_eq!(cells["cells"][0]["antenna_id"], "north-gw");
    assert_eq!(cells["cells"].as_array().map(Vec::len), Some(1));
    for query in ["label=ring", "label=2:ring", "label=", "site=a&site=b"] {
        let (status, body) = network.analytics.ask(&format!("{}?{query}", path::ANTENNAS), "*/*").expect("an answer");
        let name = &query[..query.find('=').expect("a name")];
        assert!(status == 400 && body.contains(&format!("the parameter {name}")), "{query}: {status} {body}");
    }
}

/// What is listed of antennas that have not been seen: what was counted of them is nothing, and nothing else is known.
fn nothing_of(id: &str) -> Value {
    json!({
        "antenna_id": id, "status": "unseen", "readings": 0, "packets_sent": 0, "packets_delivered": 0, "packets_lost": 0,
        "success_rate": null, "latency_ms": {"mean": null, "min": null, "max": null, "p50": null, "p95": null, "p99": null},
        "last_seen": null, "availability": null, "changes": 0, "flapping": false, "interval_seconds": null,
    })
}

/// A row without what the registry says.
fn counted(row: &Value) -> Value {
    let mut row = row.clone();
    let fields = row.as_object_mut().expect("a row");
    ["name", "site", "labels", "latitude", "longitude", "parent"].iter().for_each(|name| _ = fields.remove(*name));
    row
}

/// The worst, and what went wrong, in every format.
#[test]
fn the_worst_and_incidents_are_those_of_a_site_and_of_labels() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("elsewhere", 9), ("north-1", 2), ("north-2", 3), ("south-1", 5)]);
    let worst = |query: &str| network.ids(&format!("{}?{query}", path::WORST));
    assert_eq!(worst(""), ["elsewhere", "south-1", "north-2", "north-1"]);
    assert_eq!(worst("site="), worst(""), "an empty field of a form");
    assert_eq!(worst("site=north"), ["north-2", "north-1"]);
    assert_eq!(worst("site=north&by=latency&limit=1"), ["north-1"]);
    assert_eq!(worst("label=ring:2&step=1m"), ["south-1"]);
    assert_eq!(worst("label=ring:2&site=north"), [""; 0]);
    let records = network.records(&format!("{}?site=north", path::WORST));
    assert_eq!(records.iter().map(|row| &*row["antenna_id"]).collect::<Vec<_>>(), ["north-2", "north-1"]);
    // What nobody closes is judged once the next interval begins.
    let later = (UnixMillis::now().0 / 1000 + 31).to_string();
    let next = ["elsewhere", "north-1", "north-2", "south-1"].map(|id| {
        let fields = [("antenna_id", id), ("timestamp", &*later), ("packets", "10"), ("loss", "9"), ("latency", "20")];
        fields.map(|(name, value)| (name, value.to_owned())).to_vec()
    });
    fill(network.server.port(), "antenna_stream", next.into_iter());
    network.published += 4;
    network.analytics.settle(network.published);
    let incidents = |query: &str| {
        let page = network.get(&format!("{}?{query}", path::INCIDENTS));
        let rows = page["incidents"].as_array().expect("rows").iter();
        let mut ids: Vec<String> = rows.map(|row| row["antenna_id"].as_str().expect("an id").to_owned()).collect();
        ids.sort_unstable();
        assert_eq!((&page["total"], &page["open"]), (&json!(ids.len()), &json!(ids.len())));
        ids
    };
    assert_eq!(incidents(""), ["elsewhere", "north-1", "north-2", "south-1"]);
    assert_eq!(incidents("site=north"), ["north-1", "north-2"]);
    assert_eq!(incidents("site=north&q=2&window=5m"), ["north-2"]);
    assert_eq!(incidents("label=vendor:acme&state=open"), ["north-1", "north-2"]);
    assert_eq!(incidents("label=vendor:acme&state=ended"), [""; 0]);
    assert_eq!(network.records(&format!("{}?label=ring:2", path::INCIDENTS))[0]["antenna_id"], "south-1");
    for list in [path::WORST, path::INCIDENTS] {
        let (status, body) = network.analytics.ask(&format!("{list}?label=ring"), "*/*").expect("an answer");
        assert!(status == 400 && body.contains("the parameter label"), "{list}: {status} {body}");
    }
}

#[test]
fn an_antenna_that_never_reported_is_unseen_and_never_down() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("elsewhere", 10), ("north-1", 0), ("south-1", 0)]);
    let list = format!("{}?sort=status", path::ANTENNAS);
    let rows = network.rows(&list);
    let statuses: Vec<_> =
        rows.iter().map(|(id, row)| (id.as_str(), row["status"].as_str().expect("a status"))).collect();
    assert_eq!(
        statuses,
        [("elsewhere", "down"), ("north-1", "healthy"), ("south-1", "healthy"), ("north-gw", "unseen")]
    );
    let (_, unseen) = &rows[3];
    assert_eq!((counted(unseen), &unseen["name"]), (nothing_of("north-gw"), &json!("Torre Norte")));
    assert_eq!(network.get(&format!("{}/north-gw", path::ANTENNAS)), *unseen);
    assert_eq!(network.ids(&format!("{list}&order=desc&limit=1")), ["north-gw"]);
    assert_eq!(network.ids(&format!("{list}&status=unseen")), ["north-gw"]);
    assert_eq!(network.ids(&format!("{list}&status=down,silent")), ["elsewhere"]);
    assert_eq!(network.ids(&format!("{}?q=torre&sort=last_seen", path::ANTENNAS)), ["north-gw"]);
    assert_eq!(network.ids(&format!("{list}&flapping=true")), [""; 0]);
    let history = &network.rows(&format!("{}?step=1m&sort=p95&order=desc", path::ANTENNAS))[3];
    assert_eq!(history.0, "north-gw", "what is not known comes last");
    let readings = history.1["history"]["readings"].as_array().expect("steps");
    assert!(!readings.is_empty() && readings.iter().all(|readings| *readings == 0), "{history:?}");
    let record = network.records(&format!("{list}&status=unseen")).remove(0);
    let cells =
        ["status", "readings", "success_rate", "last_seen", "availability", "name"].map(|name| record[name].as_str());
    assert_eq!(cells, ["unseen", "0", "", "", "", "Torre Norte"]);
    let series = network.get(&format!("{}?antenna=north-gw&window=1m&step=10s", path::SERIES));
    assert!(
        series["points"]
            .as_array()
            .expect("points")
            .iter()
            .all(|it| it["readings"] == 0 && it["success_rate"].is_null())
    );
    // Nowhere else is it told, and a glob does not make an antenna.
    let counts = network.get(path::SUMMARY)["antennas"].clone();
    assert_eq!(counts["unseen"], 1, "{counts}");
    let known = ["healthy", "degraded", "down", "silent"].map(|status| counts[status].as_u64().expect("a count"));
    assert_eq!((known.iter().sum::<u64>(), counts["down"].clone()), (3, json!(1)));
    assert_eq!(network.get(path::HEATMAP)["total"], 3);
    assert_eq!(network.ids(path::WORST), ["elsewhere"]);
    let (status, _) = network.analytics.ask(&format!("{}/north-99", path::ANTENNAS), "*/*").expect("an answer");
    assert_eq!(status, 404);
    // Once it reports, it is one of them.
    network.measure(&[("north-gw", 0)]);
    assert_eq!(network.get(&format!("{}/north-gw", path::ANTENNAS))["status"], "healthy");
    assert_eq!(network.get(path::SUMMARY)["antennas"]["unseen"], 0);
}

/// Whoever owns the partition in which an antenna reports, no process takes it for unseen.
#[test]
fn replicas_that_share_the_partitions_agree_on_who_is_unseen() {
    let (server, folder) = (RedisServer::start(&[]), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("antennas.csv");
    let ids: Vec<String> = (0..40).map(|number| format!("antenna-{number}")).collect();
    let rows = ids.iter().map(|id| format!("{id},north\n"));
    std::fs::write(&file, std::iter::once("id,site\n".to_owned()).chain(rows).collect::<String>()).expect("a file");
    let settings = [("STREAM_PARTITIONS", "4"), ("ANTENNAS_FILE", file.to_str().expect("a path"))];
    let mut processes = [(); 2].map(|()| Analytics::start(&server.url(), &settings));
    let (seen, unseen) = ids.split_at(25);
    for id in seen {
        let keys = StreamKeys::of_partition("antenna_stream", partition_of(id, 4));
        measure(&server, &keys.stream, &[(id.as_str(), 0)]);
    }
    for process in &mut processes {
        process.settle(25);
        let list = format!("{}?status=unseen&limit=100", path::ANTENNAS);
        let page = process.wait(&list, |page| page["total"] == 15 && page["partitions_missing"].is_null());
        let mut expected: Vec<&str> = unseen.iter().map(String::as_str).collect();
        expected.sort_unstable();
        let found =
            page["antennas"].as_array().expect("rows").iter().map(|row| row["antenna_id"].as_str().expect("an id"));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let counts = process.get(path::SUMMARY).expect("a summary")["antennas"].clone();
        assert_eq!((&counts["active"], &counts["unseen"]), (&json!(25), &json!(15)), "{counts}");
    }
}

#[test]
fn the_antennas_of_a_site_are_told_together_and_the_worst_site_first() {
    let mut network = Registered::start(&format!(
        "{NETWORK}\n[[antenna]]\nid = \"west-*\"\nsite = \"west\"\n[[antenna]]\nid = \"empty-1\"\nsite = \"empty\"\n[[antenna]]\nid = \"nobody-*\"\nsite = \"nowhere\"\n"
    ));
    // Before the first reading, nobody has been seen.
    let nobody = network.analytics.wait(path::SITES, |page| page["total"] == 3);
    assert_eq!(nobody["sites"][0]["status"], "unseen", "{nobody}");
    network.measure(&[
        ("elsewhere", 10),
        ("north-1", 0),
        ("north-2", 5),
        ("south-1", 0),
        ("west-1", 10),
        ("west-2", 0),
    ]);
    let sites = |query: &str| {
        let page = network.get(&format!("{}?{query}", path::SITES));
        let names =
            page["sites"].as_array().expect("rows").iter().map(|row| row["site"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>()
    };
    let south = "-south;=1+1";
    assert_eq!(sites(""), ["west", "north", south, "empty"]);
    assert_eq!(sites("order=desc"), [south, "empty", "north", "west"]);
    assert_eq!(sites("sort=site"), [south, "empty", "north", "west"]);
    assert_eq!(sites("sort=site&order=desc&limit=2&offset=1"), ["north", "empty"]);
    assert_eq!(sites("sort=success_rate"), ["west", "north", south, "empty"], "what is not known comes last");
    assert_eq!(sites("sort=packets_lost&order=desc&limit=1"), ["west"]);
    let page = network.get(path::SITES);
    assert_eq!(page["total"], 4);
    let north = &page["sites"][1];
    let counts = json!({
        "active": 2, "healthy": 1, "degraded": 1, "down": 0, "silent": 0, "unseen": 1, "flapping": 0, "unavailable": 0,
        "unsettled": 0,
    });
    assert_eq!((&north["antennas"], &north["status"]), (&counts, &json!("degraded")));
    let figures = ["readings", "packets_sent", "packets_delivered", "packets_lost", "success_rate", "latency_mean_ms"];
    assert_eq!(
        figures.map(|name| north[name].clone()),
        [json!(2), json!(20), json!(15), json!(5), json!(0.75), json!(20.0)]
    );
    let empty = &page["sites"][3];
    assert_eq!(
        figures.map(|name| empty[name].clone()),
        [json!(0), json!(0), json!(0), json!(0), Value::Null, Value::Null]
    );
    // Each site is what a list of its antennas adds up to.
    for row in page["sites"].as_array().expect("rows") {
        let name = row["site"].as_str().expect("a name").replace(';', "%3B").replace('=', "%3D").replace('+', "%2B");
        let antennas = network.rows(&format!("{}?site={name}", path::ANTENNAS));
        let lost: u64 = antennas.iter().map(|(_, antenna)| antenna["packets_lost"].as_u64().expect("a count")).sum();
        let down = antennas.iter().filter(|(_, antenna)| antenna["status"] == "down").count();
        assert_eq!((&row["packets_lost"], &row["antennas"]["down"]), (&json!(lost), &json!(down)), "{row}");
    }
    let records = network.records(path::SITES);
    let cells = ["site", "status", "antennas_down", "antennas_flapping", "success_rate", "latency_mean_ms"];
    assert_eq!(cells.map(|name| records[2][name].as_str()), ["'-south;'=1+1", "healthy", "0", "0", "1", "20"]);
    assert_eq!(records.len(), 4);
    // Figures are of the antennas that are asked for.
    assert_eq!(sites("site=north"), ["north"]);
    assert_eq!(sites("q=-2"), ["north", "west"]);
    assert_eq!(sites("label=ring:2"), [south]);
    assert_eq!(sites("site=nowhere"), [""; 0]);
    let down = network.get(&format!("{}?status=down", path::SITES));
    let down = (&down["total"], &down["sites"][0]["packets_lost"], &down["sites"][0]["antennas"]["healthy"]);
    assert_eq!(down, (&json!(1), &json!(10), &json!(0)));
    for query in ["sort=beauty", "limit=0", "status=odd", "label=ring"] {
        let (status, body) = network.analytics.ask(&format!("{}?{query}", path::SITES), "*/*").expect("an answer");
        let name = &query[..query.find('=').expect("a name")];
        assert!(status == 400 && body.contains(&format!("the parameter {name}")), "{query}: {status} {body}");
    }
}

#[test]
fn antennas_and_the_heat_map_are_grouped_by_site() {
    let mut network = Registered::start(NETWORK);
    network.measure(&[("elsewhere", 10), ("north-1", 1), ("north-2", 3), ("north-gw", 0), ("south-1", 2)]);
    let south = "-south;=1+1";
    let grouped = |query: &str| network.ids(&format!("{}?group=site&{query}", path::ANTENNAS));
    assert_eq!(grouped(""), ["south-1", "north-1", "north-2", "north-gw", "elsewhere"], "those at no site come last");
    assert_eq!(grouped("sort=packets_lost&order=desc"), ["south-1", "north-2", "north-1", "north-gw", "elsewhere"]);
    assert_eq!(grouped("limit=2&offset=2"), ["north-2", "north-gw"]);
    let rows = |query: &str| {
        let map = network.get(&format!("{}?group=site&{query}", path::HEATMAP));
        let rows = map["rows"].as_array().expect("rows").iter().map(|row| {
            assert_eq!(row["antenna_id"], Value::Null, "{row}");
            let count = |name: &str| row["antennas"][name].as_u64().expect("a count");
            let lost = row["history"]["packets_lost"].as_array().expect("steps").iter().filter_map(Value::as_u64);
            let antennas = ["healthy", "degraded", "down", "silent"].map(count).iter().sum::<u64>();
            (row["site"].as_str().map(str::to_owned), row["status"].clone(), antennas, lost.sum::<u64>())
        });
        (map["total"].clone(), rows.collect::<Vec<_>>())
    };
    let north = (Some("north".to_owned()), json!("degraded"), 3, 4);
    let others = (None, json!("down"), 1, 10);
    let of_south = (Some(south.to_owned()), json!("degraded"), 1, 2);
    assert_eq!(rows(""), (json!(5), vec![north.clone(), of_south, others]), "the worst site first, and no site last");
    assert_eq!(
        rows("rows=2"),
        (json!(5), vec![north.clone(), (None, json!("down"), 2, 12)]),
        "the last row has the rest"
    );
    assert_eq!(rows("rows=1"), (json!(5), vec![(None, json!("down"), 5, 16)]));
    assert_eq!(rows("site=north&rows=1"), (json!(3), vec![north]));
    let records = network.records(&format!("{}?group=site", path::HEATMAP));
    let cells = ["row", "antenna_id", "antennas", "site"].map(|name| records[1][name].as_str());
    assert_eq!(cells, ["1", "", "1", "'-south;'=1+1"]);
    for list in [path::ANTENNAS, path::HEATMAP] {
        let (status, body) = network.analytics.ask(&format!("{list}?group=label"), "*/*").expect("an answer");
        assert!(status == 400 && body.contains("the parameter group"), "{list}: {status} {body}");
    }
}

/// Where antennas stand: some on both sides of the antimeridian, one without a position.
const AROUND: &str = r#"
[[antenna]]
id = "fiji"
name = "Suva"
site = "islands"
latitude = -18.125
longitude = 178.5

[[antenna]]
id = "tonga"
site = "islands"
latitude = -21.25
longitude = -175.25

[[antenna]]
id = "samoa"
latitude = -13.75
longitude = -172.0

[[antenna]]
id = "lost"
site = "islands"
"#;

#[test]
fn the_map_is_as_narrow_as_can_be_and_has_what_is_within_its_box() {
    let mut network = Registered::start(AROUND);
    // Whoever has not been seen stands somewhere all the same.
    let nobody = network.analytics.wait(path::MAP, |map| map["placed"] == 3);
    assert_eq!((&nobody["total"], &nobody["marks"][0]["status"]), (&json!(4), &json!("unseen")), "{nobody}");
    network.measure(&[("elsewhere", 1), ("fiji", 0), ("tonga", 10), ("lost", 0)]);
    let map = network.get(path::MAP);
    let told = ["total", "placed", "shown", "is_clustered"].map(|name| map[name].clone());
    assert_eq!(told, [json!(5), json!(3), json!(3), json!(false)]);
    assert_eq!(map["bounds"], json!({"west": 178.5, "south": -21.25, "east": -172.0, "north": -13.75}));
    let ids = |query: &str| {
        let map = network.get(&format!("{}?{query}", path::MAP));
        let marks = map["marks"].as_array().expect("marks").iter();
        marks.map(|mark| mark["antenna_id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(""), ["tonga", "fiji", "samoa"], "worst first, unseen last");
    let fiji = &map["marks"][1];
    let at = ["name", "site", "status", "latitude", "longitude"].map(|name| fiji[name].clone());
    assert_eq!(at, [json!("Suva"), json!("islands"), json!("healthy"), json!(-18.125), json!(178.5)]);
    assert_eq!(fiji["bounds"], json!({"west": 178.5, "south": -18.125, "east": 178.5, "north": -18.125}));
    assert_eq!((&fiji["antennas"]["healthy"], &fiji["antennas"]["down"]), (&json!(1), &json!(0)));
    for (query, expected) in [
        ("box=178,-22,-175,-18", &["tonga", "fiji"][..]),
        ("box=-176,-22,-170,0", &["tonga", "samoa"][..]),
        ("box=-175.25,-21.25,-172,-13.75", &["tonga", "samoa"][..]),
        ("box=-180,-90,180,90", &["tonga", "fiji", "samoa"][..]),
        ("box=0,0,10,10", &[][..]),
        ("site=islands", &["tonga", "fiji"][..]),
        ("status=unseen", &["samoa"][..]),
        ("q=suva", &["fiji"][..]),
        ("q=lost", &[][..]),
    ] {
        assert_eq!(ids(query), expected, "{query}");
    }
    let lost = network.get(&format!("{}?q=lost", path::MAP));
    let told = ["total", "placed", "bounds"].map(|name| lost[name].clone());
    assert_eq!(told, [json!(1), json!(0), Value::Null]);
    let records = network.records(&format!("{}?box=178,-22,-175,-18", path::MAP));
    let cells = ["antenna_id", "name", "status", "longitude", "bounds_west", "antennas_down"];
    assert_eq!(cells.map(|name| records[0][name].as_str()), ["tonga", "", "down", "-175.25", "-175.25", "1"]);
    assert_eq!(records.len(), 2);
    for query in ["box=", "box=1,2,3", "box=0,2,1,1", "box=1,0,1,1", "box=0,0,200,1", "status=odd"] {
        let (status, body) = network.analytics.ask(&format!("{}?{query}", path::MAP), "*/*").expect("an answer");
        let name = &query[..query.find('=').expect("a name")];
        assert!(status == 400 && body.contains(&format!("the parameter {name}")), "{query}: {status} {body}");
    }
}

#[test]
fn more_antennas_than_a_map_has_room_for_are_clusters_that_add_up() {
    let mut entries = String::from("id,latitude,longitude\n");
    for number in 0..900 {
        let (row, column) = (number / 30, number % 30);
        entries += &format!("a-{number:03},{},{}\n", 40.0 + f64::from(row) / 8.0, -5.0 + f64::from(column) / 4.0);
    }
    let (server, folder) = (RedisServer::start(&[]), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("antennas.csv");
    std::fs::write(&file, entries).expect("a file");
    let mut analytics = Analytics::start(&server.url(), &[("ANTENNAS_FILE", file.to_str().expect("a path"))]);
    let seen: Vec<String> = (0..900).step_by(2).map(|number| format!("a-{number:03}")).collect();
    let measured: Vec<(&str, u32)> =
        seen.iter().enumerate().map(|(at, id)| (id.as_str(), if at == 100 { 10 } else { 0 })).collect();
    measure(&server, "antenna_stream", &measured);
    analytics.settle(450);
    let map = analytics.get(path::MAP).expect("a map");
    assert_eq!((&map["is_clustered"], &map["shown"]), (&json!(true), &json!(900)));
    let marks = map["marks"].as_array().expect("marks");
    assert!(marks.len() <= shared::api::MAX_MARKS, "{}", marks.len());
    let sum =
        |status: &str| -> u64 { marks.iter().map(|mark| mark["antennas"][status].as_u64().expect("a count")).sum() };
    assert_eq!(["active", "healthy", "down", "unseen"].map(sum), [450, 449, 1, 450]);
    // A cluster with one that is down is down, and it is the first.
    assert_eq!((&marks[0]["status"], &marks[0]["antennas"]["down"]), (&json!("down"), &json!(1)));
    let degrees = |value: &Value| value.as_f64().expect("degrees");
    for mark in marks {
        let bounds = ["west", "south", "east", "north"].map(|edge| degrees(&mark["bounds"][edge]));
        let (latitude, longitude) = (degrees(&mark["latitude"]), degrees(&mark["longitude"]));
        assert!(bounds[0] <= longitude && longitude <= bounds[2], "{mark}");
        assert!(bounds[1] <= latitude && latitude <= bounds[3], "{mark}");
        let members = ["healthy", "down", "unseen"].map(|status| mark["antennas"][status].as_u64().expect("a count"));
        assert_eq!(mark["antenna_id"].is_null(), members.iter().sum::<u64>() > 1, "{mark}");
    }
    // Closer, each stands alone.
    let closer = analytics.get(&format!("{}?box=-5,40,-3,41", path::MAP)).expect("a map");
    assert_eq!((&closer["is_clustered"], closer["marks"].as_array().map(Vec::len)), (&json!(false), Some(81)));
    assert!(closer["marks"].as_array().expect("marks").iter().all(|mark| mark["antenna_id"].is_string()));
}
