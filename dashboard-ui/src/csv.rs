//! Figures as a file: the rows or steps of a page, in columns with the names of analytics' API. What is nested in JSON has its
//! names joined: the `mean` of `latency_ms` is `latency_ms_mean`. Unknown is empty.

use std::collections::HashMap;

use csv::Writer;
use serde::Serialize;
use serde_json::Value;

use crate::figures::Figures;

const ANTENNAS: [&[&str]; 3] = [&["antenna_id", "status"], MEASURES, &["last_seen"]];
const SERIES: [&[&str]; 3] = [&["start"], MEASURES, &["revised"]];
const INCIDENTS: [&[&str]; 1] = [&[
    "antenna_id",
    "kind",
    "start",
    "end",
    "ended_by",
    "duration_seconds",
    "packets_sent",
    "packets_lost",
    "worst_success_rate",
    "worst_latency_ms",
]];
const PIPELINE: [&[&str]; 1] = [&[
    "start",
    "rows",
    "batches",
    "read_ms",
    "decode_ms",
    "aggregate_ms",
    "merge_ms",
    "commits",
    "commit_ms",
    "lag",
    "freshness_ms_p50",
    "freshness_ms_p99",
]];
const MEASURES: &[&str] = &[
    "readings",
    "packets_sent",
    "packets_delivered",
    "packets_lost",
    "success_rate",
    "latency_ms_mean",
    "latency_ms_min",
    "latency_ms_max",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
];

/// The name of the file and its text; `None` if analytics does not report what would be in it.
pub(crate) fn file(figures: &Figures) -> Option<(&'static str, String)> {
    Some(match figures {
        Figures::Overview(figures) => ("network", table(&SERIES, &figures.series.points)),
        Figures::Antenna(figures) => ("antenna", table(&SERIES, &figures.series.points)),
        Figures::Antennas(figures) => ("antennas", table(&ANTENNAS, &figures.antennas.antennas)),
        Figures::Incidents(figures) => ("incidents", table(&INCIDENTS, &figures.incidents.as_ref()?.incidents)),
        Figures::Pipeline(figures) => ("pipeline", table(&PIPELINE, &figures.history.as_ref()?.samples)),
    })
}

fn table(columns: &[&[&str]], rows: &[impl Serialize]) -> String {
    let columns = columns.concat();
    let mut writer = Writer::from_writer(Vec::new());
    let written = writer.write_record(&columns).and_then(|()| {
        rows.iter().try_for_each(|row| {
            let cells = cells(row);
            writer.write_record(columns.iter().map(|column| cells.get(*column).map_or("", String::as_str)))
        })
    });
    written.expect("every row has a cell for each column, and writing to memory cannot fail");
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("all cells are text")
}

/// The cells of a row by column.
fn cells(row: &impl Serialize) -> HashMap<String, String> {
    let mut cells = HashMap::new();
    collect(String::new(), serde_json::to_value(row).expect("the API's types are JSON"), &mut cells);
    cells
}

fn collect(name: String, value: Value, cells: &mut HashMap<String, String>) {
    let text = match value {
        Value::Object(fields) => {
            let prefix = if name.is_empty() { name } else { name + "_" };
            return fields.into_iter().for_each(|(field, value)| collect(format!("{prefix}{field}"), value, cells));
        }
        Value::Null => String::new(),
        Value::String(text) => harmless(&text),
        value => value.to_string(),
    };
    cells.insert(name, text);
}

