//! The law of the algebra: any split of the readings, in any order, merged in any tree, gives the same tables.

use std::sync::Arc;

use analytics::archive::rows::{FinalHour, column, of_days};
use analytics::readings::column::AVAILABLE_MS;
use analytics::readings::{self, Rows};
use analytics::settings::Thresholds;
use analytics::store::Pane;
use analytics::store::archived::{DAY_MS, HOUR_MS, Table};
use analytics::store::expressions;
use analytics::store::grid::Grid;
use analytics::store::partials::{Keys, Partials, cells_of_antennas, sketch_of_antennas, union};
use polars::prelude::*;
use proptest::prelude::*;

const BY_PANE_AND_ANTENNA: Keys = Keys { pane: Some(PANES), antenna: true };

type Row = (i64, u32, u32, u32, Option<f64>, u64);

fn rows(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Row>> {
    let latency = prop_oneof![Just(None), Just(Some(0.0)), (1e-6..20_000.0_f64).prop_map(Some)];
    let row = (0..4_i64, 0..5_u32, 0..2_000_u32, 0..=100_u32, latency, 0..5_000_u64).prop_map(
        |(pane, antenna, packets, percent, latency, available_ms)| {
            (pane * 5_000, antenna, packets, packets * percent / 100, latency, available_ms)
        },
    );
    prop::collection::vec(row, count)
}

/// Panes of the rows.
const PANES: Grid = Grid::of_width(5_000);

fn partials(rows: &[Row]) -> Partials {
    let available_ms: Vec<u64> = rows.iter().map(|row| row.5).collect();
    let rows = rows.iter().map(|&(event_ms, antenna, packets_sent, packets_lost, latency_ms, _)| readings::Row {
        arrival_ms: event_ms,
        event_ms,
        antenna,
        packets_sent,
        packets_lost,
        latency_ms,
        seq: None,
    });
    let mut readings = rows.collect::<Rows>().finish().expect("columns of one length");
    readings.with_column(Column::new(AVAILABLE_MS.into(), available_ms)).expect("columns of one length");
    Partials::of_readings(&readings, PANES).expect("the columns of readings")
}

/// The value of an expression over one column of doubles.
fn snapped(latencies: &[f64]) -> Vec<f64> {
    let table = df!("latency" => latencies).expect("a column");
    let table = table.lazy().select([expressions::snap(col("latency"))]).collect().expect("a plan");
    table.column("latency").expect("a column").f64().expect("doubles").into_no_null_iter().collect()
}

fn roll_up(partials: &Partials, keys: Keys) -> Partials {
    merge([partials], keys)
}

fn merge<'a>(parts: impl IntoIterator<Item = &'a Partials>, keys: Keys) -> Partials {
    Partials::roll_up(parts, keys).expect("tables with their columns")
}

