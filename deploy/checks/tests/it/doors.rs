//! How the programs get in at the broker's: certificates, sockets, passwords in files, and what is said where one does not fit.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use shared::api::path;
use shared::testing::{DEADLINE, Program, RedisServer, Reservation, Signal, built, http};
use tempfile::TempDir;

use crate::manifests::output;
use crate::mounted::Mounted;
use crate::token::command_line;

const PASSWORD: &str = "hunter2: not to be seen, & not % to be +spelled";

/// Files of certificates and keys: an authority, a server and a client of it, and another authority with a client.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = r#"
            set -e
            key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
            echo subjectAltName=DNS:localhost >names
            for authority in own other; do
                openssl req -x509 $key -keyout $authority.key -out $authority.crt -days 2 -subj /CN=$authority \
                    -addext keyUsage=critical,keyCertSign
                for name in server client; do
                    openssl req $key -keyout $authority-$name.key -out request -subj /CN=$name
                    openssl x509 -req -in request -CA $authority.crt -CAkey $authority.key -CAcreateserial -days 2 \
                        -extfile names -out $authority-$name.crt
                done
            done"#;
        output(Command::new("sh").args(["-c", script]).current_dir(folder.path()));
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("text").to_owned()
    }
}

/// Starts a program with its own port.
fn start(program: &str, variables: &[(&str, &str)]) -> Program {
    let own: &[(&str, &str)] = match program {
        "analytics" => &[("BIND", "127.0.0.1:0"), ("COMMIT_INTERVAL", "50ms"), ("RUST_LOG", "debug")],
        _ => &[("ANTENNA_ID", "a"), ("INTERVAL", "10ms"), ("COUNT", "20"), ("RUST_LOG", "debug")],
    };
    Program::start(built(program).envs(own.iter().copied()).envs(variables.iter().copied()))
}

/// Both programs do all that they do with a broker. Gives what was written and answered, and how the processes look from outside.
fn both_work(variables: &[(&str, &str)]) -> Vec<String> {
    let mut analytics = start("analytics", variables);
    let address = analytics.address("analytics");
    analytics.wait_for(address, path::READYZ, |answer| answer.status == 200);
    let mut simulator = start("simulator", variables);
    let mut said = vec![command_line(&analytics)];
    let ended = simulator.wait(DEADLINE);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    analytics.wait_for(address, path::PIPELINE, |answer| answer.json()["totals"]["counted"] == 20);
    let routes = path::ALL.iter().filter(|route| **route != path::EVENTS);
    said.extend(routes.map(|route| http::get(address, route, &[]).expect("an answer").body));
    said.push(http::get(address, path::METRICS, &[("Accept", "text/plain")]).expect("an exposition").body);
    let ended_well = analytics.end(Signal::Terminate, DEADLINE);
    assert_eq!(ended_well.code, Some(0), "{}", ended_well.log);
    said.extend([ended.log, ended.output, ended_well.log, ended_well.output]);
    said
}

/// A broker that lets only those in who show a certificate of its authority.
struct Locked {
    server: RedisServer,
    scheme: &'static str,
    port: Reservation,
    certificates: Certificates,
}

/// A server that shows a certificate of an authority, and demands one of its clients.
fn locked(port: &Reservation, certificates: &Certificates, authority: &str, arguments: &[&str]) -> RedisServer {
    let files = [("cert", "-server.crt"), ("key", "-server.key"), ("ca-cert", ".crt")];
    let path = |name: &str| certificates.path(&format!("{authority}{name}"));
    let files = files.map(|(option, name)| [format!("--tls-{option}-file"), path(name)]);
    let number = port.port().to_string();
    let mut arguments = [arguments, &["--tls-port", &number, "--tls-auth-clients", "yes"]].concat();
    arguments.extend(files.iter().flatten().map(String::as_str));
    RedisServer::start(&arguments)
}

impl Locked {
    fn start() -> Self {
        Self::with("rediss", &["--port", "0"])
    }

    /// A server that is a cluster, and tells its name and not its address.
    fn cluster() -> Self {
        let bus = Reservation::new();
        let number = bus.port().to_string();
        let name = ["--cluster-announce-hostname", "localhost", "--cluster-preferred-endpoint-type", "hostname"];
        let cluster = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", &number];
        let started = Self::with("rediss+cluster", &[&cluster[..], &name].concat());
        started.server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        drop(bus);
        started
    }

