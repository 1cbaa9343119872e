//! The export of cells: it adds up, in all formats, with clients that go away and counting that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use analytics::answer::cells::{CellsExport, MAX_CELLS};
use analytics::answer::{AnswerError, Tables, View, Window};
use analytics::settings::Thresholds;
use analytics::store::{Snapshot, Whole};
use futures::StreamExt as _;
use proptest::prelude::*;
use shared::api::{AntennasRequest, Cells, CellsRequest, Count, End, Format, Measures, Status, Summary, path};
use shared::time::Span;
use shared::{Reading, UnixMillis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::formats::{Still, error_of, from_arrow, from_parquet, ten_minutes};
use crate::oracle::{alike_in_cells, counted};
use crate::support::{NOW, ask, name, reading, until_it_is, window};
use crate::windows::{PANE_MS, arrivals, store};

/// What is retained in the properties.
const RETENTION_MS: i64 = 600_000;

/// A whole export in a format.
fn export(
    snapshot: &Snapshot,
    request: &CellsRequest,
    format: Format,
    now: UnixMillis,
) -> Result<Vec<u8>, AnswerError> {
    let tables = Tables::default();
    let whole = Whole::from(Arc::new(snapshot.clone()));
    let window = Window::of(&whole, request.window, now)?;
    let view = View::new(&whole, window, now, Thresholds::default(), &tables);
    let mut export = CellsExport::begin(request, format, &view)?;
    let mut bytes = Vec::new();
    while let Some(step) = export.step(&view)? {
        bytes.extend(step);
    }
    Ok(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// In any window and step, with tiles and without, whatever is left out; and all steps together are one table.
    #[test]
    fn cells_are_those_of_the_reference_and_add_up_to_the_antennas(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        window_ms in 1..=RETENTION_MS,
        step_ms in prop_oneof![Just(None), (20_000..=RETENTION_MS).prop_map(Some)],
        end in prop_oneof![Just(None), (-300_000..100_000_i64).prop_map(Some)],
        antenna in prop_oneof![3 => Just(None), 1 => (0..7_u32).prop_map(Some)],
        q in prop_oneof![Just(None), prop::sample::select(vec!["", "A-3", "antenna-", "x"]).prop_map(Some)],
        statuses in prop_oneof![Just(BTreeSet::new()), prop::collection::btree_set(prop::sample::select(Status::ALL.to_vec()), 0..4)],
    ) {
        let now = UnixMillis(arrivals.last().expect("arrivals").arrival_ms + 7_300);
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let snapshot = store.snapshot(1, None);
        let end = end.map_or(End::Latest, |offset| End::At(UnixMillis(snapshot.clock.newest_ms + offset)));
        let request = CellsRequest {
            window: window(window_ms, end),
            step: step_ms.map(Span::from_ms),
            antenna: antenna.map(name),
            q: q.map(str::to_owned),
            statuses,
            flapping: None,
            format: None,
            ..CellsRequest::default()
        };
        let reference = counted(PANE_MS, RETENTION_MS, &arrivals);
        // Where the antenna is not known, both say so.
        let Some(expected) = alike_in_cells(&snapshot, &reference, now, &request)? else { return Ok(()) };

        let arrow = from_arrow(export(&snapshot, &request, Format::Arrow, now).expect("an answer"));
        let parquet = from_parquet(export(&snapshot, &request, Format::Parquet, now).expect("an answer"));
        prop_assert!(arrow.equals_missing(&parquet));
        prop_assert_eq!(arrow.height(), expected.cells.len());

        let all = AntennasRequest {
            window: request.window,
            limit: Count::MOST,
            q: request.q.clone(),
            statuses: request.statuses.clone(),
            id: request.antenna.clone(),
            ..AntennasRequest::default()
        };
        let mut sums: BTreeMap<&str, Measures> = BTreeMap::new();
        for cell in &expected.cells {
            let (sum, cell) = (sums.entry(&cell.antenna_id).or_default(), &cell.measures);
            sum.readings += cell.readings;
            sum.packets_sent += cell.packets_sent;
            sum.packets_delivered += cell.packets_delivered;
            sum.packets_lost += cell.packets_lost;
            let (least, most) = (&mut sum.latency_ms.min, &mut sum.latency_ms.max);
            *least = [*least, cell.latency_ms.min].into_iter().flatten().reduce(f64::min);
            *most = [*most, cell.latency_ms.max].into_iter().flatten().reduce(f64::max);
        }
        for row in ask(&snapshot, now, &all).expect("a page").antennas {
            let sum = sums.remove(row.antenna_id.as_str()).unwrap_or_default();
            let counts = |it: &Measures| (it.readings, it.packets_sent, it.packets_delivered, it.packets_lost);
            prop_assert_eq!(counts(&sum), counts(&row.measures), "{}", row.antenna_id);
            // Cells were read from JSON, which may miss the last bit of a double.
            for (told, sum) in [
                (row.measures.latency_ms.min, sum.latency_ms.min),
                (row.measures.latency_ms.max, sum.latency_ms.max),
            ] {
                let is_same = match (told, sum) {
                    (Some(told), Some(sum)) => (told - sum).abs() <= told * f64::EPSILON,
                    (told, sum) => told == sum,
                };
                prop_assert!(is_same, "{}: {told:?} {sum:?}", row.antenna_id);
            }
        }
        prop_assert!(sums.is_empty(), "no such antennas: {:?}", sums.keys());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_antenna_is_404_and_what_is_bad_is_400_whatever_the_format() {
    let mut analytics = Still::start().await;
    analytics.publish(ten_minutes()).await;
    for format in Format::ALL {
        let unknown = analytics.get(&format!("{}?antenna=none&format={format}", path::CELLS), "*/*").await;
        assert_eq!(error_of(&unknown, 404).0, "not_found");
        for (query, named) in [
            ("window=2h", "window"),
            ("window=soon", "window"),
            ("step=0s", "step"),
            ("step=61m", "step"),
            ("window=1h&step=5s", "more than 500 steps"),
            ("status=ill", "status"),
            ("limit=5", "limit"),
        ] {
            let got = analytics.get(&format!("{}?{query}&format={format}", path::CELLS), "*/*").await;
            let (code, message) = error_of(&got, 400);
            assert_eq!(code, "bad_parameter");
            assert!(message.contains(named), "{query}: {message}");
        }
    }
    analytics.stop().await;
}

/// As many antennas as cannot be told in as many steps as can be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn more_cells_than_the_limit_are_refused_before_anything_is_worked_out() {
    const STEPS: usize = 500;
    let antennas = MAX_CELLS / STEPS + 1;
    let mut analytics = Still::start().await;
    analytics
        .publish((0..antennas).map(|antenna| (NOW, reading(&format!("antenna-{antenna}"), NOW.0, 1, 0, None))))
        .await;
    for format in Format::ALL {
        let path = format!("{}?window={}s&step=5s&format={format}", path::CELLS, STEPS * 5);
        let (code, message) = error_of(&analytics.get(&path, "*/*").await, 400);
        assert_eq!(code, "bad_parameter");
        assert!(message.contains(&MAX_CELLS.to_string()) && message.contains("step"), "{message}");
    }
    // One antenna fewer is within the limit.
    let within = format!("{}?window={}s&step=5s&format=arrow&q=antenna-1", path::CELLS, STEPS * 5);
    let found = from_arrow(analytics.get(&within, "*/*").await.body).height();
    assert!(found > 1_000 && found < antennas, "{found}");
    analytics.stop().await;
}

/// Cells that are too many for the buffers of a connection, so that an export waits for its client: 300 antennas in each of
/// 120 panes.
fn many() -> impl Iterator<Item = (UnixMillis, Reading)> {
    (0..120_i64).flat_map(|pane| {
        let time = UnixMillis(NOW.0 - 600_000 + pane * 5_000);
        (0..300).map(move |antenna| {
            let id = format!("antenna-with-a-long-name-{}-{antenna}", "x".repeat(200));
            (time, reading(&id, time.0, 100, 1, Some(20.5)))
        })
    })
}

/// All of them, in steps of a pane.
const MANY: &str = "/api/v1/cells?window=10m&step=5s";

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stall_or_go_away_leave_nothing_behind() {
    let mut analytics = Still::start().await;
    analytics.publish(many()).await;
    let exported = Arc::downgrade(&analytics.pipeline.published.snapshot());
    let begin = async |format: Format| {
        let mut client = TcpStream::connect(analytics.address).await.expect("a connection");
        let request = format!("GET {MANY}&format={format} HTTP/1.1\r\nhost: vigia\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("a request");
        let mut head = [0; 15];
        client.read_exact(&mut head).await.expect("the beginning of an answer");
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        client
    };
    // More clients at once than there are threads for queries, none of which reads on.
    let mut stalled = Vec::new();
    for number in 0..16 {
        stalled.push(begin(Format::ALL[number % 4]).await);
    }
    let summary: Summary = analytics.json(path::SUMMARY).await;
    assert_eq!(summary.antennas.active, 300);
    drop(stalled);
    // More than the jobs that may wait for a thread.
    for _ in 0..300 {
        drop(begin(Format::Csv).await);
    }
    let summary: Summary = analytics.json(&format!("{}?window=10m", path::SUMMARY)).await;
    assert_eq!(summary.measures.readings, 36_000);
    // What they were reading from goes, once there is a newer snapshot.
    analytics.publish([(NOW, reading("another", NOW.0, 1, 0, None))]).await;
    let summary: Summary = analytics.json(path::SUMMARY).await;
    assert_eq!(summary.antennas.active, 301);
    until_it_is(0, || exported.strong_count()).await;
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_one_snapshot_while_counting_goes_on() {
    let mut analytics = Still::start().await;
    analytics.publish(many()).await;
    let fixed = format!("{MANY}&end={}", NOW.0 / 1_000);
    let before: Cells = analytics.json(&fixed).await;
    assert_eq!(before.cells.len(), 36_000);
    let mut exports = Vec::new();
    for format in [Format::Json, Format::Arrow, Format::Csv] {
        let answer = reqwest::get(analytics.url(&format!("{fixed}&format={format}"))).await.expect("an answer");
        let mut body = answer.bytes_stream();
        let first = body.next().await.expect("a beginning").expect("bytes").to_vec();
        exports.push((first, body));
    }
    // A new antenna and more of an old one first; then the time in which all of the others are forgotten.
    let (old, later) = (before.cells[0].antenna_id.clone(), UnixMillis(NOW.0 + 7_200_000));
    let just_before = UnixMillis(NOW.0 - 1_000);
    analytics
        .publish([
            (NOW, reading("a-new-one", just_before.0, 5, 0, None)),
            (NOW, reading(&old, just_before.0, 5, 5, Some(900.0))),
        ])
        .await;
    let changed: Cells = analytics.json(&fixed).await;
    assert_eq!(changed.cells.len(), 36_001);
    analytics.publish([(later, reading("the-last", later.0, 1, 0, None))]).await;
    let forgotten: Cells = analytics.json(&fixed).await;
    assert_eq!(forgotten.cells.len(), 0);

    let mut bodies = Vec::new();
    for (mut all, mut body) in exports {
        while let Some(bytes) = body.next().await {
            all.extend_from_slice(&bytes.expect("bytes"));
        }
        bodies.push(all);
    }
    let [json, arrow, csv] = bodies.try_into().expect("three bodies");
    assert_eq!(serde_json::from_slice::<Cells>(&json).expect("JSON"), before);
    let arrow = from_arrow(arrow);
    let lost = arrow.column("packets_lost").and_then(|lost| lost.u64().map(|lost| lost.iter().flatten().sum::<u64>()));
    assert_eq!((arrow.height(), lost.expect("counts")), (36_000, 36_000));
    assert_eq!(csv::Reader::from_reader(csv.as_slice()).records().filter(Result::is_ok).count(), 36_000);
    analytics.stop().await;
}