/// A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection"): anybody can
/// publish any id. In locales with a decimal comma, spreadsheets also split cells at semicolons, so the text after one is
/// treated likewise.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut is_start = true;
    for letter in text.chars() {
        if is_start && "=+-@\t\r＝＋－＠".contains(letter) {
            safe.push('\'');
        }
        safe.push(letter);
        is_start = letter == ';';
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::api::{IncidentEnding, Measures};

    use super::*;
    use crate::figures::{AntennasFigures, IncidentsFigures};
    use crate::model::tests::{PAGES, address, antenna, figures, fleet, incidents, overview, pipeline};

    type Record = HashMap<String, String>;

    /// The records of a file, by head. A record that is longer or shorter than the heads is an error.
    fn records(figures: &Figures) -> Vec<Record> {
        let (_, text) = file(figures).unwrap();
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
    }

    fn antennas_file(change: impl FnOnce(&mut AntennasFigures)) -> Vec<Record> {
        let mut figures = fleet(&address("/antennas"));
        change(&mut figures);
        records(&Figures::Antennas(Box::new(figures)))
    }

    fn incidents_file(change: impl FnOnce(&mut IncidentsFigures)) -> Vec<Record> {
        let mut figures = incidents(&address("/incidents"));
        change(&mut figures);
        records(&Figures::Incidents(Box::new(figures)))
    }

    fn known<T: std::str::FromStr>(cell: &str) -> Option<T> {
        (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|_| panic!("{cell:?} is no number")))
    }

    fn assert_measures(record: &Record, measures: &Measures) {
        let count = |head: &str| known::<u64>(&record[head]).unwrap();
        let number = |head: &str| known::<f64>(&record[head]);
        assert_eq!(count("readings"), measures.readings);
        assert_eq!(count("packets_sent"), measures.packets_sent);
        assert_eq!(count("packets_delivered"), measures.packets_delivered);
        assert_eq!(count("packets_lost"), measures.packets_lost);
        assert_eq!(number("success_rate"), measures.success_rate);
        let latency = &measures.latency_ms;
        assert_eq!(number("latency_ms_mean"), latency.mean);
        assert_eq!(number("latency_ms_min"), latency.min);
        assert_eq!(number("latency_ms_max"), latency.max);
        assert_eq!(number("latency_ms_p50"), latency.p50);
        assert_eq!(number("latency_ms_p95"), latency.p95);
        assert_eq!(number("latency_ms_p99"), latency.p99);
    }

    #[test]
    fn a_series_comes_back_as_it_was() {
        let mut network = overview();
        network.series.points[3].measures = Measures::default();
        for (figures, points) in [
            (Figures::Overview(Box::new(network.clone())), network.series.points),
            (Figures::Antenna(Box::new(antenna("airport-west"))), antenna("airport-west").series.points),
        ] {
            let records = records(&figures);
            assert_eq!(records.len(), points.len());
            for (record, point) in records.iter().zip(points) {
                assert_eq!(record["start"], point.start.to_string());
                assert_eq!(record["revised"], point.revised.to_string());
                assert_measures(record, &point.measures);
            }
        }
    }

    #[test]
    fn antennas_come_back_as_they_were() {
        let mut rows = Vec::new();
        let records = antennas_file(|figures| {
            figures.antennas.antennas[0].measures = Measures::default();
            rows.clone_from(&figures.antennas.antennas);
        });
        assert_eq!(records.len(), rows.len());
        for (record, row) in records.iter().zip(rows) {
            assert_eq!(record["antenna_id"], row.antenna_id);
            assert_eq!(record["status"], row.status.as_str());
            assert_eq!(record["last_seen"], row.last_seen.to_string());
            assert_measures(record, &row.measures);
        }
    }

    #[test]
    fn incidents_come_back_as_they_were() {
        let mut all = Vec::new();
        let records = incidents_file(|figures| all.clone_from(&figures.incidents.as_ref().unwrap().incidents));
        assert_eq!(records.len(), all.len());
        for (record, incident) in records.iter().zip(all) {
            assert_eq!(record["antenna_id"], incident.antenna_id);
            assert_eq!(record["kind"], incident.kind.as_str());
            assert_eq!(record["start"], incident.start.to_string());
            assert_eq!(record["end"], incident.end.map(|end| end.to_string()).unwrap_or_default());
            assert_eq!(record["ended_by"], incident.ended_by.map(IncidentEnding::as_str).unwrap_or_default());
            assert_eq!(known(&record["duration_seconds"]), Some(incident.duration_seconds));
            assert_eq!(known(&record["packets_sent"]), Some(incident.packets_sent));
            assert_eq!(known(&record["packets_lost"]), Some(incident.packets_lost));
            assert_eq!(known(&record["worst_success_rate"]), incident.worst_success_rate);
            assert_eq!(known(&record["worst_latency_ms"]), incident.worst_latency_ms);
        }
    }

    #[test]
    fn the_pace_comes_back_as_it_was() {
        let mut figures = pipeline();
        let samples = &mut figures.history.as_mut().unwrap().samples;
        (samples[0].lag, samples[0].freshness_ms.p50) = (None, None);
        let samples = samples.clone();
        let records = records(&Figures::Pipeline(Box::new(figures)));
        assert_eq!(records.len(), samples.len());
        for (record, sample) in records.iter().zip(samples) {
            assert_eq!(record["start"], sample.start.to_string());
            let counts = ["rows", "batches", "commits"].map(|head| known::<u64>(&record[head]).unwrap());
            assert_eq!(counts, [sample.rows, sample.batches, sample.commits]);
            let times =
                ["read_ms", "decode_ms", "aggregate_ms", "merge_ms", "commit_ms"].map(|head| known(&record[head]));
            let expected = [sample.read_ms, sample.decode_ms, sample.aggregate_ms, sample.merge_ms, sample.commit_ms];
            assert_eq!(times, expected.map(Some));
            assert_eq!(known(&record["lag"]), sample.lag);
            assert_eq!(known(&record["freshness_ms_p50"]), sample.freshness_ms.p50);
            assert_eq!(known(&record["freshness_ms_p99"]), sample.freshness_ms.p99);
        }
    }

    #[test]
    fn unknown_is_empty_and_never_zero() {
        let records = antennas_file(|figures| figures.antennas.antennas[0].measures = Measures::default());
        assert_eq!(
            [&*records[0]["success_rate"], &*records[0]["latency_ms_mean"], &*records[0]["latency_ms_p99"]],
            [""; 3]
        );
        let records = incidents_file(|figures| {
            let incident = &mut figures.incidents.as_mut().unwrap().incidents[0];
            (incident.end, incident.worst_success_rate, incident.worst_latency_ms) = (None, None, None);
        });
        let cells = ["end", "worst_success_rate", "worst_latency_ms"].map(|head| records[0][head].clone());
        assert_eq!(cells, [const { String::new() }; 3]);
    }

    #[test]
    fn no_id_is_a_formula_and_every_id_can_be_told() {
        for (id, cell) in [
            ("=1+1", "'=1+1"),
            ("x;=1+1;", "x;'=1+1;"),
            ("＝1+1", "'＝1+1"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("a=1", "a=1"),
            ("a,b;c", "a,b;c"),
            ("say \"hi\"", "say \"hi\""),
            ("two\nlines\r\nand more", "two\nlines\r\nand more"),
            ("\u{202e}gpj.exe", "\u{202e}gpj.exe"),
            (" a ", " a "),
            ("<script>", "<script>"),
        ] {
            let records = antennas_file(|figures| figures.antennas.antennas[1].antenna_id = id.to_owned());
            assert_eq!((records.len(), &*records[1]["antenna_id"]), (24, cell));
            let records = incidents_file(|figures| {
                figures.incidents.as_mut().unwrap().incidents[1].antenna_id = id.to_owned();
            });
            assert_eq!(records[1]["antenna_id"], cell);
        }
        let long = "w".repeat(253);
        let records = antennas_file(|figures| figures.antennas.antennas[1].antenna_id.clone_from(&long));
        assert_eq!(records[1]["antenna_id"], long);
    }

    #[test]
    fn every_page_has_a_file_of_its_own_and_what_is_not_known_has_none() {
        let mut names: Vec<&str> = PAGES.iter().map(|href| file(&figures(&address(href))).unwrap().0).collect();
        names.sort_unstable();
        assert_eq!(names, ["antenna", "antennas", "incidents", "network", "pipeline"]);
        let mut unknown = pipeline();
        unknown.history = None;
        assert_eq!(file(&Figures::Pipeline(Box::new(unknown))), None);
        let mut unknown = incidents(&address("/incidents"));
        unknown.incidents = None;
        assert_eq!(file(&Figures::Incidents(Box::new(unknown))), None);
    }

    #[test]
    fn columns_are_the_names_of_the_api_and_no_name_is_left_out() {
        let names = |cells: HashMap<String, String>| cells.into_keys().collect::<BTreeSet<_>>();
        let columns = |columns: &[&[&str]]| columns.concat().into_iter().map(str::to_owned).collect();
        let mut antennas = fleet(&address("/antennas")).antennas.antennas;
        antennas[0].history = None;
        assert_eq!(names(cells(&antennas[0])), columns(&ANTENNAS));
        assert_eq!(names(cells(&overview().series.points[0])), columns(&SERIES));
        let incidents = incidents(&address("/incidents")).incidents.unwrap().incidents;
        assert_eq!(names(cells(&incidents[0])), columns(&INCIDENTS));
        assert_eq!(names(cells(&pipeline().history.unwrap().samples[0])), columns(&PIPELINE));
    }

    #[test]
    fn a_list_without_rows_is_a_file_of_heads() {
        assert_eq!(antennas_file(|figures| figures.antennas.antennas.clear()), Vec::<Record>::new());
    }
}
