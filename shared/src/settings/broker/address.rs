//! The grammar of the broker's address: every part of it is understood or refused.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The port of a server whose address names none.
const SERVER_PORT: u16 = 6379;

/// The port of a Sentinel whose address names none.
const SENTINEL_PORT: u16 = 26379;

/// What the broker's address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One server, by a host or a socket.
    One,
    /// Servers of a Redis Cluster, any of which tells where the others are.
    Cluster(Vec<Node>),
    /// Sentinels, any of which tells where the master is that they know under a name.
    Sentinel {
        /// Where they listen.
        sentinels: Vec<Node>,
        /// The master's name.
        name: String,
    },
}

/// Where a server or a Sentinel listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// A name or an address, an IPv6 one without brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// A URL of which every part is understood.
#[derive(Debug)]
pub(super) struct Address<'a> {
    scheme: &'a str,
    /// What is behind the scheme and the login: hosts, ports, name and database, or the path of a socket without what is asked of it.
    place: &'a str,
    /// The database, as it is written.
    database: &'a str,
    pub(super) has_login: bool,
    pub(super) topology: Topology,
}

impl<'a> Address<'a> {
    pub(super) fn of(url: &'a str) -> Result<Self, String> {
        if url.contains(|it: char| it.is_whitespace() || it.is_control()) {
            return Err("it contains a space or the end of a line; a space within a password is %20".to_owned());
        }
        let (scheme, behind) = url.split_once("://").unwrap_or_default();
        let (server, several) =
            scheme.split_once('+').map_or((scheme, None), |(server, several)| (server, Some(several)));
        match (server, several) {
            ("redis" | "rediss" | "valkey" | "valkeys", None | Some("cluster" | "sentinel")) => {
                Self::of_hosts(scheme, several, behind)
            }
            ("unix", None) => Self::of_socket(behind),
            ("unix", Some("cluster" | "sentinel")) => {
                Err("a cluster or Sentinels are reached by hosts and ports, not by a socket".to_owned())
            }
            _ => {
                Err("a URL that begins with redis://, rediss://, valkey://, valkeys:// or unix:// is needed, or, for \
                      several servers, one with +cluster or +sentinel before the ://, as redis+cluster://"
                    .to_owned())
            }
        }
    }

    fn of_hosts(scheme: &'a str, several: Option<&str>, behind: &'a str) -> Result<Self, String> {
        let (login, place) = behind.rsplit_once('@').map_or((None, behind), |(login, place)| (Some(login), place));
        login.map_or(Ok(()), check_login)?;
        if place.contains(['?', '#']) {
            return Err("what begins with ? or # is not supported; within a password write %3F or %23".to_owned());
        }
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let nodes = |port| hosts.split(',').map(|host| node(host, port)).collect::<Result<Vec<_>, _>>();
        let (topology, database) = match several {
            None => node(hosts, SERVER_PORT).map(|_| (Topology::One, path))?,
            Some("cluster") => (Topology::Cluster(nodes(SERVER_PORT)?), path),
            Some(_) => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                check_name(name)?;
                (Topology::Sentinel { sentinels: nodes(SENTINEL_PORT)?, name: name.to_owned() }, database)
            }
        };
        check_database(database)?;
        if matches!(topology, Topology::Cluster(_)) && database.bytes().any(|digit| digit != b'0') {
            return Err("a cluster has no database but 0".to_owned());
        }
        Ok(Self { scheme, place, database, has_login: login.is_some(), topology })
    }

    /// `/path?db=N&user=U&pass=P`, as the clients of Redis for several languages understand it.
    fn of_socket(behind: &'a str) -> Result<Self, String> {
        let (path, asked) = behind.split_once('?').unwrap_or((behind, ""));
        if behind.contains('#') {
            return Err("what begins with # is not supported; within a path or a password write %23".to_owned());
        }
        let decoded = String::from_utf8(decoded(path)).unwrap_or_default();
        let is_path = decoded.starts_with('/') && !decoded.ends_with('/') && !decoded.contains('\0');
        if !is_path || decoded.len() > SOCKET_PATH_MAX {
            return Err(format!(
                "the path of a socket is needed behind unix://, with a / in front, of {SOCKET_PATH_MAX} bytes at most"
            ));
        }
        let (mut database, mut user, mut pass) = (None, None, None);
        for pair in asked.split('&').filter(|_| !asked.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "db" => &mut database,
                "user" => &mut user,
                "pass" => &mut pass,
                _ => return Err("behind the path of a socket only db, user and pass are known".to_owned()),
            };
            if place.replace(value).is_some() {
                return Err("db, user or pass is given twice".to_owned());
            }
        }
        if database == Some("") {
            return Err("db is empty; the number of a database is needed behind it".to_owned());
        }
        let database = database.unwrap_or("");
        check_database(database)?;
        match (user, pass) {
            (Some(_), None) | (_, Some("")) => return Err("a user without a password (pass) is of no use".to_owned()),
            (user, pass) if [user, pass].into_iter().flatten().any(|text| !is_utf8_when_decoded(text)) => {
                return Err(NOT_UTF8.to_owned());
            }
            _ => {}
        }
        Ok(Self { scheme: "unix", place: path, database, has_login: pass.is_some(), topology: Topology::One })
    }

    pub(super) fn is_tls(&self) -> bool {
        let server = self.scheme.split('+').next().unwrap_or_default();
        ["rediss", "valkeys"].contains(&server)
    }

    pub(super) fn public_url(&self) -> String {
        let Self { scheme, place, database, .. } = self;
        match *scheme {
            "unix" if !database.is_empty() => format!("{scheme}://{place}?db={database}"),
            _ => format!("{scheme}://{place}"),
        }
    }

    pub(super) fn with_login(&self, username: &str, password: &str) -> String {
        let encoded = |text: &str| {
            // Only in a query is a space a plus sign.
            form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let (username, password) = (encoded(username), encoded(password));
        let Self { scheme, place, database, .. } = self;
        match *scheme {
            "unix" => {
                let mut pairs = Vec::new();
                pairs.extend((!database.is_empty()).then(|| format!("db={database}")));
                pairs.extend((!username.is_empty()).then(|| format!("user={username}")));
                format!(
                    "unix://{place}?{}pass={password}",
                    pairs.iter().map(|pair| format!("{pair}&")).collect::<String>()
                )
            }
            _ => format!("{scheme}://{username}:{password}@{place}"),
        }
    }

    /// A URL for the redis crate with what is the same for all servers: TLS, the login of `url` and the database. Of one server, that is
    /// all there is to it; of several, the first one's host stands in for whichever it turns out to be.
    pub(super) fn url_of_a_server(&self, url: &str) -> String {
        let nodes = match &self.topology {
            Topology::One => return url.to_owned(),
            Topology::Cluster(nodes) | Topology::Sentinel { sentinels: nodes, .. } => nodes,
        };
        let login = url.split_once("://").and_then(|(_, behind)| behind.rsplit_once('@'));
        let login = login.map_or_else(String::new, |(login, _)| format!("{login}@"));
        let (scheme, host) = (if self.is_tls() { "rediss" } else { "redis" }, &nodes[0]);
        format!("{scheme}://{login}{host}/{}", self.database)
    }
}

