//! Entries that do not count: most break a rule, each in a rhythm of its own.

/// Entries that come again and again: the seconds from one to the next, and the fields, separated by bars. `{time}` stands for
/// the time of arrival in Unix seconds, `{later}` and `{earlier}` for two hours later and earlier. One for each reason to reject
/// an entry, and one that comes too late.
const STRAYS: [(i64, &str); 10] = [
    // MissingField
    (97, "antenna_id=depot-12|timestamp={time}|packets=160|latency=31.5"),
    // BadAntennaId
    (1409, "antenna_id=quarry\nERROR no such antenna|timestamp={time}|packets=1|loss=0"),
    // BadTimestamp
    (211, "antenna_id=lakeside|timestamp=yesterday|packets=158|loss=2|latency=44"),
    // BadPackets
    (
        613,
        "antenna_id=<script>alert(\"antenna\")</script>|timestamp={time}|packets=' OR 1=1 --|loss=0|note=\u{202e}txt.exe",
    ),
    // BadLoss
    (907, "antenna_id=old-mill|timestamp={time}|packets=171|loss=-1|latency=38.2"),
    // LossExceedsPackets
    (331, "antenna_id=ridge-7|timestamp={time}|packets=12|loss=120|latency=29.9"),
    // BadLatency
    (457, "antenna_id=harbour-north|timestamp={time}|packets=9|loss=9|latency=NaN"),
    // BadSeq
    (2003, "antenna_id=stadium|timestamp={time}|packets=150|loss=1|seq=1.5"),
    // Future
    (1801, "antenna_id=tv-tower|timestamp={later}|packets=166|loss=1|latency=27.4"),
    // Too late
    (1187, "antenna_id=observatory|timestamp={earlier}|packets=148|loss=3|latency=51.2"),
];

/// The entries that arrive in `(from, to]`, with their arrivals; both in milliseconds since the epoch.
pub(super) fn between(from_ms: i64, to_ms: i64) -> Vec<(i64, Vec<(String, String)>)> {
    let mut strays = Vec::new();
    for (offset_ms, (every_s, fields)) in (0..).step_by(50).zip(&STRAYS) {
        let every_ms = every_s * 1000;
        // Those whose rhythms meet arrive a little apart.
        let (first, last) = ((from_ms - offset_ms).div_euclid(every_ms) + 1, (to_ms - offset_ms).div_euclid(every_ms));
        for arrival_ms in (first..=last).map(|at| at * every_ms + offset_ms) {
            strays.push((arrival_ms, fields_at(fields, arrival_ms / 1000)));
        }
    }
    strays
}

fn fields_at(fields: &str, second: i64) -> Vec<(String, String)> {
    let times = [("{time}", second), ("{later}", second + 7200), ("{earlier}", second - 7200)];
    let filled = times.iter().fold(fields.to_owned(), |text, (name, time)| text.replace(name, &time.to_string()));
    filled
        .split('|')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
