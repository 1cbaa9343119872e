//! Where the broker is: the grammar of its address, of which every part is understood or refused, and never said aloud.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::shown;

/// Where the broker is. `REDIS_URL` wins over `REDIS_HOST` and `REDIS_PORT`, which are not read then.
#[derive(Clone)]
pub struct BrokerSettings {
    url: String,
    is_given: bool,
}

/// What the command line and the environment say.
#[derive(Debug, Args)]
struct Arguments {
    /// The broker's address: `redis://` or `rediss://`, with user, password and database if needed
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// The broker's host, if there is no URL
    #[arg(long, env = "REDIS_HOST", default_value = "127.0.0.1", value_name = "HOST")]
    redis_host: String,
    /// The broker's port, if there is no URL
    #[arg(long, env = "REDIS_PORT", default_value = "6379", value_name = "PORT")]
    redis_port: String,
}

impl BrokerSettings {
    /// The broker with this URL.
    ///
    /// # Errors
    /// What is wrong with the URL, without a part of it.
    pub fn from_url(url: &str) -> Result<Self, String> {
        check_url(url)?;
        Ok(Self { url: url.to_owned(), is_given: true })
    }

    /// The URL to connect to. It contains the password, so it must not be logged.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The URL without user and password, for logs.
    #[must_use]
    pub fn public_url(&self) -> String {
        match (self.url.find("://"), self.url.rfind('@')) {
            (Some(scheme), Some(at)) => format!("{}{}", &self.url[..scheme + 3], &self.url[at + 1..]),
            _ => self.url.clone(),
        }
    }

    /// These settings, unless all of them are defaults.
    #[must_use]
    pub fn given(&self) -> Option<&Self> {
        self.is_given.then_some(self)
    }
}

impl fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BrokerSettings").field(&self.public_url()).finish()
    }
}

impl Args for BrokerSettings {
    fn augment_args(command: Command) -> Command {
        Arguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Arguments::augment_args_for_update(command)
    }
}

impl FromArgMatches for BrokerSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let text = |id: &str| matches.get_one::<String>(id).map(String::as_str);
        if let Some(url) = text("redis_url") {
            // Nothing of it is repeated: where it is not understood, nobody knows where the password is.
            return Self::from_url(url).map_err(|why| bad(format!("bad value for --redis-url (REDIS_URL): {why}")));
        }
        let bad_value =
            |value: &str, setting: &str, why: String| bad(format!("bad value{} for {setting}: {why}", shown(value)));
        let host = text("redis_host").unwrap_or("127.0.0.1");
        let checked = host_of_setting(host).map_err(|why| bad_value(host, "--redis-host (REDIS_HOST)", why))?;
        let port = text("redis_port").unwrap_or("6379");
        let number = port_of_setting(port).map_err(|why| bad_value(port, "--redis-port (REDIS_PORT)", why))?;
        let is_set =
            |id: &&str| matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        let is_given = ["redis_host", "redis_port"].iter().any(is_set);
        Ok(Self { url: format!("redis://{checked}:{number}"), is_given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn bad(line: String) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, line)
}

/// Checks `redis[s]://[[user]:password@]host[:port][/database]`.
fn check_url(url: &str) -> Result<(), String> {
    if url.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return Err("it contains a space or the end of a line; a space within a password is %20".to_owned());
    }
    let (_, behind) = url
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "redis" | "rediss"))
        .ok_or("a URL that begins with redis:// or rediss:// is needed")?;
    let (login, place) = behind.rsplit_once('@').map_or((None, behind), |(login, place)| (Some(login), place));
    if let Some(login) = login {
        check_login(login)?;
    }
    if place.contains(['?', '#']) {
        return Err("what begins with ? or # is not supported; within a password write %3F or %23".to_owned());
    }
    let (address, database) = place.split_once('/').unwrap_or((place, ""));
    if database.len() > 9 || !database.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the database behind the / must be a number; within a password a / is %2F".to_owned());
    }
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, behind)) if host.parse::<Ipv6Addr>().is_ok() && (behind.is_empty() || behind.starts_with(':')) => {
            ("", behind.strip_prefix(':'))
        }
        Some(_) => return Err("what is in brackets is not an IPv6 address".to_owned()),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if let Some(port) = port {
        check_port(port)?;
    }
    if address.starts_with('[') { Ok(()) } else { check_host(host) }
}

fn check_login(login: &str) -> Result<(), String> {
    if login.contains(['/', '?', '#']) {
        return Err("within a user or password, write / as %2F, ? as %3F, # as %23".to_owned());
    }
    if login.split_once(':').is_none_or(|(_, password)| password.is_empty()) {
        return Err("a user without a password is of no use; a password alone is written :password@host".to_owned());
    }
    if is_utf8_when_decoded(login) { Ok(()) } else { Err("user or password is not UTF-8 once decoded".to_owned()) }
}

/// What `%` and two hexadecimal digits stand for is a byte of the text.
fn is_utf8_when_decoded(text: &str) -> bool {
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
    std::str::from_utf8(&decoded).is_ok()
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
    Err("a host is a name or an address of letters, digits, dots and hyphens".to_owned())
}

