//! The dashboard's settings, as flags or environment variables.

use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches};
use shared::server::HttpSettings;
use shared::settings::{KeptToken, TokenSettings, parse_bind};

pub use reqwest::Url;

pub use crate::auth::settings::{AuthSettings, Users};

use crate::query::Base;

/// The settings of the dashboard.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(long, global = true, env = "BIND", default_value = "[::]:8000", value_name = "ADDRESS", value_parser = parse_bind)]
    pub bind: SocketAddr,
    /// Who may take how much of HTTP.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Where the figures come from.
    #[command(flatten)]
    pub origin: Origin,
    /// Host names that the dashboard answers to, separated by commas; .example.org includes its subdomains; empty
    /// allows any
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "", value_name = "HOSTS", hide_default_value = true)]
    pub allowed_hosts: AllowedHosts,
    /// Path below which a proxy has the dashboard, like /vigia; all addresses in pages begin with it
    #[arg(long, env = "BASE_PATH", default_value = "", value_name = "PATH", hide_default_value = true)]
    pub base_path: Base,
    /// Who may see the page, and change things.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// Whether there is a public status page: on shows the sites that have a public name, at /status and to anybody
    #[arg(long, env = "STATUS", default_value = "off", value_name = "off|on", action = ArgAction::Set, value_parser = parse_switch)]
    pub status: bool,
}

/// Reads `off` or `on`.
///
/// # Errors
/// When it is neither.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "off" => Ok(false),
        "on" => Ok(true),
        _ => Err("off or on is needed".to_owned()),
    }
}

/// Where the figures come from. With `MOCK`, the address of analytics and its token are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Analytics answers.
    Analytics {
        /// Where.
        url: Url,
        /// What it demands, if it does.
        token: Option<KeptToken>,
    },
    /// The built-in network.
    BuiltIn {
        /// Its number of antennas.
        antennas: u32,
    },
}

#[derive(Debug, Args)]
struct OriginArguments {
    /// Where analytics answers
    #[arg(long, env = "ANALYTICS_URL", default_value = DEFAULT_ANALYTICS_URL, value_name = "URL")]
    analytics_url: String,
    /// Serve built-in data instead of asking analytics
    #[arg(long, env = "MOCK", value_parser = BoolishValueParser::new())]
    mock: bool,
    /// Antennas in the built-in data
    #[arg(long, env = "MOCK_ANTENNAS", default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    mock_antennas: u32,
}

impl Args for Origin {
    fn augment_args(command: Command) -> Command {
        TokenSettings::augment_args(OriginArguments::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        TokenSettings::augment_args_for_update(OriginArguments::augment_args_for_update(command))
    }
}

impl FromArgMatches for Origin {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let OriginArguments { analytics_url, mock, mock_antennas } = OriginArguments::from_arg_matches(matches)?;
        if mock {
            return Ok(Self::BuiltIn { antennas: mock_antennas });
        }
        // The value is not repeated: it may hold a password.
        let bad = |why| format!("bad value for --analytics-url (ANALYTICS_URL): {why}");
        let TokenSettings { token } = TokenSettings::from_arg_matches(matches)?;
        let url = parse_analytics_url(&analytics_url).and_then(|url| {
            let has_login = !url.username().is_empty() || url.password().is_some();
            match has_login && token.is_some() {
                true => Err("a user or password in it and ANALYTICS_TOKEN cannot both be sent".to_owned()),
                false => Ok(url),
            }
        });
        url.map(|url| Self::Analytics { url, token })
            .map_err(|why| clap::Error::raw(ErrorKind::ValueValidation, bad(why)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

const DEFAULT_ANALYTICS_URL: &str = "http://analytics-service:8000";

impl Settings {
    /// The defaults, with figures from somewhere.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        let bind = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8000));
        Self {
            bind,
            http: HttpSettings::default(),
            origin,
            allowed_hosts: AllowedHosts::default(),
            base_path: Base::default(),
            auth: AuthSettings::Off,
            status: false,
        }
    }
}

/// Hosts that the dashboard answers for: a guard against DNS rebinding. The default allows any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Whether a `Host` header, with or without a port, names an allowed host.
    #[must_use]
    pub fn allow(&self, host_header: Option<&str>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(host) = host_header.map(without_port) else { return false };
        self.0.iter().any(|allowed| match allowed.strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(allowed),
            None => host == *allowed,
        })
    }
}

impl FromStr for AllowedHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hosts: Vec<String> =
            text.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()).collect();
        if hosts.iter().any(|host| host == "*") {
            return Ok(Self::default());
        }
        let is_host = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        match hosts.iter().find(|host| !is_host(host) || has_port(host)) {
            Some(host) => Err(format!("{host:?} is not a host name; no scheme, port or path is needed")),
            None => Ok(Self(hosts)),
        }
    }
}

/// `Example.org:8000` becomes `example.org`, `[::1]:8000` becomes `[::1]`.
fn without_port(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.rsplit_once(':') {
        Some((name, _)) if has_port(&host) => name.to_owned(),
        _ => host,
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(name, port)| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']'))
    })
}

fn parse_analytics_url(text: &str) -> Result<Url, String> {
    let wrong = "an http:// address is needed, like http://analytics-service:8000";
    let url = Url::parse(text).map_err(|error| format!("{wrong} ({error})"))?;
    if url.scheme() != "http" || !url.has_host() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong.to_owned());
    }
    Ok(url)
}
