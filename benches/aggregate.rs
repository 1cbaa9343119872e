//! Aggregation batches: readings to partials, the roll-up, and the merge into a pane that is warm.
//!
//! `cargo bench` measures; `cargo test --benches` runs each once.

use std::hint::black_box;

use analytics::aggregate::{Grid, Keys, Partials};
use benches::readings;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const KEYS: Keys = Keys { pane: Some(Grid::of_width(1)), antenna: true };
const SIZES: [(usize, u32); 4] = [(1_000, 100), (10_000, 100), (100_000, 100), (100_000, 10_000)];

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    group.sample_size(20);
    for (rows, antennas) in SIZES {
        let readings = readings(rows, antennas);
        let frames = Partials::from_readings(&readings).expect("columns of one length");
        let pane = frames.roll_up(KEYS).expect("columns");
        let batch = pane.clone();
        let of = |name: &str| BenchmarkId::new(name, format!("{rows} rows x {antennas} antennas"));
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(of("frame"), |bencher| {
            bencher.iter(|| Partials::from_readings(black_box(&readings)).expect("columns of one length"));
        });
        group.bench_function(of("roll_up"), |bencher| {
            bencher.iter(|| black_box(&frames).roll_up(KEYS).expect("columns"));
        });
        group.bench_function(of("merge"), |bencher| {
            bencher.iter(|| {
                let whole = Partials::concat([black_box(&pane), black_box(&batch)]).expect("like tables");
                whole.roll_up(KEYS).expect("columns")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
