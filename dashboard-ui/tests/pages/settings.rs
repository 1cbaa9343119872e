//! The settings, as flags.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use dashboard_ui::Settings;
use dashboard_ui::settings::{AllowedHosts, Origin};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    settings: Settings,
}

fn parse(flags: &[&str]) -> Result<Settings, ExitCode> {
    let arguments = std::iter::once("dashboard").chain(flags.iter().copied()).map(OsString::from);
    shared::settings::parse_from::<Program>(arguments).map(|program| program.settings)
}

#[test]
fn defaults_are_those_of_the_contract() {
    let settings = parse(&[]).unwrap();
    assert_eq!(settings.bind.to_string(), "[::]:8000");
    assert_eq!(
        settings.origin,
        Origin::Analytics { url: "http://analytics-service:8000/".parse().unwrap(), token: None }
    );
    assert_eq!(settings.allowed_hosts, AllowedHosts::default());
    assert!(!settings.status && parse(&["--status=on"]).unwrap().status, "nothing is public unless that is said");
}

#[test]
fn with_the_built_in_network_the_address_of_analytics_is_not_read() {
    for url in ["http://analytics", "analytics", ""] {
        let settings = parse(&["--mock", "--analytics-url", url]).unwrap();
        assert_eq!(settings.origin, Origin::BuiltIn { antennas: 24 });
    }
}

#[test]
fn bad_values_are_refused() {
    let bad = ["--bind=8000", "--analytics-url=analytics", "--analytics-url=https://a", "--analytics-url=http://a/?b"];
    let other = ["--allowed-hosts=http://a", "--allowed-hosts=a:8000", "--unknown", "--status=yes"];
    let sizes = ["--mock-antennas=0", "--mock-antennas=100001", "--mock-antennas=many"];
    for flag in bad.into_iter().chain(other).chain(sizes) {
        assert!(parse(&[flag]).is_err(), "{flag}");
    }
}

#[test]
fn hosts_are_compared_without_case_and_port() {
    let hosts: AllowedHosts = "Example.org, .vigia.test,[::1]".parse().unwrap();
    for host in ["example.org", "EXAMPLE.ORG:8000", "vigia.test", "a.b.vigia.test:1", "[::1]:8000", "[::1]"] {
        assert!(hosts.allow(Some(host)), "{host}");
    }
    for host in ["evil.example.org", "xvigia.test", "example.org.evil", "", "::1:8000"] {
        assert!(!hosts.allow(Some(host)), "{host}");
    }
    assert!(!hosts.allow(None));
}

#[test]
fn no_hosts_or_a_star_allow_any() {
    for text in ["", "*", "a,*", " , "] {
        assert!(text.parse::<AllowedHosts>().unwrap().allow(Some("anything")), "{text}");
    }
}
