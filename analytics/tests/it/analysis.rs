//! The Python of docs/analysis.md, run against the program on a real Redis.

use std::path::Path;
use std::process::Command;

use shared::UnixMillis;
use shared::testing::RedisServer;

use crate::support::{Analytics, fill};

/// The script keeps its tools in the target folder; it installs them the first time, and when a version changes.
#[test]
fn every_tool_of_the_guide_loads_the_same_table() {
    const READINGS: u64 = 4_000;
    let server = RedisServer::start(&[]);
    let newest_s = UnixMillis::now().0 / 1_000;
    let entries = (0..READINGS).map(|number| {
        let antenna = number % 7;
        // Forty minutes, oldest first. One antenna reports no latency, and one sends no packets.
        let timestamp = newest_s - i64::try_from((READINGS - number) * 2_400 / READINGS).expect("seconds");
        let latency = if antenna == 3 { String::new() } else { format!("{}.25", 10 + number % 90) };
        let packets = if antenna == 5 { 0 } else { 100 + antenna };
        vec![
            ("antenna_id", format!("antenna-{antenna}")),
            ("timestamp", timestamp.to_string()),
            ("packets", packets.to_string()),
            ("loss", (number % 4 * packets / 10).to_string()),
            ("latency", latency),
        ]
    });
    fill(server.port(), "antenna_stream", entries);
    let mut analytics = Analytics::start(&server.url(), &[]);
    let totals = analytics.settle(READINGS);
    assert_eq!(totals["counted"], READINGS, "{totals}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analysis/run.sh");
    let ran = Command::new(script).arg(analytics.base()).output().expect("bash");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ran.status.success(), "run.sh fails:\n{}{}", said[0], said[1]);
    assert!(said[0].contains("all have the same table"), "{}", said[0]);
}