fn assert_same(left: &Partials, right: &Partials) -> Result<(), TestCaseError> {
    prop_assert!(left.cells.equals_missing(&right.cells), "{:?}\n{:?}", left.cells, right.cells);
    prop_assert!(left.sketch.equals_missing(&right.sketch), "{:?}\n{:?}", left.sketch, right.sketch);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_in_any_order_merged_in_any_tree_is_the_same(
        (rows, shuffled) in rows(0..120).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        tree in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let at_once = roll_up(&partials(&rows), BY_PANE_AND_ANTENNA);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(shuffled.len() + 1)).collect();
        cuts.extend([0, shuffled.len()]);
        cuts.sort_unstable();
        let mut parts: Vec<Partials> = cuts
            .windows(2)
            .map(|cut| roll_up(&partials(&shuffled[cut[0]..cut[1]]), BY_PANE_AND_ANTENNA))
            .collect();
        for pick in tree {
            if parts.len() > 1 {
                let one = parts.swap_remove(pick.index(parts.len()));
                let other = parts.swap_remove(pick.index(parts.len()));
                parts.push(merge([&one, &other], BY_PANE_AND_ANTENNA));
            }
        }
        let merged = merge(&parts, BY_PANE_AND_ANTENNA);
        assert_same(&merged, &at_once)?;
    }

    /// Many rows are added up in another way than few.
    #[test]
    fn many_rows_add_up_as_few_do(rows in rows(120..160)) {
        const COPIES: usize = 40;
        let at_once = roll_up(&partials(&rows.repeat(COPIES)), BY_PANE_AND_ANTENNA);
        let once = roll_up(&partials(&rows), BY_PANE_AND_ANTENNA);
        assert_same(&at_once, &merge(std::iter::repeat_n(&once, COPIES), BY_PANE_AND_ANTENNA))?;
    }

    /// Of tables as they lie in panes: narrow and wide counts, a pane that is held once or in each row, some without rows.
    #[test]
    fn tables_are_one_as_the_plan_that_concatenates_them_makes_them(all in prop::collection::vec((rows(0..20), any::<bool>()), 0..6)) {
        let tables: Vec<DataFrame> = all
            .iter()
            .flat_map(|(rows, is_at_rest)| {
                let rolled_up = roll_up(&partials(rows), BY_PANE_AND_ANTENNA);
                let panes = rolled_up.split_by_pane().expect("a table with its columns");
                let at_rest = panes.into_iter().map(|(_, part)| part.cells);
                if *is_at_rest { at_rest.collect() } else { vec![rolled_up.cells] }
            })
            .collect();
        // Of the schema, the names count: the first table may be narrower than another.
        let schema = tables.first().map_or_else(|| Partials::empty().cells.schema().clone(), |first| first.schema().clone());
        let at_once = union(&tables.iter().collect::<Vec<_>>(), &schema).expect("tables with their columns");
        let expected = match &*tables {
            [] => DataFrame::empty_with_schema(&schema),
            tables => {
                let tables: Vec<LazyFrame> = tables.iter().map(|table| table.clone().lazy()).collect();
                let arguments = UnionArgs { to_supertypes: true, ..UnionArgs::default() };
                concat(tables, arguments).expect("tables with their columns").collect().expect("a plan")
            }
        };
        prop_assert_eq!(at_once.schema(), expected.schema());
        prop_assert!(at_once.equals_missing(&expected), "{at_once:?}\n{expected:?}");
    }

    #[test]
    fn a_roll_up_of_a_roll_up_is_the_coarser_roll_up(rows in rows(0..80), width in 1..4_i64) {
        let coarse = Keys { pane: Some(Grid::of_width(width * 5_000)), antenna: true };
        let all = Keys { pane: None, antenna: false };
        let fine = roll_up(&partials(&rows), BY_PANE_AND_ANTENNA);
        assert_same(&roll_up(&fine, coarse), &roll_up(&partials(&rows), coarse))?;
        assert_same(&roll_up(&roll_up(&fine, coarse), all), &roll_up(&partials(&rows), all))?;
    }

    #[test]
    fn panes_taken_apart_and_put_together_are_the_same(rows in rows(0..80)) {
        let whole = roll_up(&partials(&rows), BY_PANE_AND_ANTENNA);
        let panes: Vec<Partials> =
            whole.split_by_pane().expect("tables with their columns").into_iter().map(|(_, pane)| pane).collect();
        assert_same(&merge(&panes, BY_PANE_AND_ANTENNA), &whole)?;
        for antenna in 0..5 {
            for pane in &panes {
                let cells = cells_of_antennas(&[&pane.cells], &[antenna]).expect("tables with their columns");
                let sketch = sketch_of_antennas(&[&pane.sketch], &[antenna]).expect("tables with their columns");
                let buckets = sketch.column("antenna").expect("a column").u32().expect("slots").clone();
                prop_assert!(buckets.into_no_null_iter().all(|slot| slot == antenna));
                let slots = cells.column("antenna").expect("a column").u32().expect("slots").clone();
                prop_assert!(slots.into_no_null_iter().all(|slot| slot == antenna));
                prop_assert_eq!(
                    slots.len(),
                    usize::from(rows.iter().any(|row| row.1 == antenna && pane_of(pane) == Some(row.0)))
                );
            }
        }
    }

    /// Rows of days are the same, made of those of hours or of panes.
    #[test]
    fn days_of_hours_are_days_of_panes(rows in rows(1..120), revised in 0..4_i64) {
        // Two panes an hour.
        let rows: Vec<Row> = rows.into_iter().map(|row| (row.0 / 5_000 * HOUR_MS / 2, row.1, row.2, row.3, row.4, row.5)).collect();
        let revised_ms = revised * HOUR_MS / 2;
        let whole = roll_up(&partials(&rows), BY_PANE_AND_ANTENNA);
        let panes = Pane::split(&whole, |start_ms| start_ms == revised_ms).expect("tables with their columns");
        let panes: Vec<Arc<Pane>> = panes.into_iter().map(Arc::new).collect();
        let tables_of = |start_ms: i64, length_ms: i64, row_ms: i64| {
            let range = start_ms..start_ms + length_ms;
            let panes = panes.iter().filter(|pane| range.contains(&pane.start_ms)).map(Arc::clone).collect();
            // Their order is not that of the slots.
            let ids = (0..5).map(|slot| (slot, Arc::from(format!("antenna-{}", slot * 7 % 5)))).collect();
            FinalHour { partition: 0, start_ms, panes, row_ms, ids, limits: Thresholds::default().into() }.tables().expect("panes with their columns")
        };
        let days = tables_of(0, DAY_MS, DAY_MS);
        let table = |tables: &[(Table, DataFrame)], wanted| {
            tables.iter().find(|(table, _)| *table == wanted).expect("all tables").1.clone()
        };
        for (hours_table, rows_of_day) in [(Table::Hours, Table::Minutes), (Table::NetworkHours, Table::NetworkMinutes)] {
            let hours: Vec<LazyFrame> =
                [0, HOUR_MS].map(|start_ms| table(&tables_of(start_ms, HOUR_MS, HOUR_MS), hours_table).lazy()).into();
            let by: &[&str] = if hours_table == Table::Hours { &[column::ANTENNA_ID, column::START] } else { &[column::START] };
            let hours = concat(hours, UnionArgs::default()).expect("the same columns");
            let hours = hours.sort(by.to_vec(), SortMultipleOptions::default()).collect().expect("columns");
            let (made, mut expected) = (of_days(&hours).expect("columns"), table(&days, rows_of_day));
            if hours_table == Table::Hours {
                // A row tells it of the hours in which its antenna has one.
                let is_revised = |slot: u32| {
                    rows.iter().any(|row| row.0 == revised_ms)
                        && rows.iter().any(|row| row.1 == slot && row.0 / HOUR_MS == revised_ms / HOUR_MS)
                };
                let ids = expected.column(column::ANTENNA_ID).expect("ids").str().expect("text").clone();
                let slot_of = |id: &str| (0..5).find(|slot| id == format!("antenna-{}", slot * 7 % 5)).expect("one of ours");
                let is_revised: Vec<bool> = ids.iter().flatten().map(|id| is_revised(slot_of(id))).collect();
                expected.with_column(Column::new(column::REVISED.into(), is_revised)).expect("as many");
            }
            prop_assert!(made.equals_missing(&expected), "{:?}\n{:?}", made, expected);
        }
    }

    /// All antennas together come to more than a double holds without rounding; it is rounded once, whatever was added up before.
    #[test]
    fn all_antennas_add_up_without_rounding(
        latencies in prop::collection::vec(0.0..4_000_000.0_f64, 1..60),
        parts in prop::collection::vec(0..4_usize, 60),
    ) {
        let all = Keys { pane: None, antenna: false };
        let rows = (0..).zip(&latencies).map(|(antenna, latency_ms)| (0, antenna, 1, 0, Some(*latency_ms), 0));
        let cells = roll_up(&partials(&rows.collect::<Vec<Row>>()), BY_PANE_AND_ANTENNA);
        let at_once = roll_up(&cells, all);
        let of_part = |part: usize| {
            let slots: Vec<u32> = (0..).zip(&latencies).zip(&parts).filter(|(_, it)| **it == part).map(|((slot, _), _)| slot).collect();
            Partials {
                cells: cells_of_antennas(&[&cells.cells], &slots).expect("columns"),
                sketch: sketch_of_antennas(&[&cells.sketch], &slots).expect("columns"),
            }
        };
        let of_parts: Vec<Partials> = (0..4).map(|part| roll_up(&of_part(part), all)).collect();
        // A part as it is, beside others that were added up.
        let mixed = [&of_part(0), &of_parts[1], &merge(&of_parts[2..], all)];
        let (merged, mixed) = (merge(&of_parts, all), merge(mixed, all));
        assert_same(&merged, &at_once)?;
        assert_same(&mixed, &at_once)?;
        let exact: u128 = snapped(&latencies).into_iter().map(|it| (it * (1_u64 << 30) as f64) as u128).sum();
        let expected = (exact >> 30) as f64 + (exact % (1 << 30)) as f64 / (1_u64 << 30) as f64;
        let rounded = at_once.rounded().expect("columns");
        let sums = rounded.cells.column("latency_sum").expect("a column").f64().expect("doubles");
        prop_assert_eq!(sums.into_no_null_iter().collect::<Vec<f64>>(), [expected]);
    }

    /// Sums of snapped latencies are exact, so they do not depend on the order.
    #[test]
    fn snapped_latencies_add_without_rounding(latencies in prop::collection::vec(0.0..10_000.0_f64, 0..200)) {
        let snapped = snapped(&latencies);
        let forward: f64 = snapped.iter().copied().sum();
        let backward: f64 = snapped.iter().rev().copied().sum();
        prop_assert_eq!(forward.to_bits(), backward.to_bits());
        for (snapped, latency) in snapped.into_iter().zip(latencies) {
            prop_assert!((snapped - latency).abs() <= 5e-10);
        }
    }
}

/// A day has hours in which nothing was published, over all antennas as by antenna.
#[test]
fn an_hour_without_panes_has_no_rows() {
    let (panes, ids, limits) = (Vec::new(), Vec::new(), Thresholds::default().into());
    let hour = FinalHour { partition: 0, start_ms: HOUR_MS, panes, row_ms: 60_000, ids, limits };
    for (table, rows) in hour.tables().expect("tables without rows") {
        assert_eq!(rows.height(), 0, "{table:?}");
    }
}

fn pane_of(partials: &Partials) -> Option<i64> {
    partials.cells.column("pane").expect("a column").i64().expect("starts").get(0)
}
