//! Aggregation batches: what each step of the pipeline costs a row, beside a loop written by hand, and the query behind
//! each route.
//!
//! `cargo bench -p benches -- aggregate` measures, `benches/table.py` prints nanoseconds a row and ratios;
//! `cargo test --benches` runs each once.

use std::hint::black_box;

use analytics::answer::{Question, Tables, View, Window};
use analytics::archive::file::{encode, group_rows};
use analytics::archive::rows::{FinalHour, column};
use analytics::archive::write::Files;
use analytics::ingest::decode::{Decoder, Interner};
use analytics::ingest::resp::{Extent, ReplyParser};
use analytics::readings::column::AVAILABLE_MS;
use analytics::settings::Thresholds;
use analytics::store::archived::Table;
use analytics::store::partials::Partials;
use analytics::store::{Store, Whole};
use benches::{
    BY_PANE_AND_ANTENNA, PANE_MS, PANES as GRID, START_MS, antenna_id, batch, dense_loop, readings, reply, store, whole,
};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use polars::prelude::{Column, DataFrame, ExplodeOptions, IntoLazy as _, by_name};
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennasRequest, End, HeatmapRequest, SeriesRequest, SummaryRequest, WindowRequest, WorstRequest,
};
use shared::time::Span;

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
        let batch = batch(readings.clone()).expect("columns of one length");
        let mut vouching = batch.readings.clone();
        let available_ms = vec![1_000_u64; vouching.height()];
        vouching.with_column(Column::new(AVAILABLE_MS.into(), available_ms)).expect("as many");
        let partials = Partials::of_readings(&vouching, GRID).expect("the columns of readings");
        let mut warm = store(1, antennas).expect("columns");
        warm.count(&batch).expect("columns");
        let mut decoder = Decoder::new(Interner::default(), 60_000);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(of("find the end"), |bencher| {
            bencher.iter(|| ReplyParser::default().feed(black_box(&bytes), &mut extent).expect("a reply"));
        });
        group.bench_function(of("decode"), |bencher| {
            bencher.iter(|| decoder.decode(black_box(&bytes)).expect("a reply"));
        });
        group.bench_function(of("partials"), |bencher| {
            bencher.iter(|| Partials::of_readings(black_box(&vouching), GRID).expect("columns"));
        });
        group.bench_function(of("roll_up"), |bencher| {
            bencher.iter(|| Partials::roll_up([black_box(&partials)], BY_PANE_AND_ANTENNA).expect("columns"));
        });
        group.bench_function(of("floor"), |bencher| {
            bencher.iter(|| dense_loop(black_box(&readings), antennas));
        });
        group.bench_function(of("count"), |bencher| {
            let count = |mut store: Store| {
                store.count(black_box(&batch)).expect("columns");
                store
            };
            bencher.iter_batched(|| warm.clone(), count, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn query(criterion: &mut Criterion) {
    for (partitions, name) in [(1, "query"), (16, "query of 16 partitions")] {
        query_of(criterion, partitions, name);
    }
}

fn query_of(criterion: &mut Criterion, partitions: u32, name: &str) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    for antennas in ANTENNAS {
        let whole = whole(PANES, antennas, partitions).expect("columns");
        let id = antenna_id(antennas / 2).to_string();
        let length = Some(Span::from_ms(PANES * PANE_MS));
        let window = WindowRequest { length, end: End::Latest };
        let step = Some(Span::from_ms(PANES / 30 * PANE_MS));
        let worst = WorstRequest { window, ..WorstRequest::default() };
        let page = AntennasRequest { window, ..AntennasRequest::default() };
        let histories = AntennasRequest { step, ..page.clone() };
        let heatmap = HeatmapRequest { window, ..HeatmapRequest::default() };
        let antenna = AntennaRequest { id: id.clone(), window };
        let series = SeriesRequest { window, step, ..SeriesRequest::default() };
        let of_antenna = SeriesRequest { antenna: Some(id), ..series.clone() };
        let asked = Asked { whole, window: PANES * PANE_MS, antennas };
        asked.bench(&mut group, "network", None, &SummaryRequest { window });
        let tables = Tables::of_partitions(partitions as usize);
        asked.bench(&mut group, "summary", Some(&tables), &SummaryRequest { window });
        asked.bench(&mut group, "worst", Some(&tables), &worst);
        asked.bench(&mut group, "antennas", Some(&tables), &page);
        asked.bench(&mut group, "antennas with histories", Some(&tables), &histories);
        asked.bench(&mut group, "heat map", Some(&tables), &heatmap);
        asked.bench(&mut group, "antenna", Some(&tables), &antenna);
        asked.bench(&mut group, "series", Some(&tables), &series);
        asked.bench(&mut group, "series of an antenna", Some(&tables), &of_antenna);
    }
    group.finish();
}

/// What questions are put to.
struct Asked {
    whole: Whole,
    /// Length of the window in milliseconds.
    window: i64,
    antennas: u32,
}

impl Asked {
    /// Times a question, with the tables that questions share as they are, or made anew each time.
    fn bench(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        shared: Option<&Tables>,
        question: &impl Question,
    ) {
        let now = UnixMillis(0);
        let window = Window::new(&self.whole, self.window, End::Latest, now);
        group.bench_function(BenchmarkId::new(name, self.antennas), |bencher| {
            bencher.iter(|| {
                let own = Tables::of_partitions(self.whole.portions().len());
                let tables = shared.unwrap_or(&own);
                let view = View::new(&self.whole, window, now, Thresholds::default(), tables);
                question.answer(&view).expect("an answer")
            });
        });
    }
}

/// An hour of minutes into files, and its sketches as lists of each row, as files have them, beside rows of a table of their own.
fn archive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("archive");
    group.sample_size(10);
    for antennas in ANTENNAS {
        let minutes = if cfg!(debug_assertions) { 2 } else { 60 };
        let store = store(minutes, antennas).expect("columns");
        let panes = (0..minutes).filter_map(|pane| store.pane(START_MS + pane * PANE_MS).cloned()).collect();
        let ids = (0..antennas).map(|slot| (slot, antenna_id(slot))).collect();
        // A row is as wide as a pane here, so that there is one for each antenna and pane, as with panes of a minute.
        let hour = FinalHour {
            partition: 0,
            start_ms: START_MS,
            panes,
            row_ms: PANE_MS,
            ids,
            limits: Thresholds::default().into(),
        };
        let tables = hour.tables().expect("columns");
        let rows = tables.iter().find(|(table, _)| *table == Table::Minutes).map(|(_, rows)| rows).expect("minutes");
        let keys = [column::ANTENNA_ID, column::START];
        let lists = [column::LATENCY_BUCKETS, column::LATENCY_BUCKET_COUNTS];
        let sums = rows.drop_many(lists);
        let sketches = rows.select(keys.into_iter().chain(lists)).expect("columns");
        let options = ExplodeOptions { empty_as_null: false, keep_nulls: false };
        let sketches = sketches.lazy().explode(by_name(lists, true, false), options).collect().expect("lists as long");
        let bytes = |tables: &[&DataFrame]| {
            tables.iter().map(|it| encode(it, group_rows(Table::Minutes, false)).expect("types").len()).sum::<usize>()
        };
        eprintln!(
            "{} rows: {} bytes with sketches as lists, {} bytes with sketches as rows",
            rows.height(),
            bytes(&[rows]),
            bytes(&[&sums, &sketches])
        );
        let of = |name: &str| BenchmarkId::new(name, antennas);
        group.throughput(Throughput::Elements(rows.height() as u64));
        group.bench_function(of("tables"), |bencher| {
            bencher.iter(|| black_box(&hour).tables().expect("columns"));
        });
        group.bench_function(of("files"), |bencher| {
            bencher.iter(|| Files::of(black_box(&hour)).expect("columns"));
        });
        group.bench_function(of("sketches as lists"), |bencher| bencher.iter(|| bytes(&[black_box(rows)])));
        group.bench_function(of("sketches as rows"), |bencher| bencher.iter(|| bytes(&[&sums, black_box(&sketches)])));
    }
    group.finish();
}

criterion_group!(benches, aggregate, query, archive);
criterion_main!(benches);