    fn with(scheme: &'static str, arguments: &[&str]) -> Self {
        let (certificates, port) = (Certificates::make(), Reservation::new());
        let server = locked(&port, &certificates, "own", arguments);
        Self { server, scheme, port, certificates }
    }

    fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port.port())
    }

    /// The files of these settings, as variables.
    fn variables(&self, files: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let files = files.iter().map(|(variable, name)| (*variable, self.certificates.path(name)));
        std::iter::once(("REDIS_URL", self.url())).chain(files).collect()
    }
}

const CA: &str = "REDIS_CA_FILE";
const CERT: &str = "REDIS_CERT_FILE";
const KEY: &str = "REDIS_KEY_FILE";

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn who_shows_the_right_certificate_gets_in() {
    for broker in [Locked::start(), Locked::cluster()] {
        let variables = broker.variables(&[(CA, "own.crt"), (CERT, "own-client.crt"), (KEY, "own-client.key")]);
        let key = fs::read_to_string(broker.certificates.path("own-client.key")).expect("the key");
        let secret = key.lines().nth(1).expect("a line of the key");
        for said in both_work(&borrowed(&variables)) {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

/// Each file that does not fit is named, with its setting, in one line.
#[test]
fn what_does_not_fit_is_blamed() {
    let broker = Locked::start();
    let fits = [(CERT, "own-client.crt"), (KEY, "own-client.key")];
    for (files, blamed) in [
        (vec![(CA, "own.crt")], vec!["demands a certificate", CERT, KEY]),
        (vec![(CA, "other.crt"), fits[0], fits[1]], vec!["not of the authority in", "/other.crt of", CA]),
        (fits.to_vec(), vec!["trusts", CA]),
        (
            vec![(CA, "own.crt"), (CERT, "other-client.crt"), (KEY, "other-client.key")],
            vec!["does not accept the certificate in", "/other-client.crt of", CERT],
        ),
    ] {
        let variables = broker.variables(&files);
        for program in ["analytics", "simulator"] {
            let mut started = start(program, &borrowed(&variables));
            let line = started.until(&format!("{blamed:?} is told"), |started| {
                let log = started.log();
                let found = log.lines().find(|line| blamed.iter().all(|word| line.contains(word))).map(str::to_owned);
                found.ok_or(log)
            });
            assert!(!line.contains("PRIVATE KEY"), "{program}: {line}");
        }
    }
    for (files, blamed) in [
        (vec![(CA, "own.crt"), (CERT, "own-client.crt"), (KEY, "other-client.key")], ["/other-client.key of", KEY]),
        (vec![(CA, "own.crt"), (CERT, "own-client.crt"), (KEY, "own-client.crt")], ["/own-client.crt of", KEY]),
        (vec![(CA, "own.crt"), (CERT, "own-client.key"), (KEY, "own-client.key")], ["/own-client.key of", CERT]),
        (vec![(CA, "own.key")], ["/own.key of", CA]),
        (vec![(CA, "nothing.crt")], ["/nothing.crt of", CA]),
        (vec![(CERT, "own-client.crt")], ["--redis-key-file", KEY]),
    ] {
        let variables = broker.variables(&files);
        for program in ["analytics", "simulator"] {
            let ended = start(program, &borrowed(&variables)).wait(DEADLINE);
            assert_eq!((ended.code, ended.log.lines().count()), (Some(2), 1), "{program}: {}", ended.log);
            assert!(blamed.iter().all(|word| ended.log.contains(word)), "{program}: {}", ended.log);
        }
    }
    let authority = broker.certificates.path("own.crt");
    let plain = [("REDIS_URL", "redis://localhost"), (CA, authority.as_str())];
    let ended = start("analytics", &plain).wait(DEADLINE);
    assert!(ended.code == Some(2) && ended.log.contains("need rediss://"), "{}", ended.log);
}

/// A server that can be reached by a socket in the file system only.
#[test]
fn a_socket_is_as_good_as_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("the socket");
    let socket_text = socket.to_str().expect("text");
    let _server = RedisServer::start(&["--port", "0", "--unixsocket", socket_text]);
    let ask = |words: &[&str]| output(Command::new("redis-cli").args(["-e", "-s", socket_text]).args(words));
    ask(&["acl", "setuser", "vigia", "on", &format!(">{PASSWORD}"), "~*", "&*", "+@all"]);
    ask(&["acl", "setuser", "default", "off"]);
    let ask = |words: &[&str]| {
        let mut command = Command::new("redis-cli");
        output(command.args(["-e", "-s", socket_text, "--user", "vigia"]).args(words).env("REDISCLI_AUTH", PASSWORD))
    };
    let url = format!("unix://{}?db=3&user=vigia", socket_text.replace(' ', "%20"));
    let spelled = PASSWORD.replace('%', "%25").replace(' ', "%20").replace('&', "%26").replace('+', "%2B");
    let said = both_work(&[("REDIS_URL", &format!("{url}&pass={spelled}"))]);
    assert!(said.iter().any(|said| said.contains("broker=\"unix://") && said.contains("?db=3\"")), "{said:?}");
    assert_eq!((ask(&["-n", "3", "xlen", "antenna_stream"]).trim(), ask(&["dbsize"]).trim()), ("20", "0"));
    for said in said {
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// User and password in files, and a URL as Valkey's clients write it. Nothing that is said, answered or seen of the processes
/// has the password in it.
#[test]
fn a_password_in_a_file_is_seen_nowhere() {
    let server = RedisServer::start(&["--requirepass", PASSWORD]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let (user, password) = (file("user", "default\n"), file("password", &format!("{PASSWORD}\n\n")));
    let url = format!("valkey://127.0.0.1:{}/2", server.port());
    for said in both_work(&[("REDIS_URL", &url), ("REDIS_USERNAME_FILE", &user), ("REDIS_PASSWORD_FILE", &password)]) {
        assert!(!said.contains("hunter2"), "{said}");
    }
    // Also where it is wrong, or cannot be read.
    let wrong = file("wrong", "hunter2");
    let (port, large) = (server.port().to_string(), "hunter2".repeat(10_000));
    for program in ["analytics", "simulator"] {
        let by_port = [("REDIS_PORT", port.as_str()), ("REDIS_PASSWORD_FILE", &wrong)];
        let mut refused = start(program, &by_port);
        let log = refused.until("it is refused", |refused| match refused.log() {
            log if WRONG_PASSWORD.iter().any(|why| log.contains(why)) => Ok(log),
            log => Err(log),
        });
        assert!(!log.contains("hunter2"), "{log}");
        let help = Program::run(built(program).arg("--help").env("REDIS_PASSWORD", PASSWORD)).output;
        assert!(help.contains("REDIS_PASSWORD_FILE") && !help.contains("hunter2"), "{help}");
        for (name, text, why) in [("empty", "\n", "empty"), ("large", large.as_str(), "64 KiB"), ("none", "", "empty")]
        {
            let path = file(name, text);
            let ended = start(program, &[("REDIS_PASSWORD_FILE", &path)]).wait(DEADLINE);
            assert_eq!((ended.code, ended.log.lines().count()), (Some(2), 1), "{}", ended.log);
            let is_named =
                ["--redis-password-file (REDIS_PASSWORD_FILE)", &path, why].iter().all(|it| ended.log.contains(it));
            assert!(is_named && !ended.log.contains("hunter2hunter2"), "{}", ended.log);
        }
        let both = [("REDIS_PASSWORD", PASSWORD), ("REDIS_PASSWORD_FILE", password.as_str())];
        let ended = start(program, &both).wait(DEADLINE);
        assert!(
            ended.code == Some(2) && ended.log.contains("both given") && !ended.log.contains("hunter2"),
            "{}",
            ended.log
        );
    }
}

/// What is said of a password that is another one.
const WRONG_PASSWORD: [&str; 3] = ["WRONGPASS", "NOAUTH", "authentication failed"];

/// Waits until the broker is away for one of these reasons. The log has the first of a while only.
#[track_caller]
fn is_away(analytics: &mut Program, address: SocketAddr, reasons: &[&str]) {
    analytics.wait_for(address, path::PIPELINE, |answer| {
        let reason = answer.json()["reason"].as_str().unwrap_or_default().to_owned();
        reasons.iter().any(|why| reason.contains(why))
    });
}

/// A Secret of certificates is renewed by another authority, while the broker is away: whoever comes back has to go by the new files.
#[test]
fn other_certificates_need_no_restart() {
    let certificates = Certificates::make();
    let text = |name: String| fs::read_to_string(certificates.path(&name)).expect("a file");
    let secret = |authority: &str| {
        [("ca.crt", ""), ("tls.crt", "-client"), ("tls.key", "-client")].map(|(name, client)| {
            let ending = if name == "tls.key" { "key" } else { "crt" };
            (name, text(format!("{authority}{client}.{ending}")))
        })
    };
    let [own, other] = ["own", "other"].map(secret);
    let files = |secret: &[(&'static str, String); 3]| [0, 1, 2].map(|at| (secret[at].0, secret[at].1.clone()));
    let mut mounted = Mounted::new(&borrowed(&files(&own)));
    let port = Reservation::new();
    let broker = |authority: &str| locked(&port, &certificates, authority, &["--port", "0"]);
    let first = broker("own");
    let url = format!("rediss://localhost:{}", port.port());
    let variables = [
        ("REDIS_URL", url),
        (CA, mounted.path("ca.crt")),
        (CERT, mounted.path("tls.crt")),
        (KEY, mounted.path("tls.key")),
    ];
    let variables = borrowed(&variables);
    let mut analytics = start("analytics", &variables);
    let address = analytics.address("analytics");
    analytics.wait_for(address, path::READYZ, |answer| answer.status == 200);
    let mut simulator = start("simulator", &[&variables[..], &[("COUNT", "1000000")]].concat());
    let counted = |more: u64| move |answer: &http::Answer| answer.json()["totals"]["counted"].as_u64() > Some(more);
    let before = analytics.wait_for(address, path::PIPELINE, counted(10)).json();
    drop(first);
    let _second = broker("other");
    is_away(&mut analytics, address, &["is not of the authority in"]);
    // A key that is not the certificate's is not taken, and said once.
    let mut mixed = files(&other);
    mixed[2].1.clone_from(&own[2].1);
    mounted.replace(&borrowed(&mixed));
    for program in [&mut analytics, &mut simulator] {
        program.until("the files do not fit", |program| match program.log() {
            log if log.contains("it is not the key of the certificate") => Ok(()),
            log => Err(log),
        });
    }
    mounted.replace(&borrowed(&files(&other)));
    // It is an empty one, where everything begins anew.
    assert!(before["totals"]["counted"].as_u64() > Some(10), "{before}");
    analytics.wait_for(address, path::READYZ, |answer| answer.status == 200);
    analytics.wait_for(address, path::PIPELINE, |answer| {
        answer.json()["totals"]["entries_added"].as_u64() > Some(10) && answer.json()["totals"]["imbalance"] == 0
    });
    for program in [&analytics, &simulator] {
        let log = program.log();
        assert_eq!(log.matches("it is not the key of the certificate").count(), 1, "{log}");
        assert!(!log.contains("PRIVATE KEY"), "{log}");
    }
}

/// The broker's password changes, and the file a little later.
#[test]
fn another_password_needs_no_restart() {
    let server = RedisServer::start(&["--requirepass", "hunter1"]);
    let mut mounted = Mounted::new(&[("password", "hunter1")]);
    let port = server.port().to_string();
    let variables = [("REDIS_PORT", port), ("REDIS_PASSWORD_FILE", mounted.path("password"))];
    let variables = borrowed(&variables);
    let mut analytics = start("analytics", &variables);
    let address = analytics.address("analytics");
    let mut simulator = start("simulator", &[&variables[..], &[("COUNT", "1000000")]].concat());
    let counted = |answer: &http::Answer| answer.json()["totals"]["counted"].as_u64();
    analytics.wait_for(address, path::PIPELINE, |answer| answer.status == 200 && counted(answer) > Some(10));
    let ask = |password: &str, words: &[&str]| {
        let mut command = Command::new("redis-cli");
        output(command.args(["-e", "-p", variables[0].1]).args(words).env("REDISCLI_AUTH", password))
    };
    ask("hunter1", &["config", "set", "requirepass", "hunter2"]);
    ask("hunter2", &["client", "kill", "type", "normal", "skipme", "yes"]);
    is_away(&mut analytics, address, &WRONG_PASSWORD);
    let published = ask("hunter2", &["xinfo", "stream", "antenna_stream"]);
    mounted.replace(&[("password", "hunter2\n")]);
    simulator.until("it publishes again", |_| match ask("hunter2", &["xinfo", "stream", "antenna_stream"]) {
        now if now != published => Ok(()),
        now => Err(now),
    });
    let before = counted(&http::get(address, path::PIPELINE, &[]).expect("an answer"));
    analytics.wait_for(address, path::PIPELINE, |answer| counted(answer) > before);
    for program in [&analytics, &simulator] {
        assert!(!program.log().contains("hunter"), "{}", program.log());
    }
}