/// What the address of a socket holds in Linux, without the end.
const SOCKET_PATH_MAX: usize = 107;

const NOT_UTF8: &str = "user or password is not UTF-8 once decoded";

/// The longest name of a master; Sentinel itself knows no limit.
const NAME_MAX: usize = 253;

/// `host[:port]`.
fn node(text: &str, default_port: u16) -> Result<Node, String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, behind)) if host.parse::<Ipv6Addr>().is_ok() && (behind.is_empty() || behind.starts_with(':')) => {
            (host, behind.strip_prefix(':'))
        }
        Some(_) => return Err("what is in brackets is not an IPv6 address".to_owned()),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(default_port), check_port)?;
    if !text.starts_with('[') {
        check_host(host)?;
    }
    Ok(Node { host: host.to_owned(), port })
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name under which the Sentinels know the master is needed behind the /".to_owned());
    }
    if name.len() > NAME_MAX || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Err(format!(
            "the name of a master is made of letters, digits, dots, hyphens and underscores, {NAME_MAX} at most; within a \
             password a / is %2F"
        ));
    }
    Ok(())
}

fn check_database(database: &str) -> Result<(), String> {
    if database.len() > 9 || !database.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the database behind the / must be a number; within a password a / is %2F".to_owned());
    }
    Ok(())
}

fn check_login(login: &str) -> Result<(), String> {
    if login.contains(['/', '?', '#']) {
        return Err("within a user or password, write / as %2F, ? as %3F, # as %23".to_owned());
    }
    if login.split_once(':').is_none_or(|(_, password)| password.is_empty()) {
        return Err("a user without a password is of no use; a password alone is written :password@host".to_owned());
    }
    if is_utf8_when_decoded(login) { Ok(()) } else { Err(NOT_UTF8.to_owned()) }
}

fn is_utf8_when_decoded(text: &str) -> bool {
    String::from_utf8(decoded(text)).is_ok()
}

/// What `%` and two hexadecimal digits stand for is a byte of the text.
fn decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = behind.first_chunk().filter(|_| *first == b'%');
        let escaped = escaped.and_then(|digits: &[u8; 2]| std::str::from_utf8(digits).ok());
        let byte = escaped.filter(|it| it.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    decoded
}

fn check_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("a host is needed".to_owned());
    }
    if host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_unspecified()) {
        return Err("0.0.0.0 is an address to listen on, not one to connect to".to_owned());
    }
    if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Ok(());
    }
    let several = if host.contains(',') { "; several need redis+cluster:// or redis+sentinel://" } else { "" };
    Err(format!("a host is a name or an address of letters, digits, dots and hyphens{several}"))
}

fn check_port(port: &str) -> Result<u16, String> {
    let digits = if port.bytes().all(|byte| byte.is_ascii_digit()) { port } else { "" };
    digits.parse().ok().filter(|port| *port > 0).ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

/// The host as it stands in a URL: an IPv6 address in brackets.
pub(super) fn host_of_setting(host: &str) -> Result<String, String> {
    let without_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if without_brackets.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{without_brackets}]"));
    }
    if host.contains("://") {
        return Err("a host alone is needed; a URL belongs into REDIS_URL".to_owned());
    }
    if host.rsplit_once(':').is_some_and(|(_, port)| check_port(port).is_ok()) {
        return Err("a host alone is needed; the port belongs into REDIS_PORT".to_owned());
    }
    check_host(host).map(|()| host.to_owned())
}

pub(super) fn port_of_setting(port: &str) -> Result<u16, String> {
    check_port(port).map_err(|why| match port.contains("://") {
        true => format!(
            "{why}; Kubernetes sets it to a URL beside a Service named redis: set REDIS_URL, or enableServiceLinks: false"
        ),
        false => why,
    })
}
