//! Figures as a file: the rows or steps of a page, in columns with the names of analytics' API. What is nested in JSON has its
//! names joined: the `mean` of `latency_ms` is `latency_ms_mean`. Unknown is empty.

use std::collections::HashMap;

use csv::WriterBuilder;
use serde::Serialize;
use serde_json::Value;
use shared::spreadsheet::harmless;

use crate::figures::Figures;
use crate::query::Decimal;

const ANTENNAS: [&str; 4] = [
    "antenna_id status",
    MEASURES,
    "last_seen availability changes flapping interval_seconds",
    "name site labels latitude longitude parent",
];
const SERIES: [&str; 3] = ["start", MEASURES, "revised worst_status antennas_down"];
const SITES: [&str; 3] = [
    "site status antennas_active antennas_healthy antennas_degraded antennas_down antennas_silent antennas_unseen",
    "antennas_flapping antennas_unavailable antennas_unsettled",
    "readings packets_sent packets_delivered packets_lost success_rate latency_mean_ms availability",
];
const MARKS: [&str; 3] = [
    "antenna_id name site status latitude longitude bounds_west bounds_south bounds_east bounds_north",
    "antennas_active antennas_healthy antennas_degraded antennas_down antennas_silent antennas_unseen",
    "antennas_flapping antennas_unavailable antennas_unsettled",
];
const INCIDENTS: [&str; 2] = [
    "antenna_id kind start end ended_by duration_seconds packets_sent packets_lost",
    "worst_success_rate worst_latency_ms caused_by held acknowledged",
];
const PIPELINE: [&str; 2] = [
    "start rows batches read_ms decode_ms aggregate_ms merge_ms commits commit_ms lag",
    "freshness_ms_p50 freshness_ms_p99",
];
const MEASURES: &str = "readings packets_sent packets_delivered packets_lost success_rate latency_ms_mean latency_ms_min \
    latency_ms_max latency_ms_p50 latency_ms_p95 latency_ms_p99";

/// The rows that a list has beyond those of its file: how many are in it, and how many there are.
pub(crate) fn cut(figures: &Figures) -> Option<(usize, u64)> {
    let (rows, total) = match figures {
        Figures::Antennas(figures) => (figures.antennas.antennas.len(), figures.antennas.total),
        Figures::Site(figures) => (figures.antennas.antennas.len(), figures.antennas.total),
        Figures::Sites(figures) => figures.sites.as_ref().map(|page| (page.sites.len(), page.total))?,
        Figures::Incidents(figures) => figures.incidents.as_ref().map(|page| (page.incidents.len(), page.total))?,
        _ => return None,
    };
    ((rows as u64) < total).then_some((rows, total))
}

/// The name of the file and its text; `None` if analytics does not report what would be in it.
pub(crate) fn file(figures: &Figures, decimal: Decimal) -> Option<(&'static str, String)> {
    Some(match figures {
        Figures::Overview(figures) => ("network", table(&SERIES, &figures.series.points, decimal)),
        Figures::Antenna(figures) => ("antenna", table(&SERIES, &figures.series.points, decimal)),
        Figures::Antennas(figures) => ("antennas", table(&ANTENNAS, &figures.antennas.antennas, decimal)),
        Figures::Site(figures) => ("site", table(&ANTENNAS, &figures.antennas.antennas, decimal)),
        Figures::Sites(figures) => ("sites", table(&SITES, &figures.sites.as_ref()?.sites, decimal)),
        Figures::Map(figures) => ("map", table(&MARKS, &figures.map.as_ref()?.marks, decimal)),
        Figures::Incidents(figures) => {
            ("incidents", table(&INCIDENTS, &figures.incidents.as_ref()?.incidents, decimal))
        }
        Figures::Report(figures) => ("days", table(&SERIES, &figures.days.as_ref()?.points, decimal)),
        Figures::Pipeline(figures) => ("pipeline", table(&PIPELINE, &figures.history.as_ref()?.samples, decimal)),
    })
}

