//! Where the dashboard is, as browsers see it.

use std::fmt;
use std::str::FromStr;

use shared::api::path::{HEALTHZ, LIVEZ, READYZ};

use super::Kind;

/// Where the live fragments of pages are.
pub const LIVE: &str = "/live";

/// Where the tables of pages are, as CSV.
pub const CSV: &str = "/csv";

/// Where the pages of the API are. A route's page is behind it, under the route's own path.
pub const DOCS: &str = "/docs";

/// Where whoever is not known says who they are.
pub const LOGIN: &str = "/login";

/// Where a session ends.
pub const LOGOUT: &str = "/logout";

/// Who is known, and what they may do.
pub const ACCOUNT: &str = "/account";

/// What is muted and acknowledged.
pub const QUIET: &str = "/quiet";

/// Where antennas are muted.
pub const MUTE: &str = "/mute";

/// Where a mute is taken back.
pub const UNMUTE: &str = "/unmute";

/// Where maintenance is planned.
pub const MAINTENANCE: &str = "/maintenance";

/// Where maintenance is taken back.
pub const CANCEL: &str = "/maintenance/cancel";

/// Where an incident is acknowledged.
pub const ACKNOWLEDGE: &str = "/acknowledge";

/// Where an acknowledgement is taken back.
pub const UNACKNOWLEDGE: &str = "/unacknowledge";

/// Who did what.
pub const AUDIT: &str = "/audit";

/// What operators tell everybody of sites.
pub const NOTES: &str = "/notes";

/// Where a note is written.
pub const NOTE: &str = "/note";

/// Where one is taken back.
pub const UNNOTE: &str = "/unnote";

/// What anybody may know of the sites that have a public name.
pub const STATUS: &str = "/status";

/// How one of them is, as a picture for other pages.
pub const BADGE: &str = "/status/badge.svg";

/// Their incidents, for readers of feeds.
pub const FEED: &str = "/status/feed.atom";

/// Where style sheet, scripts and font are.
const ASSETS: &str = "/assets";

/// The path below which a proxy has the dashboard: nothing, or like `/vigia`. All addresses in pages begin with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Base(&'static str);

impl Base {
    /// Nothing in front.
    pub const ROOT: Self = Self("");

    /// Whether nothing is in front of the addresses.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.0.is_empty()
    }

    /// A path as it would be without the base; `None` if it is not below it.
    #[must_use]
    pub fn without(self, path: &str) -> Option<&str> {
        match path.strip_prefix(self.0)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Base {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if ["", "/"].contains(&text) {
            return Ok(Self::default());
        }
        let is_name = |name: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !["", ".", ".."].contains(&name) && name.bytes().all(is_plain)
        };
        // Requests below it and without it could not be told apart.
        let is_own = |names: &str| {
            let others = [LIVE, CSV, ASSETS, DOCS, LOGIN, LOGOUT, ACCOUNT, LIVEZ, READYZ, HEALTHZ, STATUS];
            let of_alerts = [QUIET, MUTE, UNMUTE, MAINTENANCE, ACKNOWLEDGE, UNACKNOWLEDGE, AUDIT, NOTES, NOTE, UNNOTE];
            let first = names.split('/').next();
            Kind::ALL
                .map(Kind::path)
                .into_iter()
                .chain(others)
                .chain(of_alerts)
                .any(|own| own.strip_prefix('/') == first)
        };
        match text.strip_prefix('/') {
            Some(names) if names.split('/').all(is_name) && is_own(names) => {
                Err("the dashboard's own addresses begin like that; another path, like /vigia, is needed".to_owned())
            }
            // It is there for as long as the program runs, and copied with every address.
            Some(names) if names.split('/').all(is_name) => Ok(Self(Box::leak(text.to_owned().into_boxed_str()))),
            _ => Err("a path like /vigia is needed: a / in front and none at the end, of letters, digits and -._~"
                .to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_plain_path() {
        for text in ["/vigia", "/a/b", "/~me/v1.2_"] {
            assert_eq!(text.parse::<Base>().map(|base| base.to_string()), Ok(text.to_owned()));
        }
        assert!(["", "/"].iter().all(|text| text.parse() == Ok(Base::default())));
        for text in [
            "vigia", "/vigia/", "//vigia", "/a//b", "/..", "/a/./b", "/a b", "/a?b", "/a#b", "/a%20b", "http://a", "/ñ",
        ] {
            assert!(text.parse::<Base>().is_err_and(|why| why.contains("/vigia")), "{text}");
        }
    }

    #[test]
    fn a_base_begins_like_no_address_of_its_own() {
        for text in [
            "/antenna",
            "/antennas/a",
            "/incidents",
            "/pipeline",
            "/report",
            "/live",
            "/csv/antennas",
            "/docs",
            "/docs/metrics",
            "/assets",
            "/login",
            "/quiet",
            "/maintenance",
            "/audit/of-ours",
            "/status",
            "/notes",
            "/livez",
            "/readyz",
            "/healthz",
        ] {
            assert!(text.parse::<Base>().is_err_and(|why| why.contains("own addresses")), "{text}");
        }
        assert!(["/antennas-of-ours", "/vigia/antennas", "/Live"].iter().all(|text| text.parse::<Base>().is_ok()));
    }

    #[test]
    fn what_is_below_it_is_asked_for_without_it() {
        let base: Base = "/vigia".parse().unwrap();
        for (asked, without) in [
            ("/vigia", Some("/")),
            ("/vigia/", Some("/")),
            ("/vigia/antennas", Some("/antennas")),
            ("/vigia/vigia", Some("/vigia")),
            ("/vigias", None),
            ("/antennas", None),
            ("/", None),
        ] {
            assert_eq!(base.without(asked), without, "{asked}");
        }
    }
}
