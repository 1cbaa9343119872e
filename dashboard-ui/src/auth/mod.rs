//! Who looks at a page, and what they may do there.
//!
//! - [`settings`]: whether there is a login, and which.
//! - [`users`]: names, roles and hashes of passwords, from a file that is read again when it changes.
//! - [`seal`]: what only this dashboard and its replicas can have written: sessions and the tokens of forms.
//! - [`tries`]: how often a password may be tried.
//!
//! Nothing of it is kept in memory but the tries: a session is a signed cookie, which every replica understands that has the same
//! `AUTH_SECRET`. It is good as long as its user stands in the file with the same password, and no longer than `AUTH_SESSION`.

pub(crate) mod settings;

mod seal;
mod tries;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use shared::UnixMillis;
use shared::server::{Neighbour, Peer, Proxies};
use shared::settings::{Secret, SecretFile};
use shared::time::{Clock, millis};

use self::seal::Seal;
use self::settings::AuthSettings;
use self::tries::Tries;
pub use self::users::hash_password;
use self::users::{KeptUsers, User};
use crate::query::{Access, Base};

/// The cookie of a session.
const COOKIE_NAME: &str = "vigia-session";

/// How often an open stream asks whether its viewer may still see it.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How often the file of users is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Longer ones are not hashed.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The most characters of a name: as many as analytics keeps of who said something.
const NAME_CHARACTERS_MAX: usize = 64;

/// What somebody who is known may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Look.
    Viewer,
    /// Mute and acknowledge as well.
    Operator,
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// What tokens of their forms belong to: this session, or the name that the proxy tells.
    bound_to: String,
}

/// Knows who may see what. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    how: How,
    seal: Seal,
    /// How long a session lasts, and a form may be filled in.
    lasts: Duration,
    base: Base,
}

#[derive(Debug)]
enum How {
    Passwords { users: KeptUsers, file: Option<SecretFile>, is_plain: bool, tries: Tries },
    Proxy { header: HeaderName, from: Proxies, operators: Vec<String> },
}

/// Why nobody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The name, or the password.
    Wrong,
    /// It was tried too often; it may be tried again after this time.
    TooOften(Duration),
    /// Too many others try at this moment.
    Busy,
}

impl Auth {
    /// What the settings say, for a dashboard below a base.
    pub(crate) fn new(settings: AuthSettings, base: Base) -> Self {
        let (how, secret, lasts) = match settings {
            AuthSettings::Off => return Self(None),
            AuthSettings::Basic { users, users_file, secret, session, is_plain } => {
                let users = KeptUsers::new(users);
                (
                    How::Passwords { users, file: users_file, is_plain, tries: Tries::new(Instant::now()) },
                    secret,
                    session,
                )
            }
            AuthSettings::Proxy { header, from, operators, secret, session } => {
                (How::Proxy { header, from, operators }, secret, session)
            }
        };
        Self(Some(Arc::new(Inner { how, seal: Seal::new(&secret), lasts, base })))
    }

    /// Whether only who is known sees anything.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is a form to log in, and sessions that can be ended.
    pub(crate) fn has_login(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| matches!(inner.how, How::Passwords { .. }))
    }

    /// Who sent a request over a connection from somewhere; `None` if that is not known.
    pub(crate) fn visitor(
        &self,
        headers: &HeaderMap,
        neighbour: Option<Neighbour>,
        now: UnixMillis,
    ) -> Option<Visitor> {
        let inner = self.0.as_deref()?;
        match &inner.how {
            How::Passwords { users, .. } => {
                // A dashboard at the root of the host may have one of the same name.
                let mut sessions = cookies(headers).filter(|(name, _)| *name == COOKIE_NAME);
                sessions.find_map(|(_, session)| inner.session(users, session, now))
            }
            How::Proxy { header, from, operators } => {
                let Neighbour(address) = neighbour?;
                let name = told_by_proxy(headers, header, from, address)?;
                let role = if operators.contains(&name) { Role::Operator } else { Role::Viewer };
                Some(Visitor { bound_to: format!("proxy {name}"), name, role })
            }
        }
    }

    /// Lets somebody in who knows a password: the header `Set-Cookie` of their session.
    ///
    /// # Errors
    /// [`Refused`], which does not tell whether there is such a user.
    pub(crate) async fn enter(
        &self,
        peer: Option<Peer>,
        name: &str,
        password: &str,
        now: UnixMillis,
    ) -> Result<HeaderValue, Refused> {
        let Some(inner) = self.0.as_deref() else { return Err(Refused::Wrong) };
        let How::Passwords { users, tries, .. } = &inner.how else { return Err(Refused::Wrong) };
        tries.take(peer, name, Instant::now()).map_err(Refused::TooOften)?;
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Refused::Wrong);
        }
        let user = users.verify(name, Secret::from(password)).await.ok_or(Refused::Busy)?.ok_or(Refused::Wrong)?;
        tries.give_back(peer, name);
        inner.cookie(&inner.new_session(name, &user, now), Some(inner.lasts)).ok_or(Refused::Wrong)
    }

    /// The header `Set-Cookie` that makes a browser forget its session.
    pub(crate) fn leave(&self) -> Option<HeaderValue> {
        self.0.as_deref()?.cookie("", None)
    }

    /// A token for a form of a visitor: whoever sends the form has seen the page.
    pub(crate) fn token(&self, visitor: &Visitor, now: UnixMillis) -> String {
        let Some(inner) = self.0.as_deref() else { return String::new() };
        let until = now.0.saturating_add(millis(inner.lasts)).to_string();
        let seal = inner.seal.of(&["form", &inner.base.to_string(), &visitor.bound_to, &until]);
        format!("{until}.{seal}")
    }

    /// Whether a form has a token of the visitor that is still good.
    pub(crate) fn holds(&self, token: &str, visitor: &Visitor, now: UnixMillis) -> bool {
        let Some(inner) = self.0.as_deref() else { return false };
        let Some((until, seal)) = token.split_once('.') else { return false };
        let is_in_time = until.parse().is_ok_and(|until: i64| now.0 < until);
        is_in_time && inner.seal.holds(&["form", &inner.base.to_string(), &visitor.bound_to, until], seal)
    }

    /// Returns once whoever sent a request may not see anything any more. Where anybody may, that is never.
    pub(crate) async fn until_over(self, headers: HeaderMap, neighbour: Option<Neighbour>, clock: Clock) {
        if !self.is_on() {
            return std::future::pending().await;
        }
        while self.visitor(&headers, neighbour, clock.now()).is_some() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Reads the file of users again and again; returns at once where there is none that can be.
    pub(crate) async fn follow(self) {
        let Some(inner) = self.0.as_deref() else { return };
        let How::Passwords { users, file: Some(file), .. } = &inner.how else { return };
        loop {
            tokio::time::sleep(READ_AGAIN).await;
            if users.read_again(file).await {
                tracing::info!(
                    "the file of users (AUTH_USERS_FILE) has changed; sessions of who is not in it, or has another \
                     password, are over"
                );
            }
        }
    }
}

