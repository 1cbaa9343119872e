//! Where the broker is, and how to get in: of its address every part is understood or refused, and never said aloud.

mod address;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult};

use self::address::{Address, host_of_setting, port_of_setting};
pub(crate) use self::address::{Node, Topology};
use super::certificates::Certificates;
use super::secret::{Secret, Trouble, ValueOrFile, can_be_read_again};
use super::shown;
use crate::health;

/// Where the broker is, and who says that they are whom. `REDIS_URL` wins over `REDIS_HOST` and `REDIS_PORT`, which are not read
/// then.
#[derive(Clone)]
pub struct BrokerSettings {
    url: String,
    public_url: String,
    topology: Topology,
    /// What the redis crate is told of each server, see [`Address::url_of_a_server`].
    server_url: String,
    sentinel_login: Login,
    is_given: bool,
    certificates: Certificates,
    files: Option<Arc<Files>>,
}

/// Settings of which some are in files, which may be replaced while the program runs.
struct Files {
    given: Given,
    /// As they were read last when all of them could be used.
    last: Mutex<BrokerSettings>,
    trouble: Trouble,
}

/// What is given, before files are read.
#[derive(Default)]
struct Given {
    url: String,
    /// What is said first of a URL that is not good.
    bad_url: &'static str,
    is_given: bool,
    username: (Option<String>, Option<PathBuf>),
    password: (Option<String>, Option<PathBuf>),
    sentinel_username: (Option<String>, Option<PathBuf>),
    sentinel_password: (Option<String>, Option<PathBuf>),
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// What the command line and the environment say.
#[derive(Debug, Args)]
struct Arguments {
    /// The broker's address: `redis://`, `rediss://`, `valkey://` or `valkeys://`, with user, password and database if needed;
    /// `redis+cluster://host,host` for a cluster, `redis+sentinel://host,host/name` for Sentinels; or
    /// `unix:///path?db=N&user=U&pass=P`
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// The broker's host, if there is no URL
    #[arg(long, env = "REDIS_HOST", default_value = "127.0.0.1", value_name = "HOST")]
    redis_host: String,
    /// The broker's port, if there is no URL
    #[arg(long, env = "REDIS_PORT", default_value = "6379", value_name = "PORT")]
    redis_port: String,
    /// User of the broker, if the URL names none
    #[arg(long, env = "REDIS_USERNAME", value_name = "USER", hide_env_values = true)]
    redis_username: Option<String>,
    /// File that holds the user; this one and the others are read again whenever a connection is made
    #[arg(long, env = "REDIS_USERNAME_FILE", value_name = "FILE")]
    redis_username_file: Option<PathBuf>,
    /// Password of the broker, if the URL has none. Others on this machine can see the value of a flag
    #[arg(long, env = "REDIS_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    redis_password: Option<String>,
    /// File that holds the password
    #[arg(long, env = "REDIS_PASSWORD_FILE", value_name = "FILE")]
    redis_password_file: Option<PathBuf>,
    /// User of the Sentinels, if they want one
    #[arg(long, env = "REDIS_SENTINEL_USERNAME", value_name = "USER", hide_env_values = true)]
    redis_sentinel_username: Option<String>,
    /// File that holds the Sentinels' user
    #[arg(long, env = "REDIS_SENTINEL_USERNAME_FILE", value_name = "FILE")]
    redis_sentinel_username_file: Option<PathBuf>,
    /// Password of the Sentinels, if they want one. The broker's is not told to them
    #[arg(long, env = "REDIS_SENTINEL_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    redis_sentinel_password: Option<String>,
    /// File that holds the Sentinels' password
    #[arg(long, env = "REDIS_SENTINEL_PASSWORD_FILE", value_name = "FILE")]
    redis_sentinel_password_file: Option<PathBuf>,
    /// Certificates, as PEM, of the authority that signed the broker's, in place of those that this machine trusts
    #[arg(long, env = "REDIS_CA_FILE", value_name = "FILE")]
    redis_ca_file: Option<PathBuf>,
    /// Certificate, as PEM, to show to the broker
    #[arg(long, env = "REDIS_CERT_FILE", value_name = "FILE")]
    redis_cert_file: Option<PathBuf>,
    /// Key of that certificate, as PEM
    #[arg(long, env = "REDIS_KEY_FILE", value_name = "FILE")]
    redis_key_file: Option<PathBuf>,
}

/// Settings that are of use only where a broker is given.
const SETTINGS: [&str; 13] = [
    "redis_host",
    "redis_port",
    "redis_username",
    "redis_username_file",
    "redis_password",
    "redis_password_file",
    "redis_sentinel_username",
    "redis_sentinel_username_file",
    "redis_sentinel_password",
    "redis_sentinel_password_file",
    "redis_ca_file",
    "redis_cert_file",
    "redis_key_file",
];

/// User and password, apart from the URL.
#[derive(Clone, Default)]
struct Login {
    username: Option<Secret>,
    password: Option<Secret>,
}

/// Everything that lets this program in, apart from the URL.
#[derive(Default)]
struct Keys {
    login: Login,
    sentinel_login: Login,
    certificates: Certificates,
}

impl Login {
    /// A user is of no use alone. `password` is the name of the password's setting.
    fn check(&self, password: &str) -> Result<(), String> {
        match self {
            Self { username: Some(_), password: None } => {
                let username = password.replace("PASSWORD", "USERNAME");
                Err(format!("{username} is of no use without {password} or {password}_FILE"))
            }
            _ => Ok(()),
        }
    }
}

impl BrokerSettings {
    /// The broker with this URL.
    ///
    /// # Errors
    /// What is wrong with the URL, without a part of it.
    pub fn from_url(url: &str) -> Result<Self, String> {
        Self::new(url, Keys::default(), true)
    }

