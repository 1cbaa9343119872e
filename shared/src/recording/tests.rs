use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::*;

const HEADER: &str = "antenna_id,timestamp_ms,latency_ms,packets_sent,packets_delivered\n";

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("room for a small file");
    file
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn rows(content: &[u8]) -> Result<Vec<Row>, RowsError> {
    Rows::open(file(content).path())?.collect()
}

fn rows_of(content: &str) -> Vec<Row> {
    rows(content.as_bytes()).expect("a readable recording")
}

fn readings(content: &str) -> Vec<(u64, Result<Reading, String>)> {
    told(rows_of(content))
}

fn told(rows: Vec<Row>) -> Vec<(u64, Result<Reading, String>)> {
    rows.into_iter().map(|row| (row.line, row.reading.map_err(|bad| bad.why))).collect()
}

fn reading(id: &str, timestamp_ms: i64, latency_ms: Option<f64>, packets: u32, loss: u32) -> Reading {
    Reading { antenna_id: id.to_owned(), timestamp_ms, packets, loss, latency_ms, seq: None }
}

#[test]
fn plain_and_gzip_read_alike() {
    let text = format!("{HEADER}1000774,1676153205000,23.7888863333,3,3\n7,1676153206001,,3,0\n7,1676153206001,,0,0\n");
    let expected = [
        (2, Ok(reading("1000774", 1_676_153_205_000, Some(23.788_886_333_3), 3, 0))),
        (3, Ok(reading("7", 1_676_153_206_001, None, 3, 3))),
        (4, Ok(reading("7", 1_676_153_206_001, None, 0, 0))),
    ];
    assert_eq!(readings(&text), expected);
    let zipped = rows(&gzip(text.as_bytes())).expect("a readable recording");
    assert_eq!(told(zipped), expected);
}

#[test]
fn columns_are_found_by_name_and_others_are_ignored() {
    let text = "\u{feff}packets_delivered, packets_sent,probe,latency_ms,timestamp_ms,antenna_id\r\n2,3,x,1.5,9,a\r\n";
    assert_eq!(readings(text), [(2, Ok(reading("a", 9, Some(1.5), 3, 1)))]);
}

#[test]
fn a_header_without_a_column_is_refused() {
    let missing = |content: &str| rows(content.as_bytes()).expect_err("no such columns").to_string();
    let missing_of_gzip = || rows(&gzip(b"")).expect_err("no such columns").to_string();
    assert_eq!(
        missing("antenna_id,timestamp_ms,packets_sent\na,1,2\n"),
        "line 1: the header lacks latency_ms, packets_delivered"
    );
    assert_eq!(missing("\n"), format!("line 1: the header lacks {}", COLUMNS.join(", ")));
    assert_eq!((missing(""), missing_of_gzip()), ("the file is empty".to_owned(), missing("\n")));
    assert_eq!(readings(HEADER), []);
}

#[test]
fn rows_that_break_a_rule_are_read_as_they_are() {
    let text = format!("{HEADER}a,-1,-2.5,3,3\n,1,NaN,3,3\n");
    let rows = readings(&text);
    assert_eq!(rows[0].1, Ok(reading("a", -1, Some(-2.5), 3, 0)));
    let second = rows[1].1.as_ref().expect("a reading");
    assert!(second.antenna_id.is_empty() && second.latency_ms.is_some_and(f64::is_nan));
}

#[test]
fn rows_that_no_reading_can_express_come_with_their_line_and_the_reason() {
    let text =
        format!("{HEADER}a,1,1,3,4\na,1,1,3,3\n\na,x,1,3,3\na,1,1,3\na,1,fast,3,3\na,1,1,-3,-3\na,1,1,4294967296,0\n");
    let bad: Vec<String> =
        readings(&text).into_iter().filter_map(|(line, row)| row.err().map(|why| format!("{line}: {why}"))).collect();
    assert_eq!(
        bad,
        [
            "2: packets_delivered 4 is above packets_sent 3",
            "5: timestamp_ms \"x\" is not a number that a reading can carry",
            "6: packets_delivered is missing",
            "7: latency_ms \"fast\" is not a number that a reading can carry",
            "8: packets_sent \"-3\" is not a number that a reading can carry",
            "9: packets_sent \"4294967296\" is not a number that a reading can carry",
        ]
    );
    let rows = rows(&[HEADER.as_bytes(), b"\xff,1,1,3,3\n"].concat()).expect("a readable recording");
    let bad = Inexpressible { reason: Rejection::BadAntennaId, why: "antenna_id is not UTF-8".to_owned() };
    assert_eq!(rows[0].reading, Err(bad));
    let reasons = rows_of(&text).into_iter().filter_map(|row| row.reading.err().map(|bad| bad.reason));
    let expected = [
        Rejection::BadLoss,
        Rejection::BadTimestamp,
        Rejection::MissingField,
        Rejection::BadLatency,
        Rejection::BadPackets,
        Rejection::BadPackets,
    ];
    assert!(reasons.eq(expected));
}

#[test]
fn a_file_that_breaks_off_is_told_after_its_rows() {
    let text = format!("{HEADER}{}", (0..2_000).map(|n| format!("a,{n},{},3,3\n", n * 7_919)).collect::<String>());
    let whole = gzip(text.as_bytes());
    let file = file(&whole[..whole.len() / 2]);
    let mut rows = Rows::open(file.path()).expect("a header");
    assert!(matches!(rows.next(), Some(Ok(Row { line: 2, reading: Ok(_), .. }))));
    let failed = rows.find_map(Result::err).expect("the file breaks off");
    assert!(matches!(failed, RowsError::Damaged { line: 3.., .. }), "{failed:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Rows::open(Path::new("/no/such/file.csv")).err().expect("no such file");
    assert_eq!(error.to_string(), "\"/no/such/file.csv\" cannot be opened");
}
