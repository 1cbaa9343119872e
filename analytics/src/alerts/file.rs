//! What `ALERTS_FILE` says: receivers, routes to them, rules of the whole network, maintenance, a heartbeat. A file is taken as a whole or not at
//! all; what is wrong with it is told with its line and column, and without what stands there, as that may be secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use shared::UnixMillis;
use shared::api::{AlertKind, AlertSeverity, DEFAULT_WINDOW_MS, ReceiverType};
use shared::glob::Glob;
use shared::settings::{Secret, read_secret};
use shared::time::{millis, parse_duration, parse_duration_or_zero};
use toml::Spanned;
use tracing::info;

use super::hours::Hours;
use super::maintenance::{MAINTENANCE_MAX, Maintenance, Written};
use super::matcher::Matcher;
use super::template::Templates;
use crate::fault::{Fault, Place};
use crate::kept::{Content, Kept};
use crate::registry::label_key;

/// A file is no longer.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Characters of a name.
const NAME_MAX: usize = 64;

/// A success rate is taken over so many milliseconds at most: what is in memory is looked at every second.
const RATE_WINDOW_MAX_MS: i64 = 60 * 60 * 1_000;

/// Whom to tell of what.
#[derive(Debug, Clone, Default)]
pub struct Alerting {
    /// By name.
    pub receivers: BTreeMap<String, Receiver>,
    /// In the order in which they are tried.
    pub routes: Vec<Route>,
    /// What is watched of the network as a whole.
    pub rules: Vec<Rule>,
    /// When nobody is told of what.
    pub maintenance: Vec<Maintenance>,
    /// What is told that all is well.
    pub heartbeat: Option<Heartbeat>,
    /// The files that it names: addresses, keys, passwords, templates.
    pub files: Vec<PathBuf>,
}

/// Who is told.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// By what it is told.
    pub way: Way,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// What it is told in.
    pub templates: Templates,
}

/// By what a receiver is told.
#[derive(Debug, Clone)]
pub enum Way {
    /// JSON that is signed.
    Webhook {
        /// Where it goes.
        url: Secret,
        /// With what it is signed.
        key: Option<Secret>,
    },
    /// Alertmanager's API.
    Alertmanager {
        /// The address of the API.
        url: Secret,
        /// How often what lasts is sent again, in milliseconds.
        resend_ms: i64,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where it goes.
        url: Secret,
    },
    /// A workflow of Teams.
    Teams {
        /// Where it goes.
        url: Secret,
    },
    /// E-mail.
    Email(Email),
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Email {
    /// The server's name, by which its certificate is checked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// As whom to log in.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: lettre::message::Mailbox,
    /// Who gets it.
    pub to: Vec<lettre::message::Mailbox>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// From the first byte on.
    Tls,
    /// From the command STARTTLS on, which the server must have.
    StartTls,
    /// Not at all.
    None,
}

impl Way {
    /// As it is told.
    #[must_use]
    pub const fn kind(&self) -> ReceiverType {
        match self {
            Self::Webhook { .. } => ReceiverType::Webhook,
            Self::Alertmanager { .. } => ReceiverType::Alertmanager,
            Self::Slack { .. } => ReceiverType::Slack,
            Self::Teams { .. } => ReceiverType::Teams,
            Self::Email(_) => ReceiverType::Email,
        }
    }
}

/// Which incidents go to whom, and how they are put together.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The names of the receivers.
    pub receivers: Vec<String>,
    /// Which incidents.
    pub matcher: Matcher,
    /// At which hours; always where there are none.
    pub hours: Option<Hours>,
    /// What the incidents of a message have in common.
    pub group_by: Vec<GroupBy>,
    /// How long the first message of a group waits for more, in milliseconds.
    pub group_wait_ms: i64,
    /// How long the messages of a group are apart, in milliseconds.
    pub group_interval_ms: i64,
    /// After how long what lasts is told again, in milliseconds; never where it is `None`.
    pub repeat_ms: Option<i64>,
    /// Whether the end of what was told is told too.
    pub is_end_told: bool,
    /// Texts name so many incidents, and count the others.
    pub digest: usize,
    /// Whether what flaps is told as flapping alone.
    pub is_damped: bool,
    /// Whether the routes behind it are tried too.
    pub goes_on: bool,
}

