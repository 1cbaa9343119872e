//! Alerts of the program: what a receiver gets is what the incidents say, through kills, refusals and hostile names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use analytics::alerts::send::signature;
use serde_json::Value;
use shared::UnixMillis;
use shared::settings::Secret;
use shared::testing::{DEADLINE, Ended, Program, RedisServer, Signal, built, until};

use crate::support::{Analytics, fill};

/// A request that a receiver got.
#[derive(Debug, Clone)]
struct Got {
    at: Instant,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A server of HTTP that takes whatever comes, or says that it is not there.
#[derive(Debug, Clone)]
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    is_away: Arc<AtomicBool>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let receiver = Self { address, got: Arc::default(), is_away: Arc::default() };
        let served = receiver.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let receiver = served.clone();
                thread::spawn(move || receiver.serve(&connection));
            }
        });
        receiver
    }

    /// What has come is kept also where the answer says no, as of an answer that is lost: it may come again.
    fn serve(&self, connection: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(connection);
        loop {
            let mut first = String::new();
            reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
            let path = first.split(' ').nth(1)?.to_owned();
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.insert(name.to_lowercase(), value.to_owned());
            }
            let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let status = if self.is_away.load(Ordering::Relaxed) { "503 Service Unavailable" } else { "200 OK" };
            self.got.lock().expect("no panic").push(Got { at: Instant::now(), path, headers, body });
            let mut connection = connection;
            connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
        }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    /// The alerts of all requests, each with the key of its request, in order.
    fn alerts(&self) -> Vec<(String, Value)> {
        let of = |got: Got| {
            let key = got.headers["idempotency-key"].clone();
            let alerts = got.json()["alerts"].as_array().cloned().unwrap_or_default();
            alerts.into_iter().map(move |alert| (key.clone(), alert))
        };
        self.got().into_iter().flat_map(of).collect()
    }
}

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

#[test]
fn a_thousand_incidents_reach_a_webhook_grouped_in_time_and_through_ten_kills() {
    let server = RedisServer::start(&[]);
    let receiver = Receiver::start();
    let folder = folder();
    let file = folder.path().join("alerts.toml");
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{}/in?secret=hunter2\"\nkey = \"hunter3\"\n\
         [[route]]\nreceivers = [\"hook\"]\nkinds = [\"down\"]\ngroup_wait = \"1s\"\ngroup_interval = \"1s\"\ndamping = false\n",
        receiver.address
    );
    std::fs::write(&file, text).expect("a file");
    let settings = [("ALERTS_FILE", file.to_str().expect("a path"))];
    let mut analytics = Analytics::start(&server.url(), &settings);
    let antennas: Vec<String> = (0..1_000).map(|number| format!("antenna-{number:04}")).collect();
    for ago_s in [600, 570] {
        measure(&server, &antennas, ago_s, true);
    }
    analytics.wait(DOWN, |incidents| incidents["open"] == 1_000);
    let judged = Instant::now();
    until("all are told", DEADLINE, || {
        let told = told(&receiver.alerts()).len();
        if told == 1_000 { Ok(()) } else { Err(format!("{told} of them")) }
    });
    let got = receiver.got();
    let took = got.last().expect("a request").at.saturating_duration_since(judged);
    assert!(got.len() <= 2 && took < Duration::from_secs(5), "{} requests, the last after {took:?}", got.len());
    let first = &got[0];
    let (timestamp, key) = (&first.headers["x-vigia-timestamp"], Secret::from("hunter3"));
    assert_eq!(first.headers["x-vigia-signature"], signature(&key, timestamp, &first.body));
    assert_eq!((first.path.as_str(), first.json()["version"].as_u64()), ("/in?secret=hunter2", Some(1)));

    // From here on it is killed again and again, while antennas recover and go down, and the receiver comes and goes.
    for (round, number) in (0..10_i64).zip((0..1_000).step_by(100)) {
        receiver.is_away.store(round % 3 == 1, Ordering::Relaxed);
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
    receiver.is_away.store(false, Ordering::Relaxed);
    let incidents = analytics.wait(DOWN, |incidents| incidents["total"] == 1_500 && incidents["open"] == 500);
    let expected = expected(&incidents);
    until("what was told is what there was", Duration::from_secs(90), || {
        let told = told(&receiver.alerts());
        let missing = expected.difference(&told).count();
        if told == expected { Ok(()) } else { Err(format!("{missing} of {} are missing", expected.len())) }
    });
    let page = analytics.wait("/api/v1/alerts", |page| page["receivers"][0]["waiting"] == 0);
    assert_eq!((page["enabled"].as_bool(), page["dropped"].as_u64()), (Some(true), Some(0)), "{page}");
    assert!(page["receivers"][0]["sent"].as_u64() >= Some(2), "{page}");
    assert_eq!(page["deliveries"][0]["status"], "sent", "{page}");
    let said = format!("{page}{}", analytics.log());
    assert!(!said.contains("hunter"), "no secret is told: {said}");
    analytics.signal(Signal::Terminate);
}

/// A mail server that takes one mail after the other, and keeps them as they came.
fn mail_server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let mails: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&mails);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            thread::spawn(move || take_mail(&connection, &kept));
        }
    });
    (address, mails)
}

fn take_mail(mut connection: &TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(connection).lines();
    connection.write_all(b"220 here\r\n").ok()?;
    while let Some(Ok(line)) = lines.next() {
        let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
            "DATA" => {
                connection.write_all(b"354 go on\r\n").ok()?;
                let mail: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                kept.lock().expect("no panic").push(mail.join("\n"));
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 well\r\n",
        };
        connection.write_all(answer).ok()?;
    }
    Some(())
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
    let mut analytics = Analytics::start(&server.url(), &[("ALERTS_FILE", file.to_str().expect("a path"))]);
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
    assert!(ended.code == Some(1) && ended.log.contains("line 4, column 7: a text in quotation marks"), "{ended:?}");
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
    until(&format!("{method} {path} gets {status}"), DEADLINE, || {
        match send(address, method, path, Some(TOKEN), body) {
            Some((got, value)) if got == status => Ok(value),
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
    let listed = done(owner.address(), "GET", "/api/v1/mutes", "", 200);
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
    let loud_alert = receiver.alerts()[0].1.clone();
    let incident = loud_alert["incident"].as_str().expect("an id");
    let note = format!(r#"{{"incident": "{incident}", "note": "{HOSTILE}", "by": "eva"}}"#);
    let taken = done(other.address(), "POST", "/api/v1/acknowledgements", &note, 201);
    assert_eq!((taken["antenna_id"].as_str(), taken["open"].as_bool()), (Some("loud-1"), Some(true)));
    let unmute = format!("/api/v1/mutes?id={}&by=eva", made["id"].as_str().expect("an id"));
    assert_eq!(done(other.address(), "DELETE", &unmute, "", 200), made);
    until("it is told", DEADLINE, || if told().contains(&quiet) { Ok(()) } else { Err(format!("{:?}", told())) });
    done(owner.address(), "DELETE", &unmute, "", 404);
    let audit = done(owner.address(), "GET", "/api/v1/audit", "", 200);
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
    let long = mute(&in_a_day(), &"x".repeat(20_000));
    assert_eq!(done(locked.address(), "POST", "/api/v1/mutes", &long, 413)["error"]["code"], "too_long");
    let unknown = r#"{"incident": "trouble:1:a", "note": "n", "by": "ana"}"#;
    done(locked.address(), "POST", "/api/v1/acknowledgements", unknown, 404);
    assert_eq!(done(locked.address(), "GET", "/api/v1/audit", "", 200)["total"], 0);
}