fn check_port(port: &str) -> Result<u16, String> {
    let digits = if port.bytes().all(|byte| byte.is_ascii_digit()) { port } else { "" };
    digits.parse().ok().filter(|port| *port > 0).ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

/// The host as it stands in a URL: an IPv6 address in brackets.
fn host_of_setting(host: &str) -> Result<String, String> {
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

fn port_of_setting(port: &str) -> Result<u16, String> {
    check_port(port).map_err(|why| match port.contains("://") {
        true => format!(
            "{why}; Kubernetes sets it to a URL beside a Service named redis: set REDIS_URL, or enableServiceLinks: false"
        ),
        false => why,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        broker: BrokerSettings,
    }

    fn parse(arguments: &[&str]) -> Result<BrokerSettings, String> {
        let program = Program::try_parse_from(std::iter::once("program").chain(arguments.iter().copied()));
        program.map(|program| program.broker).map_err(|error| super::super::one_line::<Program>(&error))
    }

    #[test]
    fn what_a_url_says_is_understood_to_its_last_part() {
        for url in [
            "redis://a",
            "redis://a/",
            "rediss://a:6380/15",
            "redis://127.0.0.1:1",
            "redis://[::1]",
            "redis://[fd00::7]:6379/0",
            "redis://:password@a",
            "redis://user:p@ss:w%2Frd%@my_redis.example-1.org:65535",
        ] {
            assert_eq!(parse(&["--redis-url", url]).map(|broker| broker.url()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn what_a_url_says_is_refused_where_it_would_be_ignored_and_never_repeated() {
        for (url, why) in [
            (" redis://:hunter2@a", "a space"),
            ("redis://:hunter2@a\n", "the end of a line"),
            ("Redis://:hunter2@a", "redis:// or rediss://"),
            ("valkey://:hunter2@a", "redis:// or rediss://"),
            (":hunter2@a", "redis:// or rediss://"),
            ("redis://:hunter2/x@a", "%2F"),
            ("redis://:hunter2#x@a:1", "%23"),
            ("redis://:hunter2?x@a", "%3F"),
            ("redis://hunter2@a", "without a password"),
            ("redis://user:@a", "without a password"),
            ("redis://:hunter2%ff@a", "UTF-8"),
            ("redis://:hunter2@", "a host is needed"),
            ("redis://:hunter2@0.0.0.0", "listen"),
            ("redis://:hunter2@a:0", "from 1 to 65535"),
            ("redis://:hunter2@a:", "from 1 to 65535"),
            ("redis://:hunter2@a:+1", "from 1 to 65535"),
            ("redis://:hunter2@a:6379:6379", "from 1 to 65535"),
            ("redis://:hunter2@::1", "from 1 to 65535"),
            ("redis://:hunter2@[a]", "IPv6"),
            ("redis://:hunter2@a,b", "letters"),
            ("redis://:hunter2@a/first", "number"),
            ("redis://:hunter2@a/0/", "number"),
            ("redis://:hunter2@a?protocol=resp3", "not supported"),
            ("rediss://:hunter2@a/0#insecure", "not supported"),
        ] {
            let refused = parse(&["--redis-url", url]).expect_err(url);
            assert!(refused.starts_with("bad value for --redis-url (REDIS_URL): "), "{refused}");
            assert!(refused.contains(why) && !refused.contains("hunter2") && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn a_host_and_a_port_are_named_with_the_remedy() {
        let url = |arguments: &[&str]| parse(arguments).map(|broker| broker.url());
        assert_eq!(url(&["--redis-host", "::1"]).as_deref(), Ok("redis://[::1]:6379"));
        assert_eq!(url(&["--redis-host", "[::1]", "--redis-port", "1"]).as_deref(), Ok("redis://[::1]:1"));
        for (arguments, expected) in [
            (
                ["--redis-host", "127.0.0.1:6379"],
                "bad value \"127.0.0.1:6379\" for --redis-host (REDIS_HOST): a host alone is needed; the port belongs into REDIS_PORT",
            ),
            (
                ["--redis-host", "redis://:hunter2@a"],
                "bad value for --redis-host (REDIS_HOST): a host alone is needed; a URL belongs into REDIS_URL",
            ),
            (["--redis-host", "a/0"], "bad value \"a/0\" for --redis-host (REDIS_HOST): a host is a name"),
            (["--redis-host", ""], "bad value \"\" for --redis-host (REDIS_HOST): a host is needed"),
            (
                ["--redis-port", "tcp://10.0.0.1:6379"],
                "bad value for --redis-port (REDIS_PORT): a port is a number from 1 to 65535; Kubernetes",
            ),
            (["--redis-port", "0"], "bad value \"0\" for --redis-port (REDIS_PORT): a port"),
        ] {
            let refused = parse(&arguments).expect_err("a bad value");
            assert!(refused.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn what_a_url_overrides_is_not_read() {
        let all = ["--redis-url", "redis://a", "--redis-host", "a:b:c", "--redis-port", "tcp://10.0.0.1:6379"];
        assert_eq!(parse(&all).map(|broker| broker.url()).as_deref(), Ok("redis://a"));
    }

    #[test]
    fn user_and_password_are_neither_logged_nor_debugged() {
        let broker = parse(&["--redis-url", "rediss://user:p@hunter2@a:1/2"]).expect("a good URL");
        assert_eq!(broker.public_url(), "rediss://a:1/2");
        assert!(!format!("{broker:?}").contains("hunter2"));
    }
}