/// What the incidents of a message have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// The antenna.
    Antenna,
    /// The kind.
    Kind,
    /// The severity.
    Severity,
    /// The site of the antenna.
    Site,
}

/// Something that is watched of the network as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, which is the subject of the incident.
    pub name: String,
    /// What.
    pub limit: Limit,
    /// For how long it has to be beyond its limit until it is told, in milliseconds.
    pub hold_ms: i64,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// More than this share of all antennas is down or silent.
    DownShareAbove(f64),
    /// No reading came for so many milliseconds.
    NoReadingsMs(i64),
    /// Too few packets are delivered.
    SuccessRateBelow(SuccessRateBelow),
}

/// What a success rate has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SuccessRateBelow {
    /// Less than this is too little, from 0 to 1.
    pub rate: f64,
    /// Over how long it is taken, in milliseconds, up to the end of the last pane that has closed.
    pub window_ms: i64,
    /// The site whose antennas it is of; all antennas where there is none.
    pub site: Option<String>,
}

impl Rule {
    /// The site that it is of; `None` where it is of all antennas.
    #[must_use]
    pub const fn site(&self) -> Option<&String> {
        match &self.limit {
            Limit::SuccessRateBelow(limit) => limit.site.as_ref(),
            Limit::DownShareAbove(_) | Limit::NoReadingsMs(_) => None,
        }
    }
}

/// An address that is asked for as long as all is well, so that somebody else notices when it is not.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// The address.
    pub url: Secret,
    /// How often, in milliseconds.
    pub every_ms: i64,
}

impl Alerting {
    /// What a text says; files that it names are read.
    ///
    /// # Errors
    /// [`Fault`], without a value of the text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| Fault::of_toml(text, &error))?;
        file.check(text)
    }

    /// A route by its name.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }
}

/// What is told to whom, by a file that is read again when it changes.
pub type KeptAlerting = Kept<Alerting>;

impl Content for Alerting {
    const SETTING: &'static str = "ALERTS_FILE";
    const BYTES_MAX: u64 = FILE_BYTES_MAX;