fn table(columns: &[&str], rows: &[impl Serialize], decimal: Decimal) -> String {
    let columns: Vec<&str> = columns.iter().flat_map(|names| names.split_ascii_whitespace()).collect();
    // Excel takes a file for UTF-8 by its byte order mark.
    let (start, delimiter) = match decimal {
        Decimal::Point => ("", b','),
        Decimal::Comma => ("\u{feff}", b';'),
    };
    let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(start.as_bytes().to_vec());
    let written = writer.write_record(&columns).and_then(|()| {
        rows.iter().try_for_each(|row| {
            let cells = cells(row, decimal);
            writer.write_record(columns.iter().map(|column| cells.get(*column).map_or("", String::as_str)))
        })
    });
    written.expect("every row has a cell for each column, and writing to memory cannot fail");
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("all cells are text")
}

/// The cells of a row by column.
fn cells(row: &impl Serialize, decimal: Decimal) -> HashMap<String, String> {
    let mut cells = HashMap::new();
    collect(String::new(), serde_json::to_value(row).expect("the API's types are JSON"), decimal, &mut cells);
    cells
}

fn collect(name: String, value: Value, decimal: Decimal, cells: &mut HashMap<String, String>) {
    let text = match value {
        // Antennas have different ones, so they are one text, as in analytics' own files.
        Value::Object(labels) if name == "labels" => {
            let text = Value::Object(labels).to_string();
            harmless(&text).into_owned()
        }
        Value::Object(fields) => {
            let prefix = if name.is_empty() { name } else { name + "_" };
            let nested = |(field, value)| collect(format!("{prefix}{field}"), value, decimal, cells);
            return fields.into_iter().for_each(nested);
        }
        Value::Null => String::new(),
        Value::String(text) => harmless(&text).into_owned(),
        Value::Number(number) if decimal == Decimal::Comma => number.to_string().replace('.', ","),
        value => value.to_string(),
    };
    cells.insert(name, text);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::api::{About, Measures};

    use super::*;
    use crate::figures::{AntennasFigures, IncidentsFigures};
    use crate::model::tests::{PAGES, address, figures, fleet, incidents, overview, pipeline};

    type Record = HashMap<String, String>;

    /// The records of a file, by head. A record that is longer or shorter than the heads is an error.
    fn records(figures: &Figures) -> Vec<Record> {
        let (_, text) = file(figures, Decimal::Point).unwrap();
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

    /// The rows that a file is made of.
    fn rows(figures: &Figures) -> Vec<Value> {
        let rows = match figures {
            Figures::Overview(figures) => serde_json::to_value(&figures.series.points),
            Figures::Antenna(figures) => serde_json::to_value(&figures.series.points),
            Figures::Antennas(figures) => serde_json::to_value(&figures.antennas.antennas),
            Figures::Site(figures) => serde_json::to_value(&figures.antennas.antennas),
            Figures::Sites(figures) => serde_json::to_value(&figures.sites.as_ref().unwrap().sites),
            Figures::Map(figures) => serde_json::to_value(&figures.map.as_ref().unwrap().marks),
            Figures::Incidents(figures) => serde_json::to_value(&figures.incidents.as_ref().unwrap().incidents),
            Figures::Report(figures) => serde_json::to_value(&figures.days.as_ref().unwrap().points),
            Figures::Pipeline(figures) => serde_json::to_value(&figures.history.as_ref().unwrap().samples),
        };
        rows.unwrap().as_array().unwrap().clone()
    }

    #[test]
    fn every_cell_comes_back_as_it_was() {
        for href in PAGES.into_iter().chain(["/sites", "/site?name=harbour", "/map"]) {
            let figures = figures(&address(href));
            let (records, rows) = (records(&figures), rows(&figures));
            assert_eq!(records.len(), rows.len());
            for (record, row) in records.iter().zip(rows) {
                for (name, cell) in record {
                    let nested = ["latency_ms", "freshness_ms", "antennas", "bounds"].into_iter().find_map(|outer| {
                        name.strip_prefix(outer).and_then(|name| name.strip_prefix('_')).map(|name| &row[outer][name])
                    });
                    match row.get(name).or(nested).unwrap_or(&Value::Null) {
                        Value::Null => assert_eq!(cell, "", "{name}"),
                        Value::Number(number) => assert_eq!(cell.parse::<f64>().ok(), number.as_f64(), "{name}"),
                        Value::String(text) => assert_eq!(cell, text, "{name}"),
                        other => assert_eq!(*cell, other.to_string(), "{name}"),
                    }
                }
            }
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
        let mut names: Vec<&str> =
            PAGES.iter().map(|href| file(&figures(&address(href)), Decimal::Point).unwrap().0).collect();
        names.sort_unstable();
        assert_eq!(names, ["antenna", "antennas", "incidents", "network", "pipeline"]);
        let mut unknown = pipeline();
        unknown.history = None;
        assert_eq!(file(&Figures::Pipeline(Box::new(unknown)), Decimal::Point), None);
        let mut unknown = incidents(&address("/incidents"));
        unknown.incidents = None;
        assert_eq!(file(&Figures::Incidents(Box::new(unknown)), Decimal::Point), None);
    }

    #[test]
    fn columns_are_the_names_of_the_api_and_no_name_is_left_out() {
        let names = |cells: HashMap<String, String>| cells.into_keys().collect::<BTreeSet<_>>();
        let columns = |columns: &[&str]| columns.join(" ").split_ascii_whitespace().map(str::to_owned).collect();
        let mut antennas = fleet(&address("/antennas")).antennas.antennas;
        antennas[0].history = None;
        antennas[0].about = About {
            name: Some("Airport".to_owned()),
            site: Some("north".to_owned()),
            labels: [("ring".to_owned(), "2".to_owned())].into(),
            latitude: Some(40.0),
            longitude: Some(-3.0),
            parent: Some("gateway".to_owned()),
        };
        assert_eq!(cells(&antennas[0], Decimal::Point)["labels"], r#"{"ring":"2"}"#);
        assert_eq!(names(cells(&antennas[0], Decimal::Point)), columns(&ANTENNAS));
        assert_eq!(names(cells(&overview().series.points[0], Decimal::Point)), columns(&SERIES));
        let Figures::Sites(sites) = figures(&address("/sites")) else { panic!("it is the sites") };
        assert_eq!(names(cells(&sites.sites.unwrap().sites[0], Decimal::Point)), columns(&SITES));
        let Figures::Map(map) = figures(&address("/map")) else { panic!("it is the map") };
        let mut mark = map.map.unwrap().marks[0].clone();
        mark.name = Some("Airport".to_owned());
        assert_eq!(names(cells(&mark, Decimal::Point)), columns(&MARKS));
        let incidents = incidents(&address("/incidents")).incidents.unwrap().incidents;
        assert_eq!(names(cells(&incidents[0], Decimal::Point)), columns(&INCIDENTS));
        assert_eq!(names(cells(&pipeline().history.unwrap().samples[0], Decimal::Point)), columns(&PIPELINE));
    }

    #[test]
    fn with_decimal_commas_a_file_holds_the_same_and_says_that_it_is_utf_8() {
        for figures in PAGES.map(|href| figures(&address(href))) {
            let text = file(&figures, Decimal::Comma).unwrap().1;
            let text = text.strip_prefix('\u{feff}').unwrap();
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
            let rows: Vec<Record> = reader.deserialize().collect::<Result<_, _>>().unwrap();
            let is_time = |cell: &str| cell.ends_with('Z');
            let pointed = |mut row: Record| {
                row.values_mut().filter(|cell| !is_time(cell)).for_each(|cell| *cell = cell.replace(',', "."));
                row
            };
            assert!(rows.iter().flat_map(Record::values).all(|cell| is_time(cell) || !cell.contains('.')));
            assert_eq!(rows.into_iter().map(pointed).collect::<Vec<_>>(), records(&figures));
        }
    }

    #[test]
    fn a_file_that_lacks_rows_tells_how_many() {
        let mut figures = fleet(&address("/antennas"));
        figures.antennas.total = figures.antennas.antennas.len() as u64;
        assert_eq!(cut(&Figures::Antennas(Box::new(figures.clone()))), None);
        figures.antennas.total = 12_000;
        assert_eq!(cut(&Figures::Antennas(Box::new(figures))), Some((24, 12_000)));
        assert_eq!(cut(&Figures::Pipeline(Box::new(pipeline()))), None);
    }

    #[test]
    fn a_list_without_rows_is_a_file_of_heads() {
        assert_eq!(antennas_file(|figures| figures.antennas.antennas.clear()), Vec::<Record>::new());
    }
}