    fn new(url: &str, keys: Keys, is_given: bool) -> Result<Self, String> {
        let Keys { login, sentinel_login, certificates } = keys;
        let address = Address::of(url)?;
        if !certificates.are_default() && !address.is_tls() {
            return Err("REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE need rediss:// or valkeys://".to_owned());
        }
        login.check("REDIS_PASSWORD")?;
        sentinel_login.check("REDIS_SENTINEL_PASSWORD")?;
        if sentinel_login.password.is_some() && !matches!(address.topology, Topology::Sentinel { .. }) {
            return Err("REDIS_SENTINEL_PASSWORD and its like need redis+sentinel://".to_owned());
        }
        let url = match &login.password {
            None => url.to_owned(),
            Some(_) if address.has_login => {
                return Err("it has a password, and REDIS_PASSWORD or REDIS_PASSWORD_FILE is given too".to_owned());
            }
            Some(password) => address.with_login(login.username.as_ref().map_or("", Secret::reveal), password.reveal()),
        };
        let (public_url, server_url) = (address.public_url(), address.url_of_a_server(&url));
        let topology = address.topology;
        Ok(Self { url, public_url, topology, server_url, sentinel_login, is_given, certificates, files: None })
    }

    /// The same with what the files hold now, for a connection that is about to be made. Where one of them cannot be used,
    /// everything is as it was read last, and one line says why.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let Some(files) = &self.files else { return self.clone() };
        // What is mounted is replaced as a whole, which may fall between two files that belong together. The second time they do.
        let read = files.given.read().or_else(|_| files.given.read());
        let mut last = files.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = files.trouble.told(read) {
            *last = read;
        }
        Self { files: Some(Arc::clone(files)), ..last.clone() }
    }

