//! Whether there is a login, and which.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use shared::server::Proxies;
use shared::settings::{Secret, SecretFile, ValueOrFile};
use shared::time::parse_duration;

pub use super::users::Users;

use super::is_name;

/// Fewer characters could be tried out.
const SECRET_CHARACTERS_MIN: usize = 32;

/// Who may see the page, and change things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuthSettings {
    /// Anybody may see it, and nobody changes anything.
    #[default]
    Off,
    /// Whoever knows a name and a password.
    Basic {
        /// Everybody in the file.
        users: Users,
        /// The file, where it can be read again.
        users_file: Option<SecretFile>,
        /// Signs sessions and forms.
        secret: Secret,
        /// How long a session lasts.
        session: Duration,
        /// Whether the cookie may go over connections without TLS.
        is_plain: bool,
    },
    /// Whom a proxy names.
    Proxy {
        /// The header with the name.
        header: HeaderName,
        /// Where the proxy asks from.
        from: Proxies,
        /// Names of those who may change things.
        operators: Vec<String>,
        /// Signs forms.
        secret: Secret,
        /// How long a form may be filled in.
        session: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// Anybody may see the page, and nobody changes anything.
    Off,
    /// Names and passwords of a file.
    Basic,
    /// Names that a proxy tells.
    Proxy,
}

#[derive(Debug, Args)]
struct AuthArguments {
    /// Who may see the page: off is anybody, and nobody changes anything; basic demands a name and a password of AUTH_USERS_FILE;
    /// proxy believes what a proxy writes into AUTH_PROXY_HEADER
    #[arg(long, env = "AUTH", default_value = "off", value_name = "HOW")]
    auth: Auth,
    /// File of users for AUTH=basic, with lines like name:role:hash; the role is viewer or operator, and `dashboard hash-password` makes
    /// hashes; when it changes, that counts without a restart
    #[arg(long, env = "AUTH_USERS_FILE", value_name = "FILE")]
    auth_users_file: Option<PathBuf>,
    /// Signs sessions and forms, the same for all replicas; 32 characters or more. Others on this machine can see the value of a flag
    #[arg(long, env = "AUTH_SECRET", value_name = "SECRET", hide_env_values = true)]
    auth_secret: Option<String>,
    /// File that holds the secret
    #[arg(long, env = "AUTH_SECRET_FILE", value_name = "FILE")]
    auth_secret_file: Option<PathBuf>,
    /// How long a session lasts after the login, and a form may be filled in
    #[arg(long, env = "AUTH_SESSION", default_value = "12h", value_name = "DURATION", value_parser = parse_duration)]
    auth_session: Duration,
    /// Let the session's cookie go over connections without TLS, for trials: whoever reads along can take it over
    #[arg(long, env = "AUTH_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    auth_plain_http: bool,
    /// Header in which a proxy names who asks, for AUTH=proxy, like X-Forwarded-User
    #[arg(long, env = "AUTH_PROXY_HEADER", value_name = "NAME")]
    auth_proxy_header: Option<HeaderName>,
    /// Addresses or networks from which that header is believed, separated by commas
    #[arg(long, env = "AUTH_PROXY_FROM", default_value = "", value_name = "NETWORKS", hide_default_value = true)]
    auth_proxy_from: Proxies,
    /// Names of those who may change things with AUTH=proxy, separated by commas; all others may look
    #[arg(long, env = "AUTH_PROXY_OPERATORS", default_value = "", value_name = "NAMES", hide_default_value = true)]
    auth_proxy_operators: String,
}

impl Args for AuthSettings {
    fn augment_args(command: Command) -> Command {
        AuthArguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        AuthArguments::augment_args_for_update(command)
    }
}

impl FromArgMatches for AuthSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // Another command than to serve needs none of the files; one makes what belongs into them.
        if matches.subcommand_name().is_some() {
            return Ok(Self::default());
        }
        AuthArguments::from_arg_matches(matches)?
            .checked()
            .map_err(|line| clap::Error::raw(ErrorKind::ValueValidation, line))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl AuthArguments {
    /// What they say together. Those of another way to log in are not read.
    fn checked(self) -> Result<AuthSettings, String> {
        let (value, file) = (self.auth_secret.as_deref(), self.auth_secret_file.as_deref());
        let secret = |how: &str| {
            let secret = ValueOrFile { name: "AUTH_SECRET", value, file }.read(check_secret)?;
            secret.ok_or_else(|| needed(how, "--auth-secret (AUTH_SECRET) or --auth-secret-file (AUTH_SECRET_FILE)"))
        };
        let session = self.auth_session;
        match self.auth {
            Auth::Off => Ok(AuthSettings::Off),
            Auth::Basic => {
                let path = self.auth_users_file.as_deref();
                let setting = ValueOrFile { name: "AUTH_USERS", value: None, file: path };
                let users = setting.parsed(Users::parse)?;
                let users = users.ok_or_else(|| needed("basic", "--auth-users-file (AUTH_USERS_FILE)"))?;
                let users_file = path.and_then(|path| SecretFile::new(path, "AUTH_USERS_FILE"));
                let (secret, is_plain) = (secret("basic")?, self.auth_plain_http);
                Ok(AuthSettings::Basic { users, users_file, secret, session, is_plain })
            }
            Auth::Proxy => {
                let header = self.auth_proxy_header;
                let header = header.ok_or_else(|| needed("proxy", "--auth-proxy-header (AUTH_PROXY_HEADER)"))?;
                let from = self.auth_proxy_from;
                if from.is_empty() {
                    return Err(needed("proxy", "--auth-proxy-from (AUTH_PROXY_FROM)"));
                }
                let operators = self.auth_proxy_operators.split(',').map(str::trim).filter(|name| !name.is_empty());
                let operators: Vec<String> = operators.map(str::to_owned).collect();
                if let Some(name) = operators.iter().find(|name| !is_name(name)) {
                    return Err(format!(
                        "bad value for --auth-proxy-operators (AUTH_PROXY_OPERATORS): {name:?} is no name of 1 to 64 letters, \
                         digits, spaces and -._@+\\"
                    ));
                }
                Ok(AuthSettings::Proxy { header, from, operators, secret: secret("proxy")?, session })
            }
        }
    }
}

fn needed(how: &str, setting: &str) -> String {
    format!("--auth {how} (AUTH={how}) needs {setting}")
}

fn check_secret(text: &str) -> Result<(), String> {
    let is_long = text.chars().count() >= SECRET_CHARACTERS_MIN;
    let why = || format!("{SECRET_CHARACTERS_MIN} characters or more are needed, like those of `openssl rand -hex 32`");
    if is_long { Ok(()) } else { Err(why()) }
}
