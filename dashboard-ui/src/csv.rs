//! Figures as a file: what a page lists or draws, with names and units as the API has them.

use csv::Writer;
use shared::api::{AntennaRow, Incident, Measures, PipelineSample, Point};

use crate::source::Figures;

/// The columns of [`Measures`].
const MEASURES: [&str; 11] = [
    "readings",
    "packets_sent",
    "packets_delivered",
    "packets_lost",
    "success_rate",
    "latency_mean_ms",
    "latency_min_ms",
    "latency_max_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
];

/// The name of the file and its text; `None` where analytics does not tell what would be in it.
pub(crate) fn file(figures: &Figures) -> Option<(&'static str, String)> {
    match figures {
        Figures::Overview(figures) => Some(("network", points(&figures.series.points))),
        Figures::Antenna(figures) => Some(("antenna", points(&figures.series.points))),
        Figures::Antennas(figures) => Some(("antennas", antennas(&figures.antennas.antennas))),
        Figures::Incidents(figures) => Some(("incidents", incidents(&figures.incidents.as_ref()?.incidents))),
        Figures::Pipeline(figures) => Some(("pipeline", samples(&figures.history.as_ref()?.samples))),
    }
}

fn points(points: &[Point]) -> String {
    let heads = ["start"].into_iter().chain(MEASURES).chain(["revised"]);
    let row = |point: &Point| {
        let cells = std::iter::once(point.start.to_string()).chain(measures(&point.measures));
        cells.chain([point.revised.to_string()]).collect()
    };
    table(heads, points.iter().map(row))
}

fn antennas(rows: &[AntennaRow]) -> String {
    let heads = ["antenna_id", "status"].into_iter().chain(MEASURES).chain(["last_seen"]);
    let row = |row: &AntennaRow| {
        let cells = [harmless(&row.antenna_id), row.status.as_str().to_owned()].into_iter();
        cells.chain(measures(&row.measures)).chain([row.last_seen.to_string()]).collect()
    };
    table(heads, rows.iter().map(row))
}

fn incidents(incidents: &[Incident]) -> String {
    let heads = [
        "antenna_id",
        "kind",
        "start",
        "end",
        "duration_seconds",
        "packets_sent",
        "packets_lost",
        "worst_success_rate",
        "worst_latency_ms",
    ];
    let row = |incident: &Incident| {
        vec![
            harmless(&incident.antenna_id),
            incident.kind.as_str().to_owned(),
            incident.start.to_string(),
            incident.end.map(|end| end.to_string()).unwrap_or_default(),
            incident.duration_seconds.to_string(),
            incident.packets_sent.to_string(),
            incident.packets_lost.to_string(),
            number(incident.worst_success_rate),
            number(incident.worst_latency_ms),
        ]
    };
    table(heads, incidents.iter().map(row))
}

fn samples(samples: &[PipelineSample]) -> String {
    let heads = ["start", "rows", "batches", "commits", "lag", "freshness_p50_ms", "freshness_p99_ms"];
    let row = |sample: &PipelineSample| {
        vec![
            sample.start.to_string(),
            sample.rows.to_string(),
            sample.batches.to_string(),
            sample.commits.to_string(),
            sample.lag.map(|lag| lag.to_string()).unwrap_or_default(),
            number(sample.freshness_ms.p50),
            number(sample.freshness_ms.p99),
        ]
    };
    table(heads, samples.iter().map(row))
}

fn measures(measures: &Measures) -> impl Iterator<Item = String> {
    let Measures { readings, packets_sent, packets_delivered, packets_lost, success_rate, latency_ms } = *measures;
    let counts = [readings, packets_sent, packets_delivered, packets_lost].map(|count| count.to_string());
    let known =
        [success_rate, latency_ms.mean, latency_ms.min, latency_ms.max, latency_ms.p50, latency_ms.p95, latency_ms.p99];
    counts.into_iter().chain(known.map(number))
}

/// Unknown is empty.
fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"): an id is any
/// text that anybody has published. Where a comma stands in decimals, spreadsheets take a semicolon for the end of a cell,
/// so what follows one is judged likewise.
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

fn table<'a>(heads: impl IntoIterator<Item = &'a str>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let written =
        writer.write_record(heads).and_then(|()| rows.into_iter().try_for_each(|row| writer.write_record(row)));
    written.expect("all rows have as many cells as there are heads, and writing to memory cannot fail");
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("all cells are text")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::tests::{PAGES, address, antenna, figures, fleet, incidents, overview, pipeline};
    use crate::source::{AntennasFigures, IncidentsFigures};

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
        assert_eq!(number("latency_mean_ms"), latency.mean);
        assert_eq!(number("latency_min_ms"), latency.min);
        assert_eq!(number("latency_max_ms"), latency.max);
        assert_eq!(number("latency_p50_ms"), latency.p50);
        assert_eq!(number("latency_p95_ms"), latency.p95);
        assert_eq!(number("latency_p99_ms"), latency.p99);
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
            assert_eq!(known(&record["lag"]), sample.lag);
            assert_eq!(known(&record["freshness_p50_ms"]), sample.freshness_ms.p50);
            assert_eq!(known(&record["freshness_p99_ms"]), sample.freshness_ms.p99);
        }
    }

    #[test]
    fn unknown_is_empty_and_never_zero() {
        let records = antennas_file(|figures| figures.antennas.antennas[0].measures = Measures::default());
        assert_eq!(
            [&*records[0]["success_rate"], &*records[0]["latency_mean_ms"], &*records[0]["latency_p99_ms"]],
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
    fn a_list_without_rows_is_a_file_of_heads() {
        assert_eq!(antennas_file(|figures| figures.antennas.antennas.clear()), Vec::<Record>::new());
    }
}