    /// The URL to connect to. It contains the password, so it must not be logged.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The URL without user and password, for logs.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone()
    }

    /// Who is trusted, and what is shown, where the broker talks TLS.
    #[must_use]
    pub const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What the URL leads to.
    pub(crate) const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Whether the broker talks TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.server_url.starts_with("rediss://") || self.server_url.starts_with("valkeys://")
    }

    /// A client of the only server, which connects when it is told to.
    pub(crate) fn client(&self) -> RedisResult<Client> {
        self.client_of(self.server_url.as_str().into_connection_info()?)
    }

    /// A client of one of several servers.
    pub(crate) fn client_at(&self, node: &Node) -> RedisResult<Client> {
        let server = self.server_url.as_str().into_connection_info()?;
        let addr = at(server.addr(), node);
        self.client_of(server.set_addr(addr))
    }

    /// A client of a Sentinel, which has a login of its own and no databases.
    pub(crate) fn client_at_sentinel(&self, node: &Node) -> RedisResult<Client> {
        let server = self.server_url.as_str().into_connection_info()?;
        let addr = at(server.addr(), node);
        let mut login = RedisConnectionInfo::default();
        if let Some(username) = &self.sentinel_login.username {
            login = login.set_username(username.reveal());
        }
        if let Some(password) = &self.sentinel_login.password {
            login = login.set_password(password.reveal());
        }
        self.client_of(server.set_addr(addr).set_redis_settings(login))
    }

    fn client_of(&self, server: ConnectionInfo) -> RedisResult<Client> {
        // An error means that a provider is installed already, which serves as well.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        match self.certificates.are_default() {
            true => Client::open(server),
            false => Client::build_with_tls(server, self.certificates.for_redis()),
        }
    }

    /// What is to blame for a connection that failed with an error, where that is known.
    pub(crate) fn blame(&self, error: &str) -> Option<String> {
        self.certificates.blame(error)
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
        let bad_value =
            |value: &str, setting: &str, why: String| bad(format!("bad value{} for {setting}: {why}", shown(value)));
        let (url, bad_url, is_given) = match text("redis_url") {
            // Nothing of it is repeated: where it is not understood, nobody knows where the password is.
            Some(url) => (url.to_owned(), "bad value for --redis-url (REDIS_URL): ", true),
            None => {
                let host = text("redis_host").unwrap_or("127.0.0.1");
                let checked = host_of_setting(host).map_err(|why| bad_value(host, "--redis-host (REDIS_HOST)", why))?;
                let port = text("redis_port").unwrap_or("6379");
                let number = port_of_setting(port).map_err(|why| bad_value(port, "--redis-port (REDIS_PORT)", why))?;
                let is_set = |id: &&str| {
                    matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
                };
                let bad_url = "bad value for --redis-url (REDIS_URL), which is not set: ";
                (format!("redis://{checked}:{number}"), bad_url, SETTINGS.iter().any(is_set))
            }
        };
        let mut given = Given { url, bad_url, is_given, ..Given::default() };
        // Whoever only asks for health asks no broker, and is not to fail while a file is being replaced.
        if !health::is_asked(matches) {
            let file = |id: &str| matches.get_one::<PathBuf>(id).cloned();
            let either = |id: &str, file_id: &str| (text(id).map(str::to_owned), file(file_id));
            given.username = either("redis_username", "redis_username_file");
            given.password = either("redis_password", "redis_password_file");
            given.sentinel_username = either("redis_sentinel_username", "redis_sentinel_username_file");
            given.sentinel_password = either("redis_sentinel_password", "redis_sentinel_password_file");
            [given.ca, given.certificate, given.key] = ["redis_ca_file", "redis_cert_file", "redis_key_file"].map(file);
        }
        let read = given.read().map_err(bad)?;
        if !given.can_be_read_again() {
            return Ok(read);
        }
        let files = Files { given, last: Mutex::new(read.clone()), trouble: Trouble::default() };
        Ok(Self { files: Some(Arc::new(files)), ..read })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Given {
    /// Whether there are files, all of which can be read again.
    fn can_be_read_again(&self) -> bool {
        let logins = [&self.username, &self.password, &self.sentinel_username, &self.sentinel_password];
        let files = logins.map(|(_, file)| file).into_iter().chain([&self.ca, &self.certificate, &self.key]);
        let mut files = files.flatten().peekable();
        files.peek().is_some() && files.all(|file| can_be_read_again(file))
    }

    /// The settings, with what the files hold now.
    ///
    /// # Errors
    /// A line that names the setting, and the file if one is to blame.
    fn read(&self) -> Result<BrokerSettings, String> {
        let secret = |name, (value, file): &(Option<String>, Option<PathBuf>)| {
            ValueOrFile { name, value: value.as_deref(), file: file.as_deref() }.read(not_empty)
        };
        let login = Login {
            username: secret("REDIS_USERNAME", &self.username)?,
            password: secret("REDIS_PASSWORD", &self.password)?,
        };
        let sentinel_login = Login {
            username: secret("REDIS_SENTINEL_USERNAME", &self.sentinel_username)?,
            password: secret("REDIS_SENTINEL_PASSWORD", &self.sentinel_password)?,
        };
        let certificates = Certificates::read(self.ca.as_deref(), self.certificate.as_deref(), self.key.as_deref())?;
        BrokerSettings::new(&self.url, Keys { login, sentinel_login, certificates }, self.is_given)
            .map_err(|why| format!("{}{why}", self.bad_url))
    }
}

fn bad(line: String) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, line)
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(()) }
}

