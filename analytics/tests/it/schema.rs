//! Every route, asked what its description allows and what it does not, by a tool that knows nothing but the description.

use std::path::Path;
use std::process::Command;

use shared::UnixMillis;
use shared::api::path;
use shared::testing::RedisServer;

use crate::support::{Analytics, fill};

/// The script keeps its tool in the target folder; it installs it the first time, and when a version changes.
#[test]
fn whatever_is_asked_no_answer_is_an_error_of_the_server_and_every_one_is_as_described() {
    const READINGS: u64 = 3_000;
    let server = RedisServer::start(&[]);
    let newest_s = UnixMillis::now().0 / 1_000;
    let entries = (0..READINGS).map(|number| {
        let antenna = number % 7;
        let timestamp = newest_s - i64::try_from((READINGS - number) * 2_400 / READINGS).expect("seconds");
        // One antenna is down for a while, one reports no latency, and every hundredth entry is none.
        let loss = if antenna == 2 && number % 900 > 600 { 100 } else { number % 4 };
        let latency = if antenna == 3 { String::new() } else { format!("{}.25", 10 + number % 90) };
        let packets = if number % 100 == 99 { "many".to_owned() } else { "100".to_owned() };
        vec![
            ("antenna_id", format!("antenna-{antenna}")),
            ("timestamp", timestamp.to_string()),
            ("packets", packets),
            ("loss", loss.to_string()),
            ("latency", latency),
        ]
    });
    fill(server.port(), "antenna_stream", entries);
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(READINGS);
    assert_as_described(&analytics, &["1", "50"], None);
    assert_eq!(analytics.terminate().0, Some(0));
    // The same questions, but fewer of each, by who knows a token and by who does not.
    let token = ("ANALYTICS_TOKEN", "the-token-of-this-test");
    let mut locked = Analytics::start(&server.url(), &[token]);
    locked.wait(path::READYZ, |_| true);
    assert_as_described(&locked, &["2", "10"], Some(token));
}

/// Asks with a seed, and so many questions of each route.
fn assert_as_described(analytics: &Analytics, how: &[&str], token: Option<(&str, &str)>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis/run.sh");
    let ran = Command::new(script).arg(analytics.base()).args(how).env_remove("ANALYTICS_TOKEN").envs(token).output();
    let ran = ran.expect("bash");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ran.status.success(), "run.sh fails:\n{}{}", said[0], said[1]);
    let log = analytics.log();
    assert!(!log.contains("panicked"), "{log}");
}
