//! What a status page may show to anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use analytics::answer::{Question, Tables, View, Window};
use analytics::archive::read::Archive;
use analytics::ingest::log::MemoryLog;
use analytics::registry::{Notation, Registry};
use analytics::settings::Thresholds;
use analytics::store::{Snapshot, Store, Whole};
use shared::UnixMillis;
use shared::api::{AntennaRequest, Count, End, PublicStatus, PublicStatusRequest, SiteState};

use crate::archive::{Chance, Files, HOUR_MS, drain, pipeline, report, settings};
use crate::support::{Arrival, NOW, feed, window};
use crate::windows::{PANE_MS, START_MS};

const DAY_MS: i64 = 24 * HOUR_MS;

fn registry(text: &str) -> Registry {
    Registry::read(text.as_bytes(), Notation::Toml).unwrap_or_else(|fault| panic!("{fault}"))
}

/// The whole of it, without some partitions.
fn whole(snapshot: &Snapshot, missing: &[&str]) -> Whole {
    let missing = missing.iter().map(|stream| (*stream).to_owned()).collect();
    Whole::from(Arc::new(snapshot.clone())).without(missing)
}

fn ask<Q: Question>(
    whole: &Whole,
    archive: Option<&Archive>,
    registry: &Registry,
    now: UnixMillis,
    question: &Q,
) -> Option<Q::Answer> {
    let window = question.window().map_or_else(
        || Window::kept(now),
        |request| Window::new(whole, request.length.expect("a length").ms(), request.end, now),
    );
    let tables = Tables::default();
    let view = View::new(whole, window, now, Thresholds::default(), &tables);
    question.answer(&view.with_archive(archive).with_registry(registry)).ok()
}

fn status(whole: &Whole, archive: Option<&Archive>, registry: &Registry, now: UnixMillis, days: usize) -> PublicStatus {
    let request = PublicStatusRequest { days: Count::new(days).expect("days") };
    ask(whole, archive, registry, now, &request).expect("an answer")
}

/// A site of one antenna is available on a day as the antenna is in the window of that day, in memory as in files of hours and days.
#[test]
fn a_day_of_a_site_is_the_window_of_that_day() {
    let text: String =
        (0..4).map(|at| format!("[[antenna]]\nid = \"antenna-{at}\"\npublic = \"Site {at}\"\n")).collect();
    let registry = registry(&text);
    // They begin two hours before midnight.
    for (seed, hours) in [(0, 12), (2, 28)] {
        let (mut chance, log) = (Chance(seed), MemoryLog::default());
        let end = report(&log, &mut chance, hours);
        let files = Files::new();
        let in_memory = pipeline(&log, settings(Duration::from_secs(48 * 3_600), None), "whole");
        drain(&files, &log, std::slice::from_ref(&in_memory), &mut Chance(0));
        log.delete_state();
        log.expire_lease();
        let archiving = pipeline(&log, settings(Duration::from_secs(1_200), Some(&files.url)), "archiving");
        drain(&files, &log, std::slice::from_ref(&archiving), &mut chance);
        let (archive, now) = (files.archive(), UnixMillis(end.0 / 1_000 * 1_000));
        let (in_memory, archived) =
            (whole(&in_memory.published.snapshot(), &[]), whole(&archiving.published.snapshot(), &[]));
        let found = status(&archived, Some(&archive), &registry, now, 5);
        let expected = status(&in_memory, None, &registry, now, 5);
        assert_eq!((&found.days, &found.incidents), (&expected.days, &expected.incidents), "seed {seed}");
        assert!(found.gaps.is_empty() && archive.failures() == 0);
        let mut known = 0;
        for ((of_files, site), number) in found.sites.iter().zip(&expected.sites).zip(0..) {
            assert_eq!((&of_files.name, of_files.state), (&site.name, site.state));
            for ((day, availability), of_files) in
                expected.days.iter().zip(&site.daily_availability).zip(&of_files.daily_availability)
            {
                let request = AntennaRequest {
                    id: format!("antenna-{number}"),
                    window: window(DAY_MS, End::At(UnixMillis(day.0 + DAY_MS))),
                };
                let alone = ask(&in_memory, None, &registry, now, &request).expect("it is known");
                assert_eq!(*availability, alone.availability, "seed {seed}, {} on {day}", site.name);
                // When an antenna was first heard of is known to the minute of its first row.
                let is_first = (day.0..day.0 + DAY_MS).contains(&NOW.0);
                assert!(of_files == availability || is_first, "seed {seed}, {} on {day}", site.name);
                assert_eq!(of_files.is_some(), availability.is_some(), "seed {seed}, {} on {day}", site.name);
                known += usize::from(availability.is_some());
            }
        }
        assert_eq!(known, 4 * if hours > 24 { 3 } else { 2 }, "days before anything was measured are not known");
        // A day of which a file is away is not known, and the others are.
        let first = files.list().into_iter().find(|path| path.to_string_lossy().contains("/daily/"));
        std::fs::remove_file(first.expect("a file")).expect("a file");
        let without = status(&archived, Some(&files.archive()), &registry, now, 5);
        assert!(!without.gaps.is_empty(), "seed {seed}");
        for (before, after) in found.sites.iter().zip(&without.sites) {
            assert_eq!(after.daily_availability.last(), before.daily_availability.last());
            assert!(
                after.daily_availability.iter().flatten().count() < before.daily_availability.iter().flatten().count()
            );
        }
    }
}

