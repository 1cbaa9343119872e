//! Aggregation batches: what each step of the pipeline costs a row, beside a loop written by hand, and the query behind
//! each route.
//!
//! `cargo bench -p benches -- aggregate` measures, `benches/table.py` prints nanoseconds a row and ratios;
//! `cargo test --benches` runs each once.

use std::collections::BTreeSet;
use std::hint::black_box;

use analytics::aggregate::Partials;
use analytics::decode::{Decoder, Interner};
use analytics::query::{Badness, End, Filter, Paging, Sort, View, Window};
use analytics::resp::{Extent, ReplyParser};
use analytics::settings::Thresholds;
use benches::{BY_PANE_AND_ANTENNA, PANE_MS, antenna_id, dense_loop, readings, reply, snapshot, store};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shared::UnixMillis;

const ROWS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const ANTENNAS: [u32; 2] = [100, 10_000];

/// An hour of panes; a debug build only shows that the benches run.
const PANES: i64 = if cfg!(debug_assertions) { 30 } else { 720 };
/// Rows up to which a debug build goes.
const MAX_ROWS: usize = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    group.sample_size(20);
    for (rows, antennas) in ROWS.into_iter().flat_map(|rows| ANTENNAS.map(|antennas| (rows, antennas))) {
        if rows > MAX_ROWS {
            continue;
        }
        let of = |name: &str| BenchmarkId::new(name, format!("{rows}x{antennas}"));
        let readings = readings(rows, antennas);
        let bytes = reply(&readings);
        let mut extent = Extent::default();
        let frames = Partials::from_readings(readings.clone()).expect("columns of one length");
        let batch = Partials::roll_up([&frames], BY_PANE_AND_ANTENNA).expect("columns");
        let mut warm = store(1, antennas).expect("columns");
        warm.merge(&batch, &BTreeSet::new()).expect("columns");
        let mut decoder = Decoder::new(Interner::default(), 60_000);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(of("find the end"), |bencher| {
            bencher.iter(|| ReplyParser::default().feed(black_box(&bytes), &mut extent).expect("a reply"));
        });
        group.bench_function(of("decode"), |bencher| {
            bencher.iter(|| decoder.decode(black_box(&bytes)).expect("a reply"));
        });
        group.bench_function(of("frame"), |bencher| {
            let frame = |readings| Partials::from_readings(readings).expect("columns of one length");
            bencher.iter_batched(|| readings.clone(), frame, BatchSize::LargeInput);
        });
        group.bench_function(of("roll_up"), |bencher| {
            bencher.iter(|| Partials::roll_up([black_box(&frames)], BY_PANE_AND_ANTENNA).expect("columns"));
        });
        group.bench_function(of("floor"), |bencher| {
            bencher.iter(|| dense_loop(black_box(&readings), antennas));
        });
        group.bench_function(of("merge"), |bencher| {
            let merge = |mut store: analytics::store::Store| {
                store.merge(black_box(&batch), &BTreeSet::new()).expect("columns");
                store
            };
            bencher.iter_batched(|| warm.clone(), merge, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn query(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    group.sample_size(20);
    let thresholds = Thresholds::default();
    for antennas in ANTENNAS {
        let snapshot = snapshot(PANES, antennas).expect("columns");
        let window = Window::new(&snapshot, PANES * PANE_MS, End::Latest, UnixMillis(0));
        let view = View::new(&snapshot, window);
        let rows = view.rows(&thresholds).expect("columns");
        let id = antenna_id(antennas / 2);
        let page = Paging { limit: 100, offset: 0 };
        let step_ms = PANES / 30 * PANE_MS;
        let of = |name: &str| BenchmarkId::new(name, antennas);
        group.bench_function(of("rows"), |bencher| {
            bencher.iter(|| View::new(&snapshot, window).rows(&thresholds).expect("columns"));
        });
        group.bench_function(of("summary"), |bencher| {
            bencher.iter(|| view.summary(&rows, &thresholds).expect("columns"))
        });
        group.bench_function(of("worst"), |bencher| {
            bencher.iter(|| view.worst(&rows, Badness::Failures, 10, None).expect("columns"));
        });
        group.bench_function(of("antennas"), |bencher| {
            bencher.iter(|| {
                view.antennas(&rows, &Filter::default(), (Sort::AntennaId, false), page, None).expect("columns")
            });
        });
        group.bench_function(of("antennas with histories"), |bencher| {
            let (all, sort) = (Filter::default(), (Sort::AntennaId, false));
            bencher.iter(|| view.antennas(&rows, &all, sort, page, Some(step_ms)).expect("columns"));
        });
        group.bench_function(of("heat map"), |bencher| {
            let sixtieth_ms = (PANES / 60).max(1) * PANE_MS;
            bencher.iter(|| view.heatmap(&rows, &Filter::default(), sixtieth_ms, 100).expect("columns"));
        });
        group.bench_function(of("antenna"), |bencher| {
            bencher.iter(|| view.antenna(&id, &thresholds).expect("columns"));
        });
        group.bench_function(of("series"), |bencher| {
            bencher.iter(|| view.series(step_ms, None).expect("columns"));
        });
        group.bench_function(of("series of an antenna"), |bencher| {
            bencher.iter(|| view.series(step_ms, Some(&id)).expect("columns"));
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate, query);
criterion_main!(benches);