impl Inner {
    /// A session of a user, as the cookie holds it.
    fn new_session(&self, name: &str, user: &User, now: UnixMillis) -> String {
        let (until, nonce) = (now.0.saturating_add(millis(self.lasts)).to_string(), seal::nonce());
        let mac = self.seal.of(&self.session_parts(name, user, &until, &nonce).each_ref().map(String::as_str));
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs([("name", name), ("until", &until), ("nonce", &nonce), ("mac", &mac)]);
        text.finish()
    }

    /// Whose session a cookie holds.
    fn session(&self, users: &KeptUsers, cookie: &str, now: UnixMillis) -> Option<Visitor> {
        let fields: Vec<_> = form_urlencoded::parse(cookie.as_bytes()).collect();
        let field = |name| fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value);
        let (name, until, nonce, mac) = (field("name")?, field("until")?, field("nonce")?, field("mac")?);
        let user = users.user(name)?;
        let parts = self.session_parts(name, &user, until, nonce);
        let is_ours = self.seal.holds(&parts.each_ref().map(String::as_str), mac);
        let is_in_time = until.parse().is_ok_and(|until: i64| now.0 < until);
        (is_ours && is_in_time).then(|| Visitor { name: name.to_owned(), role: user.role, bound_to: mac.to_owned() })
    }

    /// What a session is signed with. Another password is another hash, with which no older session agrees.
    fn session_parts(&self, name: &str, user: &User, until: &str, nonce: &str) -> [String; 6] {
        [
            "session".to_owned(),
            self.base.to_string(),
            name.to_owned(),
            user.hash.to_string(),
            until.to_owned(),
            nonce.to_owned(),
        ]
    }

    /// A header that keeps a session, or makes the browser forget it.
    fn cookie(&self, session: &str, lasts: Option<Duration>) -> Option<HeaderValue> {
        let path = if self.base.is_root() { "/".to_owned() } else { self.base.to_string() };
        let age = lasts.map_or(0, |lasts| lasts.as_secs());
        let secure = match &self.how {
            How::Passwords { is_plain: true, .. } => "",
            _ => "; Secure",
        };
        let cookie = format!("{COOKIE_NAME}={session}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).ok()
    }
}

impl Visitor {
    /// What they may do.
    pub(crate) const fn access(&self) -> Access {
        match self.role {
            Role::Viewer => Access::Viewer,
            Role::Operator => Access::Operator,
        }
    }
}

/// The name that a proxy writes into its header, once. From anywhere else the header is not believed.
fn told_by_proxy(headers: &HeaderMap, header: &HeaderName, from: &Proxies, address: IpAddr) -> Option<String> {
    if !from.contains(address) {
        return None;
    }
    let mut lines = headers.get_all(header).iter();
    let name = std::str::from_utf8(lines.next()?.as_bytes()).ok()?.trim();
    (lines.next().is_none() && is_name(name)).then(|| name.to_owned())
}

/// Whether a text can be somebody's name: letters, digits and what stands in addresses and accounts, so that it is harmless
/// wherever it is shown, and one in the eyes of who reads it.
fn is_name(text: &str) -> bool {
    let is_harmless = |c: char| c.is_alphanumeric() || "-._@+\\ ".contains(c);
    (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count()) && text.trim() == text && text.chars().all(is_harmless)
}

/// The cookies of a request: names and values.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Whether a form was sent by a page of this dashboard. Browsers say where a form is from: in `Sec-Fetch-Site` wherever the page came
/// over TLS or from this machine, and in `Origin` everywhere. What says neither is no browser, and has no business with forms.
pub(crate) fn is_from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(ORIGIN), text(HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests;