    fn read(_: &Path, bytes: &[u8]) -> Result<Self, Fault> {
        Self::parse(Fault::or_text(bytes, FILE_BYTES_MAX)?)
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn log(&self, path: &Path) {
        info!(
            file = %path.display(),
            receivers = self.receivers.len(),
            routes = self.routes.len(),
            rules = self.rules.len(),
            maintenance = self.maintenance.len(),
            "tells receivers as ALERTS_FILE says"
        );
    }
}

/// The text of a file that the file names.
fn read_text(path: &Path) -> Result<String, Fault> {
    let length = std::fs::metadata(path).map_err(|error| Fault::of_file(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(Fault::of_file(format!("it is larger than {} KiB", FILE_BYTES_MAX / 1024)));
    }
    std::fs::read_to_string(path).map_err(|error| Fault::of_file(error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    receiver: Vec<Spanned<ReceiverEntry>>,
    #[serde(default)]
    route: Vec<Spanned<RouteEntry>>,
    #[serde(default)]
    rule: Vec<Spanned<RuleEntry>>,
    #[serde(default)]
    maintenance: Vec<Spanned<MaintenanceEntry>>,
    heartbeat: Option<Spanned<HeartbeatEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiverEntry {
    name: Spanned<String>,
    r#type: ReceiverType,
    url: Option<Text>,
    url_file: Option<PathBuf>,
    key: Option<Text>,
    key_file: Option<PathBuf>,
    resend: Option<Time>,
    timeout: Option<Time>,
    server: Option<Spanned<String>>,
    encryption: Option<Encryption>,
    username: Option<String>,
    password: Option<Text>,
    password_file: Option<PathBuf>,
    from: Option<Spanned<String>>,
    to: Option<Vec<Spanned<String>>>,
    subject: Option<Spanned<String>>,
    template: Option<Spanned<String>>,
    template_file: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    name: Option<Spanned<String>>,
    receivers: Vec<Spanned<String>>,
    #[serde(default)]
    kinds: Vec<AlertKind>,
    #[serde(default)]
    severities: Vec<AlertSeverity>,
    #[serde(default)]
    antennas: Vec<Spanned<String>>,
    #[serde(default)]
    sites: Vec<Spanned<String>>,
    #[serde(default)]
    labels: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    hours: Option<Spanned<String>>,
    days: Option<Vec<Spanned<String>>>,
    group_by: Option<Vec<Spanned<String>>>,
    group_wait: Option<TimeOrZero>,
    group_interval: Option<TimeOrZero>,
    repeat: Option<TimeOrZero>,
    resolved: Option<bool>,
    digest: Option<u32>,
    damping: Option<bool>,
    #[serde(default, rename = "continue")]
    goes_on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: Spanned<String>,
    down_share_above: Option<Spanned<f64>>,
    no_readings_for: Option<Time>,
    success_rate_below: Option<Spanned<f64>>,
    window: Option<Spanned<Time>>,
    site: Option<Spanned<String>>,
    hold: Option<TimeOrZero>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaintenanceEntry {
    name: Spanned<String>,
    antennas: Option<Spanned<Vec<Spanned<String>>>>,
    start: Option<Spanned<toml::Value>>,
    end: Option<Spanned<toml::Value>>,
    hours: Option<Spanned<String>>,
    days: Option<Vec<Spanned<String>>>,
    time_zone: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatEntry {
    url: Option<Text>,
    url_file: Option<PathBuf>,
    every: Option<Time>,
}

/// A text that may be secret: also where it is no text, it is not repeated.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer) {
            Ok(toml::Value::String(text)) => Ok(Self(text)),
            _ => Err(D::Error::custom("a text in quotation marks is needed")),
        }
    }
}

/// A duration above zero.
#[derive(Clone, Copy)]
struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A duration.
#[derive(Clone, Copy)]
struct TimeOrZero(Duration);

impl<'de> Deserialize<'de> for TimeOrZero {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration_or_zero(&text).map(Self).map_err(D::Error::custom)
    }
}

impl File {
    /// The files that are named, in order.
    fn files(&self) -> Vec<PathBuf> {
        let of_receiver = |entry: &Spanned<ReceiverEntry>| {
            let ReceiverEntry { url_file, key_file, password_file, template_file, .. } = entry.get_ref();
            let template_file = template_file.as_ref().map(Spanned::get_ref);
            [url_file.as_ref(), key_file.as_ref(), password_file.as_ref(), template_file]
                .map(Option::<&PathBuf>::cloned)
        };
        let heartbeat = self.heartbeat.iter().map(|entry| entry.get_ref().url_file.clone());
        self.receiver.iter().flat_map(of_receiver).chain(heartbeat).flatten().collect()
    }

    fn check(self, text: &str) -> Result<Alerting, Fault> {
        let at = |offset: usize| Some(Place::at(text, offset));
        let mut alerting = Alerting { files: self.files(), ..Alerting::default() };
        for entry in self.receiver {
            let start = entry.span().start;
            let receiver = entry.into_inner();
            let name_at = receiver.name.span().start;
            let receiver = receiver.check().map_err(|(inner, why)| Fault { place: at(inner.unwrap_or(start)), why })?;
            let name = receiver.name.clone();
            if alerting.receivers.insert(name.clone(), receiver).is_some() {
                return Err(Fault { place: at(name_at), why: format!("there are two receivers {name:?}") });
            }
        }
        let mut names = BTreeSet::new();
        for (number, entry) in (1..).zip(self.route) {
            let start = entry.span().start;
            let route = entry.into_inner().check(number, &alerting.receivers);
            let route = route.map_err(|(inner, why)| Fault { place: at(inner.unwrap_or(start)), why })?;
            if !names.insert(route.name.clone()) {
                return Err(Fault { place: at(start), why: format!("there are two routes {:?}", route.name) });
            }
            alerting.routes.push(route);
        }
        let mut names = BTreeSet::new();
        for entry in self.rule {
            let start = entry.span().start;
            let rule = entry.into_inner().check();
            let rule = rule.map_err(|(inner, why)| Fault { place: at(inner.unwrap_or(start)), why })?;
            if !names.insert(rule.name.clone()) {
                return Err(Fault { place: at(start), why: format!("there are two rules {:?}", rule.name) });
            }
            alerting.rules.push(rule);
        }
        let mut names = BTreeSet::new();
        for entry in self.maintenance {
            let start = entry.span().start;
            let maintenance = entry.into_inner().check();
            let maintenance = maintenance.map_err(|(inner, why)| Fault { place: at(inner.unwrap_or(start)), why })?;
            if !names.insert(maintenance.name.clone()) {
                let why = format!("there are two windows of maintenance {:?}", maintenance.name);
                return Err(Fault { place: at(start), why });
            }
            if names.len() > MAINTENANCE_MAX {
                let why = format!("there are more than {MAINTENANCE_MAX} windows of maintenance");
                return Err(Fault { place: at(start), why });
            }
            alerting.maintenance.push(maintenance);
        }
        if let Some(entry) = self.heartbeat {
            let start = entry.span().start;
            let HeartbeatEntry { url, url_file, every } = entry.into_inner();
            let url = address(url, url_file.as_deref()).map_err(|why| Fault { place: at(start), why })?;
            let every_ms = every.map_or(60_000, |every| millis(every.0));
            alerting.heartbeat = Some(Heartbeat { url, every_ms });
        }
        if alerting.routes.is_empty() && !alerting.receivers.is_empty() {
            return Err(Fault::of_file("there are receivers and no [[route]] to them".to_owned()));
        }
        Ok(alerting)
    }
}

/// What is wrong, and where if it is known better than by the table.
type Wrong = (Option<usize>, String);

impl ReceiverEntry {
    fn check(self) -> Result<Receiver, Wrong> {
        let name = name(&self.name)?;
        let of_table = |why: String| (None, format!("receiver {name:?}: {why}"));
        let is_mail = self.r#type == ReceiverType::Email;
        let is_alertmanager = self.r#type == ReceiverType::Alertmanager;
        let is_webhook = self.r#type == ReceiverType::Webhook;
        let misplaced = [
            ("url", !is_mail || (self.url.is_none() && self.url_file.is_none())),
            ("key", is_webhook || (self.key.is_none() && self.key_file.is_none())),
            ("resend", is_alertmanager || self.resend.is_none()),
            ("server", is_mail || self.server.is_none()),
            ("encryption", is_mail || self.encryption.is_none()),
            ("username", is_mail || self.username.is_none()),
            ("password", is_mail || (self.password.is_none() && self.password_file.is_none())),
            ("from", is_mail || self.from.is_none()),
            ("to", is_mail || self.to.is_none()),
            ("subject", is_mail || self.subject.is_none()),
            ("template", !is_alertmanager || (self.template.is_none() && self.template_file.is_none())),
        ];
        if let Some((field, _)) = misplaced.into_iter().find(|(_, is_right)| !is_right) {
            return Err(of_table(format!("a receiver of the type {} has no {field}", self.r#type)));
        }
        let (text, text_at) = match (&self.template, &self.template_file) {
            (Some(_), Some(_)) => return Err(of_table("template and template_file are both given".to_owned())),
            (Some(text), None) => (Some(text.get_ref().clone()), Some(text.span().start)),
            (None, Some(path)) => {
                let text = read_text(path.get_ref()).map_err(|error| (Some(path.span().start), error.to_string()))?;
                (Some(text), Some(path.span().start))
            }
            (None, None) => (None, None),
        };
        let subject = self.subject.as_ref().map(|subject| subject.get_ref().clone());
        let templates = Templates::new(self.r#type, text, subject).map_err(|why| (text_at, why))?;
        let timeout = self.timeout.map_or(Duration::from_secs(10), |timeout| timeout.0);
        if timeout > Duration::from_secs(60) {
            return Err(of_table("a timeout is a minute at most".to_owned()));
        }
        let url = || address(self.url, self.url_file.as_deref()).map_err(of_table);
        let way = match self.r#type {
            ReceiverType::Webhook => {
                let key = secret("key", self.key, self.key_file.as_deref()).map_err(of_table)?;
                Way::Webhook { url: url()?, key }
            }
            ReceiverType::Alertmanager => {
                let resend_ms = self.resend.map_or(60_000, |resend| millis(resend.0));
                Way::Alertmanager { url: url()?, resend_ms }
            }
            ReceiverType::Slack => Way::Slack { url: url()? },
            ReceiverType::Teams => Way::Teams { url: url()? },
            ReceiverType::Email => {
                let missing = |field: &str| of_table(format!("{field} is needed"));
                let server = self.server.ok_or_else(|| missing("server"))?;
                let encryption = self.encryption.unwrap_or(Encryption::StartTls);
                let (host, port) = server_of(server.get_ref(), encryption).ok_or_else(|| {
                    (Some(server.span().start), "a server like smtp.example or smtp.example:587 is needed".to_owned())
                })?;
                let mailbox = |text: &Spanned<String>| {
                    let parsed = text.get_ref().parse();
                    parsed.map_err(|_| {
                        (Some(text.span().start), "an address like Vigía <vigia@example.org> is needed".to_owned())
                    })
                };
                let from = mailbox(self.from.as_ref().ok_or_else(|| missing("from"))?)?;
                let to = self.to.as_deref().unwrap_or_default().iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
                if to.is_empty() {
                    return Err(missing("to"));
                }
                let password = secret("password", self.password, self.password_file.as_deref()).map_err(of_table)?;
                let login = match (self.username, password) {
                    (Some(username), Some(password)) => Some((username, password)),
                    (None, None) => None,
                    _ => return Err(of_table("username and password are needed both, or neither".to_owned())),
                };
                if login.is_some() && encryption == Encryption::None && !is_loopback(&host) {
                    return Err(of_table("a password is not sent without encryption".to_owned()));
                }
                Way::Email(Email { host, port, encryption, login, from, to })
            }
        };
        Ok(Receiver { name, way, timeout, templates })
    }
}

impl RouteEntry {
    fn check(self, number: u32, receivers: &BTreeMap<String, Receiver>) -> Result<Route, Wrong> {
        let name = self.name.as_ref().map_or_else(|| Ok(format!("route {number}")), name)?;
        for receiver in &self.receivers {
            if !receivers.contains_key(receiver.get_ref()) {
                return Err((Some(receiver.span().start), format!("there is no receiver {:?}", receiver.get_ref())));
            }
        }
        if self.receivers.is_empty() {
            return Err((None, format!("route {name:?}: receivers are needed")));
        }
        let hours = hours(self.hours.as_ref(), self.days.as_deref())?;
        let group_by = match self.group_by {
            Some(by) => by.iter().map(group_by).collect::<Result<Vec<_>, _>>()?,
            None => vec![GroupBy::Kind],
        };
        let labels = self.labels.iter().map(|(key, wanted)| -> Result<_, Wrong> {
            label_key(key.get_ref()).map_err(|why| (Some(key.span().start), why))?;
            Ok((key.get_ref().clone(), globs(wanted)?))
        });
        let matcher = Matcher {
            kinds: self.kinds,
            severities: self.severities,
            antennas: globs(&self.antennas)?,
            sites: globs(&self.sites)?,
            labels: labels.collect::<Result<_, _>>()?,
        };
        let ms = |time: Option<TimeOrZero>, default_ms: i64| time.map_or(default_ms, |time| millis(time.0));
        Ok(Route {
            name,
            receivers: self.receivers.into_iter().map(Spanned::into_inner).collect(),
            matcher,
            hours,
            group_by,
            group_wait_ms: ms(self.group_wait, 2_000),
            group_interval_ms: ms(self.group_interval, 30_000),
            repeat_ms: Some(ms(self.repeat, 4 * 3_600_000)).filter(|repeat_ms| *repeat_ms > 0),
            is_end_told: self.resolved.unwrap_or(true),
            digest: self.digest.map_or(20, |digest| digest as usize),
            is_damped: self.damping.unwrap_or(true),
            goes_on: self.goes_on,
        })
    }
}

impl RuleEntry {
    fn check(self) -> Result<Rule, Wrong> {
        let site = self.site.as_ref().map(name).transpose()?;
        let name = name(&self.name)?;
        let of_table = |why: String| (None, format!("rule {name:?}: {why}"));
        let limit = match (&self.down_share_above, self.no_readings_for, &self.success_rate_below) {
            (Some(above), None, None) => Limit::DownShareAbove(rate(above)?),
            (None, Some(time), None) => Limit::NoReadingsMs(millis(time.0)),
            (None, None, Some(below)) => {
                let window_ms = self.window.as_ref().map_or(DEFAULT_WINDOW_MS, |window| millis(window.get_ref().0));
                if let Some(window) = self.window.as_ref().filter(|_| window_ms > RATE_WINDOW_MAX_MS) {
                    return Err((Some(window.span().start), "a window is an hour at most".to_owned()));
                }
                Limit::SuccessRateBelow(SuccessRateBelow { rate: rate(below)?, window_ms, site })
            }
            _ => {
                let why = "one of down_share_above, no_readings_for and success_rate_below is needed";
                return Err(of_table(why.to_owned()));
            }
        };
        let is_of_rate = matches!(limit, Limit::SuccessRateBelow(_));
        let more =
            [("window", self.window.as_ref().map(Spanned::span)), ("site", self.site.as_ref().map(Spanned::span))];
        for (field, place) in more {
            if let Some(place) = place.filter(|_| !is_of_rate) {
                return Err((Some(place.start), format!("{field} is of success_rate_below")));
            }
        }
        let hold_ms = self.hold.map_or(0, |hold| millis(hold.0));
        Ok(Rule { name, limit, hold_ms })
    }
}

impl MaintenanceEntry {
    fn check(self) -> Result<Maintenance, Wrong> {
        let name = name(&self.name)?;
        let antennas = match &self.antennas {
            Some(antennas) if antennas.get_ref().is_empty() => {
                let why = "an antenna is needed; where antennas is left out, it is of all";
                return Err((Some(antennas.span().start), why.to_owned()));
            }
            Some(antennas) => antennas.get_ref().iter().map(placed).collect(),
            None => Vec::new(),
        };
        let at = |value: Option<&Spanned<toml::Value>>| -> Result<Option<(UnixMillis, usize)>, Wrong> {
            value.map(|value| Ok((moment(value)?, value.span().start))).transpose()
        };
        let written = Written {
            antennas,
            start: at(self.start.as_ref())?,
            end: at(self.end.as_ref())?,
            hours: self.hours.as_ref().map(placed),
            days: self.days.as_ref().map(|days| days.iter().map(placed).collect()),
            time_zone: self.time_zone.as_ref().map(placed),
        };
        Maintenance::new(name.clone(), written).map_err(|(at, why)| match at {
            Some(at) => (Some(at), why),
            None => (None, format!("maintenance {name:?}: {why}")),
        })
    }
}

/// A moment, as TOML or as a text has it.
fn moment(value: &Spanned<toml::Value>) -> Result<UnixMillis, Wrong> {
    let text = match value.get_ref() {
        toml::Value::Datetime(at) => at.to_string(),
        toml::Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let parsed = chrono::DateTime::parse_from_rfc3339(&text).map(|at| UnixMillis(at.timestamp_millis()));
    let why = "a time with its offset like 2026-12-01T22:00:00+01:00 is needed";
    parsed.map_err(|_| (Some(value.span().start), why.to_owned()))
}

fn hours(hours: Option<&Spanned<String>>, days: Option<&[Spanned<String>]>) -> Result<Option<Hours>, Wrong> {
    let days = days.map(|days| days.iter().map(placed).collect());
    Hours::new(hours.map(placed), days).map_err(|(at, why)| (Some(at), why))
}

/// A text and its place.
fn placed(text: &Spanned<String>) -> (&str, usize) {
    (text.get_ref(), text.span().start)
}

fn globs(texts: &[Spanned<String>]) -> Result<Vec<Glob>, Wrong> {
    let glob = |text: &Spanned<String>| Glob::new(text.get_ref()).map_err(|why| (Some(text.span().start), why));
    texts.iter().map(glob).collect()
}

fn group_by(text: &Spanned<String>) -> Result<GroupBy, Wrong> {
    match text.get_ref().as_str() {
        "antenna" => Ok(GroupBy::Antenna),
        "kind" => Ok(GroupBy::Kind),
        "severity" => Ok(GroupBy::Severity),
        "site" => Ok(GroupBy::Site),
        _ => Err((Some(text.span().start), "one of antenna, kind, severity and site is needed".to_owned())),
    }
}

fn rate(rate: &Spanned<f64>) -> Result<f64, Wrong> {
    let is_rate = (0.0..=1.0).contains(rate.get_ref());
    is_rate.then(|| *rate.get_ref()).ok_or_else(|| (Some(rate.span().start), "a rate from 0 to 1 is needed".to_owned()))
}

fn name(text: &Spanned<String>) -> Result<String, Wrong> {
    let is_good = |text: &str| (1..=NAME_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
    let name = Some(text.get_ref()).filter(|text| is_good(text));
    name.cloned().ok_or_else(|| (Some(text.span().start), format!("a name of 1 to {NAME_MAX} characters is needed")))
}

/// A value that is given, or stands in a file.
fn secret(field: &str, text: Option<Text>, file: Option<&Path>) -> Result<Option<Secret>, String> {
    match (text, file) {
        (Some(_), Some(_)) => Err(format!("{field} and {field}_file are both given")),
        (Some(Text(text)), None) if text.is_empty() => Err(format!("{field} is empty")),
        (Some(Text(text)), None) => Ok(Some(Secret::from(text.as_str()))),
        (None, Some(path)) => read_secret(path, &format!("{field}_file")).map(Some),
        (None, None) => Ok(None),
    }
}

/// An address that requests go to. It is not repeated: what follows the host is often what lets one in.
fn address(text: Option<Text>, file: Option<&Path>) -> Result<Secret, String> {
    let url = secret("url", text, file)?.ok_or("url or url_file is needed")?;
    let is_good = url.reveal().parse::<axum::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_good && !url.reveal().contains('@') {
        Ok(url)
    } else {
        Err("url has to be like https://host/path".to_owned())
    }
}

fn server_of(text: &str, encryption: Encryption) -> Option<(String, u16)> {
    let default = match encryption {
        Encryption::Tls => 465,
        Encryption::StartTls => 587,
        Encryption::None => 25,
    };
    let is_port = |port: &str| !port.is_empty() && port.chars().all(|it| it.is_ascii_digit());
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => {
            (host, port.parse().ok()?)
        }
        _ => (text, default),
    };
    crate::settings::is_host(host).then(|| (host.trim_matches(['[', ']']).to_owned(), port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Alerting::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_rule_of_a_success_rate_has_a_window_and_perhaps_a_site() {
        let rules = |text: &str| Alerting::parse(text).expect("a good file").rules;
        let whole = rules("[[rule]]\nname = \"a\"\nsuccess_rate_below = 0.95\n");
        let limit = SuccessRateBelow { rate: 0.95, window_ms: 300_000, site: None };
        assert_eq!(whole, [Rule { name: "a".to_owned(), limit: Limit::SuccessRateBelow(limit), hold_ms: 0 }]);
        let text =
            "[[rule]]\nname = \"a\"\nsuccess_rate_below = 1.0\nwindow = \"1h\"\nsite = \"north\"\nhold = \"2m\"\n";
        let limit = SuccessRateBelow { rate: 1.0, window_ms: 3_600_000, site: Some("north".to_owned()) };
        let of_site = rules(text);
        assert_eq!(of_site[0].site().map(String::as_str), Some("north"));
        assert_eq!(of_site, [Rule { name: "a".to_owned(), limit: Limit::SuccessRateBelow(limit), hold_ms: 120_000 }]);
    }

    /// A rotated Secret changes a file that the file names, and not the file.
    #[test]
    fn a_key_that_is_replaced_is_taken_without_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(at(name), text).expect("a file");
        let url_of = |kept: &KeptAlerting| match &kept.current().receivers["hook"].way {
            Way::Webhook { url, .. } => url.reveal().to_owned(),
            other => panic!("{other:?}"),
        };
        write("hook", "http://127.0.0.1/a");
        let file = format!(
            "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl_file = {:?}\n[[route]]\nreceivers = [\"hook\"]\n",
            at("hook")
        );
        write("alerts.toml", &file);
        let kept = KeptAlerting::open(Some(&at("alerts.toml"))).expect("a good file");
        assert_eq!(url_of(&kept), "http://127.0.0.1/a");
        write("hook", "http://127.0.0.1/b");
        kept.look();
        assert_eq!(url_of(&kept), "http://127.0.0.1/a", "it has to be the same twice");
        kept.look();
        assert_eq!(url_of(&kept), "http://127.0.0.1/b");
        std::fs::remove_file(at("hook")).expect("it is there");
        (0..2).for_each(|_| kept.look());
        assert_eq!(url_of(&kept), "http://127.0.0.1/b", "what was read before stays in use");
        assert!(kept.trouble().is_some_and(|why| why.contains("url_file")), "{:?}", kept.trouble());
        write("hook", "http://127.0.0.1/b");
        (0..2).for_each(|_| kept.look());
        assert_eq!(kept.trouble(), None);
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_told_with_its_place() {
        for (rule, expected) in [
            ("success_rate_below = 1.5", "line 3, column 22: a rate from 0 to 1 is needed"),
            ("down_share_above = -0.1", "line 3, column 20: a rate from 0 to 1 is needed"),
            ("success_rate_below = nan", "line 3, column 22: a rate from 0 to 1 is needed"),
            ("success_rate_below = 0.9\nwindow = \"61m\"", "line 4, column 10: a window is an hour at most"),
            ("success_rate_below = 0.9\nsite = \"\"", "line 4, column 8: a name of 1 to 64 characters is needed"),
            ("no_readings_for = \"1m\"\nsite = \"north\"", "line 4, column 8: site is of success_rate_below"),
            ("down_share_above = 0.5\nwindow = \"1m\"", "line 4, column 10: window is of success_rate_below"),
            (
                "down_share_above = 0.5\nsuccess_rate_below = 0.5",
                "line 1, column 1: rule \"a\": one of down_share_above, no_readings_for and success_rate_below is needed",
            ),
        ] {
            assert_eq!(fault(&format!("[[rule]]\nname = \"a\"\n{rule}\n")), expected);
        }
    }
}
