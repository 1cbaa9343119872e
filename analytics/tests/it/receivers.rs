//! Who is told by alerts: servers of HTTP and of mail that keep what they get, and a real Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use shared::testing::{Program, Reservation};
use tempfile::TempDir;

/// A template of a text that names all that tells alerts apart, a line each: what texts say can be compared with what JSON does. In
/// the first line stands the key of the message.
pub(crate) const LISTING: &str = "key {{ key }}\n{% for it in alerts %}\
    alert {{ it.key }} {{ it.antenna_id }} {{ it.start }} {{ 'open' if it.end is none else 'over' }}\n{% endfor %}";

/// The alerts of a text that [`LISTING`] made, with the key of its message.
pub(crate) fn listed<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<(String, Value)> {
    let (mut key, mut alerts) = (String::new(), Vec::new());
    for line in lines {
        match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
            ["key", it] => it.clone_into(&mut key),
            ["alert", alert, antenna, start, end] => {
                let end = if end == "open" { Value::Null } else { end.into() };
                alerts.push((key.clone(), json!({"key": alert, "antenna_id": antenna, "start": start, "end": end})));
            }
            _ => {}
        }
    }
    alerts
}

/// A request that a receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A server of HTTP that takes whatever comes, or says that it is not there.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    pub(crate) is_away: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
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
            self.got.lock().expect("no panic").push(Got { path, headers, body });
            let mut connection = connection;
            connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
        }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    /// The alerts of all requests, each with the key of its request, in order.
    pub(crate) fn alerts(&self) -> Vec<(String, Value)> {
        let of = |got: Got| {
            let key = got.headers["idempotency-key"].clone();
            let alerts = got.json()["alerts"].as_array().cloned().unwrap_or_default();
            alerts.into_iter().map(move |alert| (key.clone(), alert))
        };
        self.got().into_iter().flat_map(of).collect()
    }
}

/// A mail server that takes one mail after the other, and keeps them as they came.
pub(crate) fn mail_server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
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

/// A real Alertmanager that notifies nobody. It keeps what it is told in memory, so one that was killed knows nothing any more.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    program: Program,
    port: Reservation,
    folder: TempDir,
}

impl Alertmanager {
    pub(crate) fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), Reservation::new());
        let file = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n";
        std::fs::write(folder.path().join("alertmanager.yml"), file).expect("a file");
        Self { program: Self::run(&folder, &port), port, folder }
    }

    fn run(folder: &TempDir, port: &Reservation) -> Program {
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", folder.path().join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg("--cluster.listen-address=");
        let mut program = Program::start(&mut command);
        program.wait_for(port.address(), "/-/ready", |answer| answer.status == 200);
        program
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Kills it and starts it anew.
    pub(crate) fn restart(&mut self) {
        self.program.kill();
        self.program = Self::run(&self.folder, &self.port);
    }

    /// Waits until the antennas that it holds to be down are these.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expected: &BTreeSet<String>) {
        let path = "/api/v2/alerts?active=true&filter=alertname%3D%22VigiaAntennaDown%22";
        self.program.wait_for(self.port.address(), path, |answer| {
            let alerts = answer.json();
            let ids = alerts.as_array().into_iter().flatten();
            let ids = ids.map(|alert| alert["labels"]["antenna_id"].as_str().expect("a label").to_owned());
            ids.collect::<BTreeSet<_>>() == *expected
        });
    }
}
