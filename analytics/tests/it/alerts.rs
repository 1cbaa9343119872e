//! Alerts of the program: what a receiver gets is what the incidents say, through kills, refusals and hostile names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use analytics::alerts::dispatch::Dispatcher;
use analytics::alerts::file::KeptAlerting;
use analytics::alerts::orders::Orders;
use analytics::alerts::send::{Sender, signature};
use analytics::alerts::told::AlertsTold;
use analytics::ingest::log::MemoryLog;
use analytics::published::Partitions;
use analytics::registry::KeptRegistry;
use analytics::settings::{PipelineSettings, Thresholds};
use serde_json::Value;
use shared::UnixMillis;
use shared::settings::Secret;
use shared::testing::{DEADLINE, Ended, Program, RedisServer, Signal, built, until, until_async};
use shared::time::Clock;
use tokio_util::sync::CancellationToken;

use crate::receivers::{Alertmanager, Got, LISTING, Receiver, listed, mail_server};
use crate::support::{Analytics, Embedded, NOW, fill, publish, reading};

/// Readings of antennas, one of each, all of whose packets are lost or none, measured so many seconds ago.
fn measure(server: &RedisServer, antennas: &[String], ago_s: i64, is_down: bool) {
    let timestamp = UnixMillis::now().0 / 1000 - ago_s;
    let entries = antennas.iter().map(|antenna| {
        vec![
            ("antenna_id", antenna.clone()),
            ("timestamp", timestamp.to_string()),
            ("packets", "10".to_owned()),
            ("loss", if is_down { "10" } else { "0" }.to_owned()),
            ("latency", String::new()),
        ]
    });
    fill(server.port(), "antenna_stream", entries);
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// What a receiver has to have been told of: each incident with how it stands, by the program's own list.
fn expected(incidents: &Value) -> BTreeSet<(String, String, bool)> {
    let incidents = incidents["incidents"].as_array().expect("incidents");
    let of = |it: &Value| {
        let text = |name: &str| it[name].as_str().expect("a text").to_owned();
        (text("antenna_id"), text("start"), it["end"].is_null())
    };
    incidents.iter().map(of).collect()
}

/// How each incident stood when the receiver was told last. Panics where it was told something twice under several keys, or that an
/// incident lasts behind that it ended.
fn told(alerts: &[(String, Value)]) -> BTreeSet<(String, String, bool)> {
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    let mut last: BTreeMap<(String, String), bool> = BTreeMap::new();
    for (key, alert) in alerts {
        let text = |name: &str| alert[name].as_str().expect("a text");
        let is_new = keys.insert(text("key"), key).inspect(|before| assert_eq!(before, key, "{alert}")).is_none();
        let is_open = alert["end"].is_null();
        let before = last.entry((text("antenna_id").to_owned(), text("start").to_owned())).or_insert(is_open);
        assert!(!is_new || *before || !is_open, "it lasts behind its end: {alert}");
        *before &= is_open;
    }
    last.into_iter().map(|((antenna, start), is_open)| (antenna, start, is_open)).collect()
}

const DOWN: &str = "/api/v1/incidents?kind=down&limit=10000";

/// One receiver of each kind, and what each was told.
struct Everybody {
    hook: Receiver,
    chats: Receiver,
    mails: Arc<Mutex<Vec<String>>>,
    alertmanager: Alertmanager,
}

impl Everybody {
    /// They, and the file that routes all that is down to each of them.
    fn start() -> (Self, String) {
        let (hook, chats, alertmanager) = (Receiver::start(), Receiver::start(), Alertmanager::start());
        let (mail_address, mails) = mail_server();
        let text = format!(
            r#"
            [[receiver]]
            name = "hook"
            type = "webhook"
            url = "http://{hook}/in?secret=hunter2"
            key = "hunter3"
            [[receiver]]
            name = "slack"
            type = "slack"
            url = "http://{chats}/slack"
            template = """{LISTING}"""
            [[receiver]]
            name = "teams"
            type = "teams"
            url = "http://{chats}/teams"
            template = """{LISTING}"""
            [[receiver]]
            name = "mail"
            type = "email"
            server = "{mail_address}"
            encryption = "none"
            from = "vigia@example.org"
            to = ["night@example.org"]
            template = """{LISTING}"""
            [[receiver]]
            name = "alertmanager"
            type = "alertmanager"
            url = "http://{alertmanager}"
            resend = "1s"
            [[route]]
            receivers = ["hook", "slack", "teams", "mail", "alertmanager"]
            kinds = ["down"]
            group_wait = "1s"
            group_interval = "1s"
            digest = 1000
            damping = false
            "#,
            hook = hook.address,
            chats = chats.address,
            alertmanager = alertmanager.address(),
        );
        (Self { hook, chats, mails, alertmanager }, text)
    }

    /// What those were told that take messages, in order: each alert with the key of its message.
    fn messages(&self) -> [(&'static str, Vec<(String, Value)>); 4] {
        let (mut slack, mut teams) = (Vec::new(), Vec::new());
        for got in self.chats.got() {
            let message = got.json();
            if got.path == "/slack" {
                slack.extend(listed(message["text"].as_str().expect("a text").lines()));
            } else {
                let blocks = message["attachments"][0]["content"]["body"].as_array().expect("blocks");
                teams.extend(listed(blocks.iter().filter_map(|block| block["inlines"][0]["text"].as_str())));
            }
        }
        let mails = self.mails.lock().expect("no panic");
        // Lines that are long are sent in pieces (quoted-printable).
        let whole = mails.iter().map(|mail| mail.replace("=\n", "").replace("=3D", "="));
        let mail = whole.flat_map(|mail| listed(mail.lines())).collect();
        [("hook", self.hook.alerts()), ("slack", slack), ("teams", teams), ("mail", mail)]
    }

    fn set_away(&self, is_away: bool) {
        self.hook.is_away.store(is_away, Ordering::Relaxed);
        self.chats.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Waits until everybody was told what there is.
    fn wait_for(&mut self, expected: &BTreeSet<(String, String, bool)>) {
        until("what was told is what there is", Duration::from_secs(120), || {
            for (receiver, alerts) in self.messages() {
                let told = told(&alerts);
                let (missing, more) = (expected.difference(&told).count(), told.difference(expected).count());
                if (missing, more) != (0, 0) {
                    return Err(format!("{receiver}: of {}, {missing} are missing; {more} more", expected.len()));
                }
            }
            Ok(())
        });
        let open = expected.iter().filter(|(.., is_open)| *is_open).map(|(antenna, ..)| antenna.clone()).collect();
        self.alertmanager.wait_for(&open);
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the time is a figure, and decides nothing")]
fn a_thousand_incidents_reach_every_receiver_grouped_and_through_ten_kills() {
    let server = RedisServer::start(&[]);
    let (mut everybody, text) = Everybody::start();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    std::fs::write(&file, text).expect("a file");
    let settings = [("ALERTS_FILE", file.to_str().expect("a path"))];
    let mut analytics = Analytics::start(&server.url(), &settings);
    let antennas: Vec<String> = (0..1_000).map(|number| format!("antenna-{number:04}")).collect();
    for ago_s in [600, 570] {
        measure(&server, &antennas, ago_s, true);
    }
    let incidents = analytics.wait(DOWN, |incidents| incidents["open"] == 1_000);
    let judged = Instant::now();
    everybody.wait_for(&expected(&incidents));
    println!("1,000 incidents reached every receiver in {:?}", judged.elapsed());
    for (receiver, alerts) in everybody.messages() {
        let messages: BTreeSet<&String> = alerts.iter().map(|(key, _)| key).collect();
        assert!(messages.len() <= 2, "{receiver} got {} messages", messages.len());
    }
    let first = &everybody.hook.got()[0];
    let (timestamp, key) = (&first.headers["x-vigia-timestamp"], Secret::from("hunter3"));
    assert_eq!(first.headers["x-vigia-signature"], signature(&key, timestamp, &first.body));
    assert_eq!((first.path.as_str(), first.json()["version"].as_u64()), ("/in?secret=hunter2", Some(1)));

    // From here on it is killed again and again, while antennas recover and go down, and receivers come and go.
    for (round, number) in (0..10_i64).zip((0..1_000).step_by(100)) {
        everybody.set_away(round % 3 == 1);
        if round == 5 {
            everybody.alertmanager.restart();
        }
        let some = &antennas[number..number + 100];
        for ago_s in [500, 460, 420] {
            measure(&server, some, ago_s, false);
        }
        if round % 2 == 0 {
            for ago_s in [380, 340] {
                measure(&server, some, ago_s, true);
            }
        }
        // What is committed is answered by any process, so that it answers does not say that it is the one that tells.
        let own = format!("/{}/", analytics.id());
        analytics.wait("/api/v1/pipeline", |pipeline| {
            pipeline["partitions"][0]["owner"].as_str().is_some_and(|owner| owner.contains(&own))
        });
        // At another moment each time: before it has read, while it decides, sends, or has committed.
        thread::sleep(Duration::from_millis(u64::try_from(round * 317 % 1_900).expect("a number")));
        // A program is killed when it is dropped.
        drop(analytics);
        analytics = Analytics::start(&server.url(), &settings);
    }
    everybody.set_away(false);
    let incidents = analytics.wait(DOWN, |incidents| incidents["total"] == 1_500 && incidents["open"] == 500);
    everybody.wait_for(&expected(&incidents));
    let page = analytics.wait("/api/v1/alerts", |page| {
        let receivers = page["receivers"].as_array().expect("receivers");
        receivers.iter().all(|it| it["type"] == "alertmanager" || it["waiting"] == 0)
    });
    assert_eq!((page["enabled"].as_bool(), page["dropped"].as_u64()), (Some(true), Some(0)), "{page}");
    let receivers = page["receivers"].as_array().expect("receivers");
    assert!(receivers.iter().all(|it| it["sent"].as_u64() >= Some(2)), "{page}");
    let said = format!("{page}{}", analytics.log());
    assert!(!said.contains("hunter"), "no secret is told: {said}");
    analytics.signal(Signal::Terminate);
}

/// What runs once with a file of alerts.
fn alert_test(file: &Path, receiver: &str) -> Ended {
    Program::run(built("analytics").args(["alert-test", receiver]).env("ALERTS_FILE", file))
}

#[test]
fn every_kind_of_receiver_is_told_and_a_hostile_name_does_nothing_there() {
    const HOSTILE: &str = "<!channel> [here](http://evil) *{{ 7 * 7 }}* \"&\" <b>";
    let server = RedisServer::start(&[]);
    let (chats, alertmanager) = (Receiver::start(), Receiver::start());
    let (mail_address, mails) = mail_server();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    let (chats_at, alertmanager_at) = (chats.address, alertmanager.address);
    let text = format!(
        r#"
        [[receiver]]
        name = "slack"
        type = "slack"
        url = "http://{chats_at}/slack"
        [[receiver]]
        name = "teams"
        type = "teams"
        url = "http://{chats_at}/teams"
        [[receiver]]
        name = "alertmanager"
        type = "alertmanager"
        url = "http://{alertmanager_at}"
        resend = "1s"
        [[receiver]]
        name = "mail"
        type = "email"
        server = "{mail_address}"
        encryption = "none"
        from = "Vigía <vigia@example.org>"
        to = ["night@example.org"]
        subject = "{{{{ title }}}} {{{{ alerts[0].antenna_id }}}}"
        [[route]]
        receivers = ["slack", "teams", "alertmanager", "mail"]
        kinds = ["down"]
        group_wait = "0s"
        "#
    );
    std::fs::write(&file, text).expect("a file");
    // What it is called is as hostile.
    let antennas = folder.path().join("antennas.toml");
    let entry = format!(
        "[[antenna]]\nid = \"*evil*\"\nname = '''N{HOSTILE}'''\nsite = '''S{HOSTILE}'''\nlabels = {{ vendor = '''L{HOSTILE}''' }}\n"
    );
    std::fs::write(&antennas, entry).expect("a file");
    let paths = [&file, &antennas].map(|path| path.to_str().expect("a path"));
    let settings = [("ALERTS_FILE", paths[0]), ("ANTENNAS_FILE", paths[1])];
    let mut analytics = Analytics::start(&server.url(), &settings);
    for ago_s in [600, 570] {
        measure(&server, &[HOSTILE.to_owned()], ago_s, true);
    }
    analytics.wait(DOWN, |incidents| incidents["open"] == 1);
    analytics.wait("/api/v1/alerts", |page| {
        page["receivers"].as_array().is_some_and(|all| all.iter().all(|it| it["sent"].as_u64() > Some(0)))
    });
    let got = |path: &str| chats.got().into_iter().find(|got| got.path == path).expect(path).json();
    let slack = got("/slack")["text"].as_str().expect("a text").to_owned();
    assert!(!slack.contains('<') && slack.contains("&lt;!channel&gt;") && slack.contains("{{ 7 * 7 }}"), "{slack}");
    assert!(slack.contains("N&lt;!channel&gt;") && slack.contains("S&lt;!channel&gt;"), "{slack}");
    let teams = got("/teams");
    let body = teams["attachments"][0]["content"]["body"].as_array().expect("blocks").clone();
    assert!(body.iter().all(|block| block["type"] == "RichTextBlock" && block["inlines"][0]["type"] == "TextRun"));
    assert!(body.iter().any(|block| block["inlines"][0]["text"].as_str().is_some_and(|it| it.contains(HOSTILE))));
    let mail = mails.lock().expect("no panic")[0].clone();
    let (head, body) = mail.split_once("\n\n").expect("a head and a body");
    assert!(head.contains("To: night@example.org") && head.contains("text/plain"), "{head}");
    assert!(body.contains("down") || head.contains("base64"), "{mail}");
    // It is sent again while it lasts, and once more when it does not.
    until("it is sent again", DEADLINE, || {
        let count = alertmanager.got().len();
        if count >= 3 { Ok(()) } else { Err(count.to_string()) }
    });
    for ago_s in [500, 460, 420] {
        measure(&server, &[HOSTILE.to_owned()], ago_s, false);
    }
    analytics.wait(DOWN, |incidents| incidents["open"] == 0);
    let is_over =
        |alert: &Value| alert["endsAt"].as_str() < Some(&*UnixMillis(UnixMillis::now().0 - 300_000).to_string());
    until("its end is sent", DEADLINE, || {
        let last = alertmanager.got().last().expect("a request").json();
        if is_over(&last[0]) { Ok(()) } else { Err(last.to_string()) }
    });
    let all: Vec<Value> = alertmanager.got().iter().map(Got::json).collect();
    assert!(alertmanager.got().iter().all(|got| got.path == "/api/v2/alerts"));
    let labels: BTreeSet<String> = all.iter().map(|alerts| alerts[0]["labels"].to_string()).collect();
    assert_eq!(labels.len(), 1, "what tells it apart does not change: {labels:?}");
    assert_eq!(all[0][0]["labels"]["antenna_id"], HOSTILE);
    assert_eq!(all[0][0]["labels"]["site"], format!("S{HOSTILE}"));
    assert_eq!(all[0][0]["labels"]["label_vendor"], format!("L{HOSTILE}"));

    for receiver in ["slack", "teams", "alertmanager", "mail"] {
        let before = chats.got().len() + alertmanager.got().len() + mails.lock().expect("no panic").len();
        let ended = alert_test(&file, receiver);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let after = chats.got().len() + alertmanager.got().len() + mails.lock().expect("no panic").len();
        assert!(after > before, "{receiver}");
    }
    chats.is_away.store(true, Ordering::Relaxed);
    let ended = alert_test(&file, "slack");
    assert!(ended.code == Some(1) && ended.log.contains("503"), "{ended:?}");
    let ended = alert_test(&file, "nobody");
    assert!(ended.code == Some(1) && ended.log.contains("alertmanager, mail, slack, teams"), "{ended:?}");
}

#[test]
fn an_uplink_with_five_hundred_antennas_behind_it_is_one_message_through_a_kill_and_another_registry() {
    let server = RedisServer::start(&[]);
    let (hook, mut alertmanager) = (Receiver::start(), Alertmanager::start());
    let folder = folder();
    let [alerts, antennas] = ["alerts.toml", "antennas.toml"].map(|name| folder.path().join(name));
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/\"\n\
         [[receiver]]\nname = \"alertmanager\"\ntype = \"alertmanager\"\nurl = \"http://{}\"\nresend = \"1s\"\n\
         [[route]]\nreceivers = [\"hook\", \"alertmanager\"]\nkinds = [\"down\"]\ngroup_wait = \"3s\"\ngroup_interval = \"0s\"\n",
        hook.address,
        alertmanager.address()
    );
    std::fs::write(&alerts, text).expect("a file");
    let registry = "[[antenna]]\nid = \"north-*\"\nsite = \"north\"\nparent = \"site:north\"\nlabels = { vendor = \"acme\" }\n\
                    [[antenna]]\nid = \"north-gw\"\nname = \"The mast\"\nuplink = true\n";
    std::fs::write(&antennas, registry).expect("a file");
    let paths = [&alerts, &antennas].map(|path| path.to_str().expect("a path"));
    let settings = [("ALERTS_FILE", paths[0]), ("ANTENNAS_FILE", paths[1])];
    let mut analytics = Analytics::start(&server.url(), &settings);
    // The uplink is read last.
    let mut all: Vec<String> = (0..500).map(|number| format!("north-{number:03}")).collect();
    all.push("north-gw".to_owned());
    for ago_s in [600, 570] {
        measure(&server, &all, ago_s, true);
    }
    analytics.wait(DOWN, |incidents| incidents["open"] == 501);
    analytics.wait("/api/v1/alerts", |page| page["held"]["unreachable"] == 500 && page["receivers"][1]["sent"] == 1);
    drop(analytics);
    let mut analytics = Analytics::start(&server.url(), &settings);
    let held = analytics.wait("/api/v1/alerts", |page| page["held"]["unreachable"] == 500);
    assert_eq!((held["open"].as_u64(), held["held"]["muted"].as_u64()), (Some(501), Some(0)), "{held}");
    // Each of their incidents names that of the uplink.
    let unreachable = |it: &Value| it["held"] == "unreachable";
    let listed = analytics.wait("/api/v1/incidents?kind=down&limit=1000", |page| {
        page["incidents"].as_array().is_some_and(|all| all.iter().filter(|it| unreachable(it)).count() == 500)
    });
    let (behind, in_front): (Vec<Value>, Vec<Value>) =
        listed["incidents"].as_array().expect("incidents").iter().cloned().partition(unreachable);
    assert_eq!((in_front.len(), &in_front[0]["caused_by"]), (1, &Value::Null), "{in_front:?}");
    let start = in_front[0]["start"].as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let uplink_incident = format!("trouble:{}:north-gw", start.expect("a time").timestamp_millis());
    assert!(behind.iter().all(|it| it["caused_by"] == *uplink_incident && it["acknowledged"].is_null()));
    let (status, csv) = analytics.ask("/api/v1/incidents?antenna=north-001&kind=down", "text/csv").expect("an answer");
    assert!(status == 200 && csv.trim_end().ends_with(&format!(",{uplink_incident},unreachable,")), "{csv}");
    // Whatever was to be told of them before would be told before this.
    for ago_s in [600, 570] {
        measure(&server, &["south-1".to_owned()], ago_s, true);
    }
    until("the other antenna is told", DEADLINE, || {
        let told = hook.alerts();
        if told.iter().any(|(_, it)| it["antenna_id"] == "south-1") { Ok(()) } else { Err(format!("{told:?}")) }
    });
    let told: Vec<Value> = hook.alerts().into_iter().map(|(_, alert)| alert).collect();
    let ids: Vec<_> = told.iter().map(|it| it["antenna_id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["north-gw", "south-1"]);
    let uplink = ["name", "site", "behind"].map(|field| told[0][field].clone());
    assert_eq!(uplink, [Value::from("The mast"), Value::from("north"), Value::from(500)]);
    assert_eq!(told[0]["labels"], serde_json::json!({"vendor": "acme"}));
    let first = hook.got()[0].json();
    assert_eq!(first["title"], "1 down, and 500 behind (down)");
    alertmanager.wait_for(&BTreeSet::from(["north-gw".to_owned(), "south-1".to_owned()]));

    // One is behind nobody from now on, and the uplink has another name: who was told of it knows it by that of before.
    let changed = registry.replace("The mast", "The tower") + "[[antenna]]\nid = \"north-000\"\nparent = \"\"\n";
    std::fs::write(&antennas, changed).expect("a file");
    analytics.wait("/api/v1/alerts", |page| page["held"]["unreachable"] == 499);
    for ago_s in [500, 460, 420] {
        measure(&server, &["north-gw".to_owned()], ago_s, false);
    }
    until("the uplink's end is told", DEADLINE, || {
        let told = hook.alerts();
        let last = told.last().map(|(_, it)| it.clone()).unwrap_or_default();
        if last["phase"] == "ended" { Ok(()) } else { Err(last.to_string()) }
    });
    let told: Vec<Value> = hook.alerts().into_iter().map(|(_, alert)| alert).collect();
    let told: Vec<_> = told.iter().map(|it| ["antenna_id", "phase", "name"].map(|field| it[field].as_str())).collect();
    let expected = [("north-gw", "began"), ("south-1", "began"), ("north-000", "began"), ("north-gw", "ended")];
    let name = |antenna: &str| Some("The mast").filter(|_| antenna == "north-gw");
    let expected = expected.map(|(antenna, phase)| [Some(antenna), Some(phase), name(antenna)]);
    assert_eq!(told, expected);
}

#[test]
fn rules_of_the_success_rate_are_told_with_the_rate_that_is_answered_and_antennas_in_maintenance_do_not_count() {
    let server = RedisServer::start(&[]);
    let hook = Receiver::start();
    let folder = folder();
    let [alerts, antennas] = ["alerts.toml", "antennas.toml"].map(|name| folder.path().join(name));
    let rule = |name: &str, more: &str| {
        format!("[[rule]]\nname = {name:?}\nsuccess_rate_below = 0.75\nwindow = \"30m\"\n{more}")
    };
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/\"\n\
         [[route]]\nreceivers = [\"hook\"]\nkinds = [\"network\"]\ngroup_by = [\"site\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\nrepeat = \"1s\"\n\
         {}{}{}",
        hook.address,
        rule("of all", ""),
        rule("of the north", "site = \"north\"\n"),
        rule("of the south", "site = \"south\"\n"),
    );
    std::fs::write(&alerts, &text).expect("a file");
    std::fs::write(
        &antennas,
        "[[antenna]]\nid = \"n-*\"\nsite = \"north\"\n[[antenna]]\nid = \"s-*\"\nsite = \"south\"\n",
    )
    .expect("a file");
    let paths = [&alerts, &antennas].map(|path| path.to_str().expect("a path"));
    let settings = [("ALERTS_FILE", paths[0]), ("ANTENNAS_FILE", paths[1])];
    let mut analytics = Analytics::start(&server.url(), &settings);
    // Of the north two of three deliver nothing, of all three of six; the south is well. Those come first that do: no rate on the way is lower than
    // the last one.
    let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    for (antennas, is_down) in [(["n-3", "s-1", "s-2"], false), (["n-1", "n-2", "else"], true)] {
        for ago_s in [600, 570] {
            measure(&server, &ids(&antennas), ago_s, is_down);
        }
    }
    // Nothing is said of panes that are open, so something has to be behind them.
    measure(&server, &ids(&["s-1"]), 540, false);
    let last = |hook: &Receiver| -> BTreeMap<String, Value> {
        hook.alerts().into_iter().map(|(_, it)| (it["antenna_id"].as_str().expect("a name").to_owned(), it)).collect()
    };
    let window = format!("window=30m&end={}", UnixMillis::now().0 / 1000 - 550);
    let summary = analytics.wait(&format!("/api/v1/summary?{window}"), |it| it["packets_sent"] == 120);
    let sites = analytics.wait(&format!("/api/v1/sites?{window}&sort=site"), |it| it["total"] == 2);
    until("both rules are told with what is answered", DEADLINE, || {
        let told = last(&hook);
        let rate = |rule: &str| told.get(rule).map(|it| &it["worst_success_rate"]);
        let are_told = rate("of all") == Some(&summary["success_rate"])
            && rate("of the north") == Some(&sites["sites"][0]["success_rate"]);
        if are_told && told.len() == 2 { Ok(()) } else { Err(format!("{told:?} {summary} {sites}")) }
    });
    let told = last(&hook);
    let about = ["kind", "severity", "site"].map(|field| told["of the north"][field].clone());
    assert_eq!(about, ["network", "critical", "north"].map(Value::from));
    assert_eq!((&told["of all"]["site"], &hook.alerts()[0].1["phase"]), (&Value::Null, &Value::from("began")));

    // Those that deliver nothing do not count any more.
    let now = UnixMillis::now();
    let quiet = format!(
        "[[maintenance]]\nname = \"works\"\nantennas = [\"n-[12]\", \"else\"]\nstart = {now}\nend = {}\n",
        UnixMillis(now.0 + 3_600_000)
    );
    std::fs::write(&alerts, text + &quiet).expect("a file");
    until("both rules are over", DEADLINE, || {
        let told = last(&hook);
        let is_over = told.values().all(|it| it["phase"] == "ended" && it["ended_by"] == "recovered");
        if is_over && told.len() == 2 { Ok(()) } else { Err(format!("{told:?}")) }
    });
    analytics.signal(Signal::Terminate);
}

#[test]
fn a_bad_file_is_refused_with_its_line_and_a_bad_one_later_changes_nothing() {
    let server = RedisServer::start(&[]);
    let receiver = Receiver::start();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    let path = file.to_str().expect("a path");
    std::fs::write(&file, "[[receiver]]\nname = \"a\"\ntype = \"webhook\"\nurl = 5\n").expect("a file");
    let mut command = built("analytics");
    let ended =
        Program::run(command.env("REDIS_URL", server.url()).env("BIND", "127.0.0.1:0").env("ALERTS_FILE", path));
    assert!(ended.code == Some(2) && ended.log.contains("line 4, column 7: a text in quotation marks"), "{ended:?}");
    let good = |path: &str| {
        format!(
            "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/{path}\"\n\
             [[route]]\nreceivers = [\"hook\"]\nkinds = [\"down\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n",
            receiver.address
        )
    };
    std::fs::write(&file, good("first")).expect("a file");
    let mut analytics = Analytics::start(&server.url(), &[("ALERTS_FILE", path)]);
    let tell = |analytics: &mut Analytics, antenna: &str, wanted: &str| {
        for ago_s in [600, 570] {
            measure(&server, &[antenna.to_owned()], ago_s, true);
        }
        until("it is told", DEADLINE, || {
            let got = receiver.got();
            let last = got.last().map(|got| (got.path.clone(), got.json()["alerts"][0]["antenna_id"].to_string()));
            let is_it = last.as_ref().is_some_and(|(path, id)| path == wanted && id.contains(antenna));
            if is_it { Ok(()) } else { Err(format!("{last:?}")) }
        });
        analytics.wait("/api/v1/alerts", |page| page["receivers"][0]["waiting"] == 0);
    };
    tell(&mut analytics, "antenna-a", "/first");
    std::fs::write(&file, "[[receiver]]\nname = \"hook\"\npassword = \"hunter2\"\n").expect("a file");
    let page = analytics.wait("/api/v1/alerts", |page| page["reason"].is_string());
    assert!(page["reason"].as_str().is_some_and(|why| why.contains("line 1") && !why.contains("hunter2")), "{page}");
    tell(&mut analytics, "antenna-b", "/first");
    std::fs::write(&file, good("second")).expect("a file");
    analytics.wait("/api/v1/alerts", |page| page["reason"].is_null());
    tell(&mut analytics, "antenna-c", "/second");
}

const TOKEN: &str = "the-token-of-this-test";

/// The status of an answer and its JSON, where somebody answers.
fn send(address: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> Option<(u16, Value)> {
    let mut connection = TcpStream::connect(address).ok()?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{token}Content-Length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

/// Asks until the answer has the status, which it may not while a process takes over.
#[track_caller]
fn done(address: SocketAddr, method: &str, path: &str, body: &str, status: u16) -> Value {
    answered(address, method, path, body, |got, _| got == status)
}

/// Asks until the list of one who may not be the owner is as wanted: it follows what the owner commits.
#[track_caller]
fn shown(address: SocketAddr, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    answered(address, "GET", path, "", |status, value| status == 200 && wanted(value))
}

#[track_caller]
fn answered(address: SocketAddr, method: &str, path: &str, body: &str, wanted: impl Fn(u16, &Value) -> bool) -> Value {
    until(&format!("{method} {path} is answered as wanted"), DEADLINE, || {
        match send(address, method, path, Some(TOKEN), body) {
            Some((status, value)) if wanted(status, &value) => Ok(value),
            other => Err(format!("{other:?}")),
        }
    })
}

fn in_a_day() -> String {
    UnixMillis(UnixMillis::now().0 + 86_400_000).to_string()
}

#[test]
fn a_mute_that_was_answered_outlasts_a_kill_at_once_and_nobody_is_told_until_it_is_taken_back() {
    const HOSTILE: &str = "=1+1 <script> {{ 7 * 7 }} \\\" ñ";
    let server = RedisServer::start(&[]);
    let receiver = Receiver::start();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/in\"\n\
         [[route]]\nreceivers = [\"hook\"]\nkinds = [\"down\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n",
        receiver.address
    );
    std::fs::write(&file, text).expect("a file");
    let settings = [("ALERTS_FILE", file.to_str().expect("a path")), ("ANALYTICS_TOKEN", TOKEN)];
    let mute = format!(r#"{{"antennas": "quiet-*", "until": "{}", "reason": "{HOSTILE}", "by": "ana"}}"#, in_a_day());
    let first = Analytics::start(&server.url(), &settings);
    let made = done(first.address(), "POST", "/api/v1/mutes", &mute, 201);
    // Killed at once, and another one takes over.
    drop(first);
    let owner = Analytics::start(&server.url(), &settings);
    let other = Analytics::start(&server.url(), &settings);
    for process in [&owner, &other] {
        // The same again, to whichever process, is no other mute.
        assert_eq!(done(process.address(), "POST", "/api/v1/mutes", &mute, 200), made);
    }
    let listed =
        shown(owner.address(), "/api/v1/mutes", |it| it["mutes"].as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!((&listed["mutes"][0], listed["mutes"].as_array().map(Vec::len)), (&made, Some(1)));
    let [quiet, loud] = ["quiet-1", "loud-1"].map(str::to_owned);
    for ago_s in [600, 570] {
        measure(&server, &[quiet.clone(), loud.clone()], ago_s, true);
    }
    let told = || -> BTreeSet<String> {
        receiver.alerts().iter().map(|(_, alert)| alert["antenna_id"].as_str().expect("a text").to_owned()).collect()
    };
    until("the other antenna is told", DEADLINE, || {
        if told().contains(&loud) { Ok(()) } else { Err(format!("{:?}", told())) }
    });
    // Both were seen by then, as both are down by one batch.
    assert_eq!(told(), BTreeSet::from([loud.clone()]));
    shown(owner.address(), "/api/v1/incidents?antenna=quiet-1", |it| it["incidents"][0]["held"] == "mute");
    let loud_alert = receiver.alerts()[0].1.clone();
    let incident = loud_alert["incident"].as_str().expect("an id");
    let note = format!(r#"{{"incident": "{incident}", "note": "{HOSTILE}", "by": "eva"}}"#);
    let taken = done(other.address(), "POST", "/api/v1/acknowledgements", &note, 201);
    assert_eq!((taken["antenna_id"].as_str(), taken["open"].as_bool()), (Some("loud-1"), Some(true)));
    // Each process tells it of the incident.
    for process in [&owner, &other] {
        let wanted = |it: &Value| {
            let it = &it["incidents"][0];
            it["acknowledged"] == "eva" && it["held"].is_null() && it["caused_by"].is_null()
        };
        shown(process.address(), "/api/v1/incidents?antenna=loud-1", wanted);
    }
    let unmute = format!("/api/v1/mutes?id={}&by=eva", made["id"].as_str().expect("an id"));
    assert_eq!(done(other.address(), "DELETE", &unmute, "", 200), made);
    until("it is told", DEADLINE, || if told().contains(&quiet) { Ok(()) } else { Err(format!("{:?}", told())) });
    done(owner.address(), "DELETE", &unmute, "", 404);
    let audit = shown(owner.address(), "/api/v1/audit", |it| it["total"] == 3);
    let entries = audit["entries"].as_array().expect("entries").iter();
    let entries: Vec<_> =
        entries.map(|it| (it["action"].as_str().expect("one"), it["by"].as_str().expect("one"))).collect();
    assert_eq!(entries, [("unmute", "eva"), ("acknowledge", "eva"), ("mute", "ana")]);
    assert_eq!(
        audit["entries"][2]["text"].as_str(),
        serde_json::from_str::<String>(&format!("\"{HOSTILE}\"")).ok().as_deref()
    );
}

#[test]
fn maintenance_that_was_answered_outlasts_a_kill_at_once_and_nobody_is_told_until_it_is_taken_back() {
    let server = RedisServer::start(&[]);
    let receiver = Receiver::start();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/in\"\n\
         [[route]]\nreceivers = [\"hook\"]\nkinds = [\"down\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n\
         [[maintenance]]\nname = \"of the file\"\nantennas = [\"nobody\"]\ndays = [\"mon\"]\ntime_zone = \"UTC\"\n",
        receiver.address
    );
    std::fs::write(&file, text).expect("a file");
    let settings = [("ALERTS_FILE", file.to_str().expect("a path")), ("ANALYTICS_TOKEN", TOKEN)];
    let hours_from_now = |hours: i64| UnixMillis(UnixMillis::now().0 + hours * 3_600_000);
    let once = format!(r#"{{"start": "{}", "end": "{}"}}"#, hours_from_now(-1), hours_from_now(24));
    // All day, every day: by the clocks of a place that has changed them.
    let always = r#"{"hours": "00:00-24:00", "time_zone": "America/Santiago"}"#;
    let window = |when: &str, antennas: &str| {
        format!(r#"{{"antennas": "{antennas}", "when": {when}, "reason": "works", "by": "ana"}}"#)
    };
    let windows = [window(&once, "once-*"), window(always, "always-*")];
    let first = Analytics::start(&server.url(), &settings);
    let made = windows.each_ref().map(|it| done(first.address(), "POST", "/api/v1/maintenance", it, 201));
    // Killed at once, and another one takes over.
    drop(first);
    let owner = Analytics::start(&server.url(), &settings);
    let other = Analytics::start(&server.url(), &settings);
    for process in [&owner, &other] {
        // The same again, to whichever process, is no other window.
        let again = windows.each_ref().map(|it| done(process.address(), "POST", "/api/v1/maintenance", it, 200));
        assert_eq!(again, made);
        let listed = shown(process.address(), "/api/v1/maintenance", |it| {
            it["maintenance"].as_array().is_some_and(|all| all.len() == 3)
        });
        let all = listed["maintenance"].as_array().expect("windows");
        for made in &made {
            let it = all.iter().find(|it| it["id"] == made["id"]).expect("it is listed");
            assert_eq!(
                (&it["active"], &it["by"], &it["name"]),
                (&true.into(), &made["by"], &made["reason"]),
                "{listed}"
            );
        }
        let of_file = all.iter().find(|it| it["id"].is_null()).expect("that of the file");
        assert_eq!((&of_file["name"], &of_file["when"]["days"][0]), (&"of the file".into(), &"mon".into()), "{listed}");
    }
    let antennas = ["once-1", "always-1", "loud-1"].map(str::to_owned);
    for ago_s in [600, 570] {
        measure(&server, &antennas, ago_s, true);
    }
    let told = || -> BTreeSet<String> {
        receiver.alerts().iter().map(|(_, alert)| alert["antenna_id"].as_str().expect("a text").to_owned()).collect()
    };
    until("the other antenna is told", DEADLINE, || {
        if told().contains("loud-1") { Ok(()) } else { Err(format!("{:?}", told())) }
    });
    // All were seen by then, as they are down by one batch.
    assert_eq!(told(), BTreeSet::from(["loud-1".to_owned()]));
    let held = shown(owner.address(), "/api/v1/alerts", |it| it["held"]["maintenance"].as_u64() >= Some(2));
    assert_eq!(held["maintenance"].as_array().map(Vec::len), Some(3), "{held}");
    for (made, antenna) in made.iter().zip(&antennas) {
        let cancel = format!("/api/v1/maintenance?id={}&by=eva", made["id"].as_str().expect("an id"));
        assert_eq!(done(other.address(), "DELETE", &cancel, "", 200), *made);
        until("it is told", DEADLINE, || if told().contains(antenna) { Ok(()) } else { Err(format!("{:?}", told())) });
        done(owner.address(), "DELETE", &cancel, "", 404);
    }
    let audit = shown(owner.address(), "/api/v1/audit", |it| it["total"] == 4);
    let entries = audit["entries"].as_array().expect("entries").iter();
    let entries: Vec<_> = entries.map(|it| (&it["action"], &it["by"], &it["maintenance"]["id"])).collect();
    let (schedule, cancel) = (Value::from("schedule"), Value::from("cancel"));
    let (ana, eva) = (Value::from("ana"), Value::from("eva"));
    let [once, always] = made.each_ref().map(|it| &it["id"]);
    let expected = [(&cancel, &eva, always), (&cancel, &eva, once), (&schedule, &ana, always), (&schedule, &ana, once)];
    assert_eq!(entries, expected);
}

#[test]
fn what_cannot_be_changed_says_why() {
    let server = RedisServer::start(&[]);
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    std::fs::write(&file, "").expect("a file");
    let path = file.to_str().expect("a path");
    let mute =
        |until: &str, by: &str| format!(r#"{{"antennas": "a", "until": "{until}", "reason": "r", "by": "{by}"}}"#);
    let good = mute(&in_a_day(), "ana");
    let open = Analytics::start(&server.url(), &[("ALERTS_FILE", path)]);
    for method in ["POST", "DELETE"] {
        let path = if method == "POST" { "/api/v1/mutes" } else { "/api/v1/mutes?id=a&by=b" };
        let (status, error) = send(open.address(), method, path, None, &good).expect("an answer");
        assert_eq!((status, error["error"]["code"].as_str()), (403, Some("forbidden")), "{error}");
    }
    drop(open);
    let none = Analytics::start(&server.url(), &[("ANALYTICS_TOKEN", TOKEN)]);
    let error = done(none.address(), "POST", "/api/v1/mutes", &good, 409);
    assert!(error["error"]["message"].as_str().is_some_and(|it| it.contains("ALERTS_FILE")), "{error}");
    drop(none);
    let locked = Analytics::start(&server.url(), &[("ALERTS_FILE", path), ("ANALYTICS_TOKEN", TOKEN)]);
    assert_eq!(send(locked.address(), "POST", "/api/v1/mutes", None, &good).expect("an answer").0, 401);
    for (body, named) in [
        ("{}".to_owned(), "antennas"),
        (good.replace("\"by\"", "\"who\""), "who"),
        (mute("tomorrow", "ana"), "until: a time"),
        (mute("2020-01-01T00:00:00Z", "ana"), "until"),
        (mute(&in_a_day(), ""), "by"),
    ] {
        let error = done(locked.address(), "POST", "/api/v1/mutes", &body, 400);
        assert_eq!(error["error"]["code"], "bad_parameter");
        assert!(error["error"]["message"].as_str().is_some_and(|it| it.contains(named)), "{named}: {error}");
    }
    let window = |when: &str| format!(r#"{{"antennas": "a", "when": {when}, "reason": "r", "by": "ana"}}"#);
    for (body, named) in [
        (window(r#"{"start": "tomorrow"}"#), "start: a time"),
        (window(r#"{"end": 7}"#), "end: a time"),
        (window(r#"{"day": ["mon"]}"#), "day"),
        (window(r#"{"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}"#), "end"),
        (window(r#"{"days": ["mon"], "time_zone": "Europe/Atlantis"}"#), "time_zone"),
        (window(r#"{"days": ["mon"]}"#), "start and end are needed, or time_zone"),
    ] {
        let error = done(locked.address(), "POST", "/api/v1/maintenance", &body, 400);
        assert_eq!(error["error"]["code"], "bad_parameter");
        assert!(error["error"]["message"].as_str().is_some_and(|it| it.contains(named)), "{named}: {error}");
    }
    done(locked.address(), "DELETE", "/api/v1/maintenance?id=a&by=ana", "", 404);
    let long = mute(&in_a_day(), &"x".repeat(20_000));
    assert_eq!(done(locked.address(), "POST", "/api/v1/mutes", &long, 413)["error"]["code"], "too_long");
    let unknown = r#"{"incident": "trouble:1:a", "note": "n", "by": "ana"}"#;
    done(locked.address(), "POST", "/api/v1/acknowledgements", unknown, 404);
    assert_eq!(done(locked.address(), "GET", "/api/v1/audit", "", 200)["total"], 0);
}

/// It is there for everybody who asks, also after the program was killed, until somebody takes it back.
#[test]
fn a_public_note_is_committed_and_taken_back() {
    const HOSTILE: &str = "=1+1 <script> {{ 7 * 7 }} \\\" ñ";
    let server = RedisServer::start(&[]);
    let folder = folder();
    let (alerts, antennas) = (folder.path().join("alerts.toml"), folder.path().join("antennas.toml"));
    std::fs::write(&alerts, "").expect("a file");
    std::fs::write(&antennas, "[[antenna]]\nid = \"north-*\"\npublic = \"North & coast\"").expect("a file");
    let start = || {
        let [alerts, antennas] = [&alerts, &antennas].map(|file| file.to_str().expect("a path"));
        let settings = [("ALERTS_FILE", alerts), ("ANTENNAS_FILE", antennas), ("ANALYTICS_TOKEN", TOKEN)];
        Analytics::start(&server.url(), &settings)
    };
    let note = |site: &str| {
        let until = in_a_day();
        format!(r#"{{"site": "{site}", "text": "{HOSTILE}", "until": "{until}", "by": "ana"}}"#)
    };
    let good = note("North & coast");
    let mut first = start();
    let made = done(first.address(), "POST", "/api/v1/notes", &good, 201);
    assert_eq!(done(first.address(), "POST", "/api/v1/notes", &good, 200), made);
    done(first.address(), "POST", "/api/v1/notes", &note("north-1"), 404);
    first.kill();
    drop(first);
    let second = start();
    let listed =
        shown(second.address(), "/api/v1/notes", |it| it["notes"].as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!((&listed["notes"][0], listed["notes"].as_array().map(Vec::len)), (&made, Some(1)));
    let unnote = format!("/api/v1/notes?id={}&by=eva", made["id"].as_str().expect("an id"));
    assert_eq!(done(second.address(), "DELETE", &unnote, "", 200), made);
    done(second.address(), "DELETE", &unnote, "", 404);
    shown(second.address(), "/api/v1/notes", |it| it["notes"].as_array().is_some_and(Vec::is_empty));
    let audit = shown(second.address(), "/api/v1/audit", |it| it["total"] == 2);
    let actions: Vec<_> = (0..2).map(|at| audit["entries"][at]["action"].as_str().expect("one")).collect();
    assert_eq!(actions, ["unnote", "note"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_for_an_hour_is_told_of_all_of_it_at_once_and_holds_up_nobody() {
    let (there, away) = (Receiver::start(), Receiver::start());
    let folder = folder();
    let path = folder.path().join("alerts.toml");
    let receiver = |name: &str, at: &Receiver| {
        format!("[[receiver]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://{}/\"\n", at.address)
    };
    let route = "[[route]]\nreceivers = [\"there\", \"away\"]\nkinds = [\"down\"]\n\
                 group_wait = \"0s\"\ngroup_interval = \"0s\"\ndamping = false\n";
    std::fs::write(&path, receiver("there", &there) + &receiver("away", &away) + route).expect("a file");
    let now = Arc::new(AtomicI64::new(NOW.0));
    let clock = {
        let now = Arc::clone(&now);
        Clock::of(move || UnixMillis(now.load(Ordering::Relaxed)))
    };
    let log = MemoryLog::default();
    let settings = PipelineSettings { commit_interval: Duration::from_millis(20), ..PipelineSettings::default() };
    let pipeline = Embedded::start_by(&log, &settings, "owner", clock.clone());
    let shutdown = CancellationToken::new();
    let partitions = Partitions::from(pipeline.published.clone());
    let (_nobody_says_anything, orders) = Orders::new(partitions.first_term());
    let dispatcher = Dispatcher {
        log: log.clone(),
        partitions,
        thresholds: Thresholds::default(),
        registry: KeptRegistry::default(),
        clock: clock.clone(),
        alerting: KeptAlerting::open(Some(&path)).expect("a good file"),
        told: AlertsTold::default(),
        sender: Sender::new().expect("a client"),
        orders,
    };
    let dispatcher = tokio::spawn(dispatcher.run(shutdown.clone()));

    // Each minute another antenna goes down, and the one that did five minutes before recovers.
    let mut published = 0;
    let mut measure = |antenna: i64, ago_s: &[i64], lost: u32| {
        for ago_s in ago_s {
            let at = UnixMillis(clock.now().0 - ago_s * 1_000);
            publish(&log, clock.now(), &reading(&format!("antenna-{antenna}"), at.0, 10, lost, None));
            published += 1;
        }
        published
    };
    away.is_away.store(true, Ordering::Relaxed);
    for minute in 0..60 {
        measure(minute, &[60, 30], 10);
        let entries = measure(minute - 5, if minute < 5 { &[] } else { &[90, 60, 30] }, 0);
        pipeline.settle(entries).await;
        until_async("who is there is told", DEADLINE, async || {
            let told = told(&there.alerts());
            let open = told.iter().filter(|(.., is_open)| *is_open).count();
            let expected = (minute + 1, (minute + 1).min(5));
            let seen = (i64::try_from(told.len()).expect("few"), i64::try_from(open).expect("few"));
            if seen == expected { Ok(()) } else { Err(format!("{seen:?} in place of {expected:?}")) }
        })
        .await;
        now.fetch_add(60_000, Ordering::Relaxed);
    }
    let attempts = away.got();
    // By its clock, it was asked every minute at least, and not much more often at first.
    assert!((30..=80).contains(&attempts.len()), "{} attempts", attempts.len());
    let keys: BTreeSet<&String> = attempts.iter().map(|got| &got.headers["idempotency-key"]).collect();
    assert_eq!(keys.len(), 1, "one message is tried until it is taken");
    away.is_away.store(false, Ordering::Relaxed);
    now.fetch_add(60_000, Ordering::Relaxed);
    until_async("who was away knows the same", DEADLINE, async || {
        let (expected, told) = (told(&there.alerts()), told(&away.alerts()));
        if told == expected { Ok(()) } else { Err(format!("{} of {}", told.len(), expected.len())) }
    })
    .await;
    let messages: BTreeSet<String> = away.alerts().into_iter().map(|(key, _)| key).collect();
    assert_eq!(messages.len(), 2, "what it could not be told, and all that has happened since");
    shutdown.cancel();
    dispatcher.await.expect("no panic");
    pipeline.stop().await;
}