/// Another server's address, with or without TLS as this one.
fn at(address: &ConnectionAddr, Node { host, port }: &Node) -> ConnectionAddr {
    let (host, port) = (host.clone(), *port);
    match address {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    }
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
            "valkey://user:password@a:6379/1",
            "valkeys://[::1]",
            "unix:///run/redis/redis.sock",
            "unix:///run/a%20b.sock?db=2&user=u&pass=p%26%20w",
            "redis+cluster://a",
            "redis+cluster://:password@a:7000,b,[fd00::7]:7001/",
            "rediss+cluster://user:password@a,b/0",
            "valkeys+cluster://a",
            "redis+sentinel://a/readings",
            "rediss+sentinel://user:pass,word@a:26380,[::1],10.0.0.1/my_master-1.x/2",
            "valkey+sentinel://a/b",
        ] {
            assert_eq!(parse(&["--redis-url", url]).map(|broker| broker.url()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn what_a_url_says_is_refused_where_it_would_be_ignored_and_never_repeated() {
        for (url, why) in [
            (" redis://:hunter2@a", "a space"),
            ("redis://:hunter2@a\n", "the end of a line"),
            ("Redis://:hunter2@a", "redis://, rediss://"),
            ("valkeyss://:hunter2@a", "redis://, rediss://"),
            (":hunter2@a", "redis://, rediss://"),
            ("unix://:hunter2@/a.sock", "a / in front"),
            ("unix://hunter2.sock", "a / in front"),
            ("unix:///hunter2/", "a / in front"),
            ("unix:///run/%ff?pass=hunter2", "a / in front"),
            ("unix:///hunter2%00.sock", "a / in front"),
            ("unix:///a.sock?pass=hunter2&db=", "db is empty"),
            ("unix:///a.sock?db&pass=hunter2", "db is empty"),
            ("unix:///a.sock?password=hunter2", "only db, user and pass"),
            ("unix:///a.sock?user=hunter2", "without a password"),
            ("unix:///a.sock?user=hunter2&pass=", "without a password"),
            ("unix:///a.sock?pass=hunter2&pass=hunter2", "twice"),
            ("unix:///a.sock?pass=hunter2%ff", "UTF-8"),
            ("unix:///a.sock?pass=hunter2&db=first", "number"),
            ("unix:///a.sock?pass=hunter2#x", "%23"),
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
            ("redis://:hunter2@a,b", "several need redis+cluster://"),
            ("redis+clusters://:hunter2@a", "+cluster or +sentinel"),
            ("redis-cluster://:hunter2@a", "+cluster or +sentinel"),
            ("sentinel://:hunter2@a", "+cluster or +sentinel"),
            ("redis+cluster+sentinel://:hunter2@a", "+cluster or +sentinel"),
            ("unix+cluster:///a.sock?pass=hunter2", "not by a socket"),
            ("unix+sentinel:///a.sock?pass=hunter2", "not by a socket"),
            ("redis+cluster://:hunter2@a/1", "no database but 0"),
            ("redis+cluster://:hunter2@a/readings", "number"),
            ("redis+cluster://:hunter2@a,", "a host is needed"),
            ("redis+cluster://:hunter2@a,,b", "a host is needed"),
            ("redis+cluster://:hunter2@a,b:0", "from 1 to 65535"),
            ("redis+cluster://:hunter2@a,0.0.0.0", "listen"),
            ("redis+cluster://:hunter2@a,[b]", "IPv6"),
            ("redis+cluster://:hunter2@a?protocol=3", "not supported"),
            ("redis+sentinel://:hunter2@a", "the name under which"),
            ("redis+sentinel://:hunter2@a/", "the name under which"),
            ("redis+sentinel://:hunter2@a//1", "the name under which"),
            ("redis+sentinel://:hunter2@a/read%20ings", "the name of a master"),
            ("redis+sentinel://:hunter2@a/readings/first", "number"),
            ("redis+sentinel://:hunter2@a/readings/0/1", "number"),
            ("redis+sentinel://:hunter2/x@a/readings", "%2F"),
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
        let broker = parse(&["--redis-url", "unix:///a.sock?user=u&pass=hunter2&db=1"]).expect("a good URL");
        assert_eq!(broker.public_url(), "unix:///a.sock?db=1");
    }

    /// Whatever they hold, they arrive at the redis crate as they are.
    #[test]
    fn user_and_password_of_their_own_are_those_of_the_url() {
        let secret = "h@u:n/t?e#r%2 +&=ñ";
        for url in [
            "redis://a:1/2",
            "rediss://a:1/2",
            "valkey://a:1/2",
            "unix:///a.sock?db=2",
            "unix:///a.sock",
            "redis+cluster://a:1,b",
            "rediss+cluster://[::1]/0",
            "valkeys+sentinel://a,b/readings/2",
        ] {
            for username in [None, Some("us er@:")] {
                let mut arguments = vec!["--redis-url", url, "--redis-password", secret];
                arguments.extend(username.iter().flat_map(|username| ["--redis-username", username]));
                let broker = parse(&arguments).expect("good settings");
                assert_eq!(broker.public_url(), url);
                let client = broker.client().expect("the redis crate takes it");
                let settings = client.get_connection_info().redis_settings();
                assert_eq!((settings.username(), settings.password()), (username, Some(secret)), "{url}");
                assert_eq!(settings.db(), if url.ends_with('2') { 2 } else { 0 });
                // What was made is one of ours.
                assert!(Address::of(&broker.url()).is_ok_and(|address| address.has_login), "{url}");
            }
        }
        let broker = parse(&["--redis-password", "hunter2"]).expect("good settings");
        assert_eq!((broker.url().as_str(), broker.given().is_some()), ("redis://:hunter2@127.0.0.1:6379", true));
    }

    /// Also by a clone, as each part of a program has one.
    #[test]
    fn a_connection_is_made_with_what_the_files_hold_at_that_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        let write = |text: &str| std::fs::write(&path, text).expect("a file");
        write("hunter1");
        let file = path.to_str().expect("text");
        let broker = parse(&["--redis-url", "redis://a/2", "--redis-password-file", file]).expect("good settings");
        let password = |broker: &BrokerSettings| {
            let client = broker.fresh().client().expect("the redis crate takes it");
            let settings = client.get_connection_info().redis_settings();
            (settings.password().expect("a password").to_owned(), settings.db())
        };
        assert_eq!(password(&broker), ("hunter1".to_owned(), 2));
        write("hunter2\n");
        let clone = broker.clone();
        assert_eq!(password(&clone), ("hunter2".to_owned(), 2));
        write("");
        assert_eq!((password(&broker).0, password(&clone).0), ("hunter2".to_owned(), "hunter2".to_owned()));
        std::fs::remove_file(&path).expect("a file");
        assert_eq!(password(&broker.fresh()).0, "hunter2");
        write("hunter3");
        assert_eq!(password(&broker).0, "hunter3");
        assert!(!format!("{:?}", broker.fresh()).contains("hunter"));
        let without = parse(&["--redis-url", "redis://:hunter2@a"]).expect("a good URL");
        assert_eq!(without.fresh().url(), without.url());
    }

    /// Each server has the login of the URL, and each Sentinel one of its own; TLS is for all of them or for none.
    #[test]
    fn servers_and_sentinels_have_logins_of_their_own() {
        let url = "rediss+sentinel://user:hunter2@a,b:1/readings/2";
        let sentinel = ["--redis-sentinel-username", "guard", "--redis-sentinel-password", "hunter3"];
        let broker = parse(&[&["--redis-url", url], &sentinel[..]].concat()).expect("good settings");
        let node = |host: &str, port| Node { host: host.to_owned(), port };
        let Topology::Sentinel { sentinels, name } = broker.topology() else { panic!("{broker:?}") };
        assert_eq!((sentinels, name.as_str()), (&vec![node("a", 26_379), node("b", 1)], "readings"));
        let server = broker.client_at(&node("fd00::7", 7)).expect("a client");
        let (server, settings) = (server.get_connection_info(), server.get_connection_info().redis_settings());
        let expected =
            ConnectionAddr::TcpTls { host: "fd00::7".to_owned(), port: 7, insecure: false, tls_params: None };
        assert_eq!(server.addr(), &expected);
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("user"), Some("hunter2"), 2));
        let guard = broker.client_at_sentinel(&sentinels[0]).expect("a client");
        let settings = guard.get_connection_info().redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("guard"), Some("hunter3"), 0));
        assert!(broker.is_tls() && !format!("{broker:?}").contains("hunter"), "{broker:?}");
        assert_eq!(broker.public_url(), "rediss+sentinel://a,b:1/readings/2");
        // Without one of its own, a Sentinel is shown none.
        let broker = parse(&["--redis-url", url]).expect("good settings");
        let guard = broker.client_at_sentinel(&node("a", 1)).expect("a client");
        assert_eq!(guard.get_connection_info().redis_settings().password(), None);
        let broker = parse(&["--redis-url", "redis+cluster://a,b:1"]).expect("good settings");
        assert_eq!(broker.topology(), &Topology::Cluster(vec![node("a", 6_379), node("b", 1)]));
        assert!(!broker.is_tls());
    }

    #[test]
    fn what_would_be_ignored_beside_a_url_is_refused() {
        for (arguments, why) in [
            (&["--redis-url", "redis://:hunter2@a", "--redis-password", "hunter2"][..], "is given too"),
            (&["--redis-url", "unix:///a?pass=hunter2", "--redis-password", "hunter2"], "is given too"),
            (&["--redis-url", "redis://a", "--redis-username", "hunter2"], "without REDIS_PASSWORD"),
            (&["--redis-password", ""], "--redis-password (REDIS_PASSWORD): it is empty"),
            (
                &["--redis-password", "hunter2", "--redis-password-file", "/hunter"],
                "(REDIS_PASSWORD_FILE) are both given",
            ),
            (&["--redis-sentinel-password", "hunter2"], "need redis+sentinel://"),
            (&["--redis-url", "redis+cluster://a", "--redis-sentinel-password", "hunter2"], "need redis+sentinel://"),
            (
                &["--redis-url", "redis+sentinel://a/b", "--redis-sentinel-username", "hunter2"],
                "REDIS_SENTINEL_USERNAME is of no use without REDIS_SENTINEL_PASSWORD",
            ),
            (&["--redis-username-file", "/no/such"], "bad file /no/such of --redis-username-file"),
            (&["--redis-ca-file", "/no/such"], "bad file /no/such of --redis-ca-file"),
            (&["--redis-cert-file", "/no/such"], "--redis-key-file (REDIS_KEY_FILE) is needed"),
            (&["--redis-key-file", "/no/such"], "--redis-cert-file (REDIS_CERT_FILE) is needed"),
        ] {
            let refused = parse(arguments).expect_err(why);
            assert!(refused.contains(why) && !refused.contains("hunter2") && !refused.contains('\n'), "{refused}");
        }
    }
}