const NETWORK: &str = r#"
[[antenna]]
id = "antenna-[012]"
name = "secret-name"
site = "secret-site"
labels = { secret_key = "secret-value" }
public = "Coast & <islands>"

[[antenna]]
id = "antenna-3"
public = "Hill"

[[antenna]]
id = "elsewhere"
site = "secret-place"
public = "Unheard"
"#;

/// Twenty minutes of four antennas that have public names and one that has none; two of three on the coast lose everything for a time.
fn network(lost_until_s: i64) -> Snapshot {
    let mut store = Store::new(PANE_MS, 3_600_000, Thresholds::default());
    let arrivals: Vec<Arrival> = (0..120)
        .flat_map(|step| (0..5).map(move |antenna| (step * 10, antenna)))
        .map(|(second, antenna)| {
            let is_lost = antenna < 2 && (300..lost_until_s).contains(&second) || antenna == 4;
            let time_ms = START_MS + second * 1_000;
            let (packets, loss) = (100, if is_lost { 100 } else { 0 });
            Arrival { arrival_ms: time_ms, event_ms: time_ms, antenna, packets, loss, latency_ms: None, seq: None }
        })
        .collect();
    feed(&mut store, &mut BTreeSet::new(), &arrivals);
    store.snapshot(1, None)
}

#[test]
fn sites_are_told_by_their_public_names_and_by_nothing_else() {
    let (registry, now) = (registry(NETWORK), UnixMillis(START_MS + 1_195_000));
    let lasting = status(&whole(&network(2_000), &[]), None, &registry, now, 90);
    let states: Vec<_> = lasting.sites.iter().map(|site| (site.name.as_str(), site.state)).collect();
    let coast = "Coast & <islands>";
    assert_eq!(states, [(coast, SiteState::Down), ("Hill", SiteState::Operational), ("Unheard", SiteState::NoData)]);
    let incident = &lasting.incidents[0];
    assert_eq!((lasting.incidents.len(), incident.site.as_str(), incident.state), (1, coast, SiteState::Down));
    assert_eq!(incident.end, None);
    assert!((START_MS + 270_000..START_MS + 340_000).contains(&incident.start.0), "{incident:?}");
    let over = status(&whole(&network(600), &[]), None, &registry, now, 90);
    assert_eq!(over.sites[0].state, SiteState::Operational);
    assert_eq!(over.incidents[0].start, incident.start, "an incident is known by its start");
    assert!(over.incidents[0].end.is_some_and(|end| end.0 < START_MS + 700_000));
    assert_eq!((lasting.days.len(), lasting.sites[1].daily_availability.len()), (90, 90));
    assert!(lasting.sites[1].daily_availability[..89].iter().all(Option::is_none));
    assert_eq!(lasting.sites[1].availability, lasting.sites[1].daily_availability[89]);
    assert!(lasting.sites[0].availability < Some(0.7) && lasting.sites[1].availability > Some(0.98));
    assert_eq!(lasting.sites[2].availability, None);
    let text = serde_json::to_string(&lasting).expect("JSON");
    for word in ["secret", "antenna", "elsewhere"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn what_is_not_known_is_never_operational() {
    let (registry, now) = (registry(NETWORK), UnixMillis(START_MS + 1_195_000));
    let partly = status(&whole(&network(2_000), &["antenna_stream:1"]), None, &registry, now, 90);
    let states: Vec<_> = partly.sites.iter().map(|site| site.state).collect();
    assert_eq!(states, [SiteState::Down, SiteState::NoData, SiteState::NoData]);
    assert!(partly.sites.iter().all(|site| site.daily_availability.iter().all(Option::is_none)));
    let later = status(&whole(&network(600), &[]), None, &registry, UnixMillis(now.0 + 3 * DAY_MS), 90);
    assert_eq!(later.sites[1].state, SiteState::Down, "it has been silent since");
    assert!(later.sites[1].daily_availability[87..].iter().all(Option::is_none), "nothing was counted since");
    let before = status(&whole(&network(600), &[]), None, &Registry::default(), now, 90);
    assert!(before.sites.is_empty() && before.incidents.is_empty());
}
