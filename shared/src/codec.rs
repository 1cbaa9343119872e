//! The wire format of a reading: flat field/value pairs of one stream entry.
//!
//! [`Fields`] collects the fields of an entry as they arrive, in any order and without copying, and [`Fields::decode`]
//! checks them. [`encode`] does the reverse. Numbers have one grammar, whatever the field, and are read exactly: `12`, `12.0`
//! and `1.2e1` are the same whole number, and the fraction of a timestamp is never held in a float.

use crate::reading::{Reading, Rejection};

/// The longest antenna id, in bytes: the longest name that Kubernetes allows.
pub const ANTENNA_ID_MAX_BYTES: usize = 253;

/// The last millisecond of the year 9999, the latest event time.
pub const TIMESTAMP_MAX_MS: i64 = 253_402_300_799_999;

/// The highest plausible latency, in milliseconds: a day.
pub const LATENCY_MAX_MS: f64 = 86_400_000.0;

/// Names of the fields.
pub mod field {
    /// Who measured.
    pub const ANTENNA_ID: &str = "antenna_id";
    /// Event time in Unix seconds.
    pub const TIMESTAMP: &str = "timestamp";
    /// Packets sent.
    pub const PACKETS: &str = "packets";
    /// Packets lost.
    pub const LOSS: &str = "loss";
    /// Mean latency in milliseconds.
    pub const LATENCY: &str = "latency";
    /// Sequence number.
    pub const SEQ: &str = "seq";
}

/// The fields of one entry that matter, borrowed from the buffer that holds the entry.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    antenna_id: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
    packets: Option<&'a [u8]>,
    loss: Option<&'a [u8]>,
    latency: Option<&'a [u8]>,
    seq: Option<&'a [u8]>,
}

/// A reading that borrows its antenna's id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadingRef<'a> {
    /// See [`Reading::antenna_id`].
    pub antenna_id: &'a str,
    /// See [`Reading::timestamp_ms`].
    pub timestamp_ms: i64,
    /// See [`Reading::packets`].
    pub packets: u32,
    /// See [`Reading::loss`].
    pub loss: u32,
    /// See [`Reading::latency_ms`].
    pub latency_ms: Option<f64>,
    /// See [`Reading::seq`].
    pub seq: Option<u64>,
}

impl<'a> Fields<'a> {
    /// Records a field. Unknown names are ignored; if a name is given twice, the first value counts.
    pub fn set(&mut self, name: &[u8], value: &'a [u8]) {
        let slot = match name {
            b"antenna_id" => &mut self.antenna_id,
            b"timestamp" => &mut self.timestamp,
            b"packets" => &mut self.packets,
            b"loss" => &mut self.loss,
            b"latency" => &mut self.latency,
            b"seq" => &mut self.seq,
            _ => return,
        };
        slot.get_or_insert(value);
    }

    /// Checks the fields by the contract's rules, in the contract's order.
    ///
    /// # Errors
    /// The first rule that is broken; a missing field comes before any bad one. [`Rejection::Future`] needs the
    /// broker's clock and is not checked here.
    pub fn decode(&self) -> Result<ReadingRef<'a>, Rejection> {
        let (Some(antenna_id), Some(timestamp), Some(packets), Some(loss)) =
            (self.antenna_id, self.timestamp, self.packets, self.loss)
        else {
            return Err(Rejection::MissingField);
        };
        let reading = ReadingRef {
            antenna_id: antenna_id_from(antenna_id).ok_or(Rejection::BadAntennaId)?,
            timestamp_ms: timestamp_ms_from(timestamp).ok_or(Rejection::BadTimestamp)?,
            packets: count_from(packets).ok_or(Rejection::BadPackets)?,
            loss: count_from(loss).ok_or(Rejection::BadLoss)?,
            latency_ms: match self.latency {
                None | Some(b"") => None,
                Some(value) => Some(value),
            }
            .map_or(Ok(None), |value| latency_ms_from(value).map(Some).ok_or(Rejection::BadLatency))?,
            seq: self.seq.map_or(Ok(None), |value| whole_from(value).map(Some).ok_or(Rejection::BadSeq))?,
        };
        if reading.loss > reading.packets {
            return Err(Rejection::LossExceedsPackets);
        }
        Ok(reading)
    }
}

impl<'a, N, V> FromIterator<(&'a N, &'a V)> for Fields<'a>
where
    N: AsRef<[u8]> + ?Sized + 'a,
    V: AsRef<[u8]> + ?Sized + 'a,
{
    fn from_iter<I: IntoIterator<Item = (&'a N, &'a V)>>(pairs: I) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs {
            fields.set(name.as_ref(), value.as_ref());
        }
        fields
    }
}

impl ReadingRef<'_> {
    /// The same reading with an owned id.
    #[must_use]
    pub fn to_owned(&self) -> Reading {
        Reading {
            antenna_id: self.antenna_id.to_owned(),
            timestamp_ms: self.timestamp_ms,
            packets: self.packets,
            loss: self.loss,
            latency_ms: self.latency_ms,
            seq: self.seq,
        }
    }
}

/// The field/value pairs of a reading, in the contract's order. An unknown latency or `seq` is left out.
#[must_use]
pub fn encode(reading: &Reading) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::with_capacity(6);
    pairs.push((field::ANTENNA_ID, reading.antenna_id.clone()));
    pairs.push((field::TIMESTAMP, timestamp_to_string(reading.timestamp_ms)));
    pairs.push((field::PACKETS, reading.packets.to_string()));
    pairs.push((field::LOSS, reading.loss.to_string()));
    if let Some(latency_ms) = reading.latency_ms {
        pairs.push((field::LATENCY, latency_ms.to_string()));
    }
    if let Some(seq) = reading.seq {
        pairs.push((field::SEQ, seq.to_string()));
    }
    pairs
}

/// Checks a reading that did not come over the wire, such as one of a file, by the rules that [`Fields::decode`] goes by.
///
/// # Errors
/// The first rule that is broken, as decoding what [`encode`] makes of it would tell.
pub fn checked(reading: &Reading) -> Result<ReadingRef<'_>, Rejection> {
    let Reading { antenna_id, timestamp_ms, packets, loss, latency_ms, seq } = reading;
    let checked = ReadingRef {
        antenna_id: antenna_id_from(antenna_id.as_bytes()).ok_or(Rejection::BadAntennaId)?,
        timestamp_ms: Some(*timestamp_ms)
            .filter(|time_ms| (0..=TIMESTAMP_MAX_MS).contains(time_ms))
            .ok_or(Rejection::BadTimestamp)?,
        packets: *packets,
        loss: *loss,
        latency_ms: latency_ms.map(|latency_ms| plausible(latency_ms).ok_or(Rejection::BadLatency)).transpose()?,
        seq: *seq,
    };
    if checked.loss > checked.packets {
        return Err(Rejection::LossExceedsPackets);
    }
    Ok(checked)
}

/// Reads an antenna's id: 1 to 253 bytes of UTF-8 without control characters. `None` for anything else.
#[must_use]
pub fn antenna_id_from(value: &[u8]) -> Option<&str> {
    if value.is_empty() || value.len() > ANTENNA_ID_MAX_BYTES {
        return None;
    }
    let id = std::str::from_utf8(value).ok()?;
    // Control characters of ASCII and of the C1 block; the first test settles nearly every id.
    if value.iter().all(|&byte| (b' '..=b'~').contains(&byte)) || !id.chars().any(char::is_control) {
        Some(id)
    } else {
        None
    }
}

/// Reads Unix seconds, rounded down to the millisecond. `None` for what is no number, below zero, or beyond the year 9999.
#[must_use]
pub fn timestamp_ms_from(value: &[u8]) -> Option<i64> {
    let timestamp_ms = plain_timestamp_ms_from(value).or_else(|| Decimal::parse(value)?.thousandths())?;
    (timestamp_ms <= TIMESTAMP_MAX_MS).then_some(timestamp_ms)
}

/// Digits with an optional fraction: what nearly every producer sends.
fn plain_timestamp_ms_from(value: &[u8]) -> Option<i64> {
    let (whole, fraction) = match value.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&value[..dot], &value[dot + 1..]),
        None => (value, &value[..0]),
    };
    let seconds = i64::try_from(u64_from(whole)?).ok()?;
    // A dot has to be followed by digits; there may be any number, of which all are checked and three are kept.
    if whole.len() != value.len() && fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| i64::from(fraction.get(at).map_or(0, |byte| byte - b'0'));
    let millis = digit(0) * 100 + digit(1) * 10 + digit(2);
    seconds.checked_mul(1000)?.checked_add(millis)
}

fn timestamp_to_string(timestamp_ms: i64) -> String {
    let (seconds, millis) = (timestamp_ms.div_euclid(1000), timestamp_ms.rem_euclid(1000));
    if millis == 0 { seconds.to_string() } else { format!("{seconds}.{millis:03}") }
}

fn latency_ms_from(value: &[u8]) -> Option<f64> {
    let latency_ms: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    // The parser of the standard library has the grammar of [`Decimal`], and takes infinity and NaN besides.
    plausible(latency_ms)
}

/// A latency in milliseconds from 0 to a day. Adding zero turns -0.0 into 0.0, so that equal latencies are equal in every bit.
fn plausible(latency_ms: f64) -> Option<f64> {
    (0.0..=LATENCY_MAX_MS).contains(&latency_ms).then_some(latency_ms + 0.0)
}

fn count_from(value: &[u8]) -> Option<u32> {
    whole_from(value).and_then(|number| u32::try_from(number).ok())
}

fn whole_from(value: &[u8]) -> Option<u64> {
    u64_from(value).or_else(|| Decimal::parse(value)?.whole())
}

/// A number as any language prints it, digit by digit: a sign, digits with a point among them, an exponent.
#[derive(Debug, Clone, Copy)]
struct Decimal<'a> {
    is_negative: bool,
    /// Digits before and behind the point.
    digits: [&'a [u8]; 2],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Hardly any entry needs it, so it stays out of the way of those that do not.
    #[cold]
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (is_negative, rest) = signed(value);
        let (before, rest) = digits(rest);
        let (behind, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            _ => (&rest[..0], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => {
                let (is_negative, (size, [])) = (signed(rest).0, digits(signed(rest).1)) else { return None };
                if size.is_empty() {
                    return None;
                }
                // Larger than any length that a text has, all exponents mean the same.
                let size = u64_from(size).and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
                if is_negative { -size } else { size }
            }
            _ => return None,
        };
        let is_number = !before.is_empty() || !behind.is_empty();
        is_number.then_some(Self { is_negative, digits: [before, behind], exponent })
    }

    fn whole(self) -> Option<u64> {
        let (number, is_exact) = self.shifted(0)?;
        is_exact.then_some(number)
    }

    fn thousandths(self) -> Option<i64> {
        i64::try_from(self.shifted(3)?.0).ok()
    }

    /// The number times a power of ten, rounded down, and whether nothing was cut off. `None` for less than zero and for too
    /// much.
    fn shifted(self, by: i64) -> Option<(u64, bool)> {
        let length = |digits: &[u8]| i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let kept = length(self.digits[0]).saturating_add(self.exponent).saturating_add(by);
        let (mut number, mut is_exact, mut at) = (0_u64, true, 0);
        for digit in self.digits.into_iter().flatten().map(|byte| u64::from(byte - b'0')) {
            if self.is_negative && digit != 0 {
                return None;
            }
            if at < kept {
                number = number.checked_mul(10)?.checked_add(digit)?;
            } else {
                is_exact &= digit == 0;
            }
            at += 1;
        }
        while number != 0 && at < kept {
            number = number.checked_mul(10)?;
            at += 1;
        }
        Some((number, is_exact))
    }
}

/// A sign, if there is one, and the rest; whether it is a minus.
fn signed(value: &[u8]) -> (bool, &[u8]) {
    match value {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, value),
    }
}

/// The digits in front, and the rest.
fn digits(value: &[u8]) -> (&[u8], &[u8]) {
    value.split_at(value.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Reads decimal digits and nothing else: no sign, no space, no overflow. `None` for anything else.
#[must_use]
pub fn u64_from(value: &[u8]) -> Option<u64> {
    // This many digits cannot overflow.
    const SAFE_DIGITS: usize = 19;
    let (safe, rest) = value.split_at(value.len().min(SAFE_DIGITS));
    if safe.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = safe.iter().fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    rest.iter().try_fold(number, |number, byte| number.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn readings() -> impl Strategy<Value = Reading> {
        let id = "[^\\p{Cc}]{1,60}".prop_filter("at most 253 bytes", |id| id.len() <= ANTENNA_ID_MAX_BYTES);
        let packets = (any::<u32>(), any::<u32>()).prop_map(|(one, other)| (one.max(other), one.min(other)));
        let latency = prop::option::of(prop_oneof![0.0..=LATENCY_MAX_MS, 0.0..1.0e-300, Just(0.0)]);
        (id, 0..=TIMESTAMP_MAX_MS, packets, latency, prop::option::of(any::<u64>())).prop_map(
            |(antenna_id, timestamp_ms, (packets, loss), latency_ms, seq)| Reading {
                antenna_id,
                timestamp_ms,
                packets,
                loss,
                latency_ms,
                seq,
            },
        )
    }

    fn decode<'a>(pairs: &'a [(&'static str, String)]) -> Result<ReadingRef<'a>, Rejection> {
        pairs.iter().map(|(name, value)| (*name, value.as_str())).collect::<Fields<'a>>().decode()
    }

    fn entry(name: &str, value: &str) -> Result<Reading, Rejection> {
        let mut fields = Fields::default();
        fields.set(name.as_bytes(), value.as_bytes());
        for (name, value) in [
            ("antenna_id", "a"),
            ("timestamp", "1700000000"),
            ("packets", "4294967295"),
            ("loss", "0"),
            ("latency", "1"),
        ] {
            fields.set(name.as_bytes(), value.as_bytes());
        }
        fields.decode().map(|reading| reading.to_owned())
    }

    /// The same grammar in each field: what one takes, no other calls something else than a number.
    #[test]
    fn what_languages_print_is_the_number_that_they_mean() {
        let forms = [
            ("12", 12),
            ("12.0", 12),
            ("12.000", 12),
            ("1.2e1", 12),
            ("1.2E+1", 12),
            ("1.2e+01", 12),
            ("120e-1", 12),
            ("0.0012e4", 12),
            ("+12", 12),
            ("012", 12),
            ("12.", 12),
            (".12e2", 12),
            ("1e3", 1_000),
            ("1E3", 1_000),
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("0e99999999999999999999", 0),
            ("0.000e-7", 0),
            ("4e9", 4_000_000_000),
        ];
        for (text, number) in forms {
            assert_eq!(entry("packets", text).map(|it| i64::from(it.packets)), Ok(number), "{text}");
            assert_eq!(entry("seq", text).map(|it| it.seq), Ok(u64::try_from(number).ok()), "{text}");
            assert_eq!(entry("timestamp", text).map(|it| it.timestamp_ms), Ok(number * 1_000), "{text}");
            #[expect(clippy::cast_precision_loss, reason = "it is far below 2^53")]
            let latency_ms = (number < 86_400_000).then_some(number as f64);
            assert_eq!(entry("latency", text).ok().and_then(|it| it.latency_ms), latency_ms, "{text}");
        }
        for text in ["1700000000.5", "1.7000000005e9", "17000000005e-1", "1700000000.5009"] {
            assert_eq!(entry("timestamp", text).map(|it| it.timestamp_ms), Ok(1_700_000_000_500), "{text}");
        }
        assert_eq!(entry("timestamp", "1e-9").map(|it| it.timestamp_ms), Ok(0));
        assert_eq!(entry("seq", "1.8446744073709551615e19").map(|it| it.seq), Ok(Some(u64::MAX)));
        assert_eq!(entry("seq", "1.764e+18").map(|it| it.seq), Ok(Some(1_764_000_000_000_000_000)));
    }

    #[test]
    fn what_is_no_number_or_not_the_right_one_is_rejected_in_every_field() {
        let no_numbers = [
            "", " 1", "1 ", ".", "e3", "1e", "1e+", "1e1.5", "--1", "+-1", "1,5", "1_000", "0x10", "nan", "NaN", "inf",
            "Infinity", "None", "<NA>", "true", "1e3e3", "1.2.3", "\u{661}",
        ];
        for text in no_numbers.into_iter().chain(["-1", "-0.001", "-1e-400"]) {
            assert_eq!(entry("packets", text), Err(Rejection::BadPackets), "{text:?}");
            assert_eq!(entry("loss", text), Err(Rejection::BadLoss), "{text:?}");
            assert_eq!(entry("seq", text), Err(Rejection::BadSeq), "{text:?}");
            assert_eq!(entry("timestamp", text), Err(Rejection::BadTimestamp), "{text:?}");
            // Latency is known to the double that is nearest, and an empty one is unknown.
            if !matches!(text, "" | "-1e-400") {
                assert_eq!(entry("latency", text), Err(Rejection::BadLatency), "{text:?}");
            }
        }
        for text in ["1.5", "12e-1", "1e-9", "4294967296", "1e10", "1e99999999999999999999"] {
            assert_eq!(entry("packets", text), Err(Rejection::BadPackets), "{text}");
        }
        for text in ["18446744073709551616", "1.8446744073709551616e19", "0.5", "1e-99999999999999999999"] {
            assert_eq!(entry("seq", text), Err(Rejection::BadSeq), "{text}");
        }
        for text in ["253402300800", "2.534023008e11", "1e20", "1e400"] {
            assert_eq!(entry("timestamp", text), Err(Rejection::BadTimestamp), "{text}");
        }
        assert_eq!(entry("latency", "86400000").map(|it| it.latency_ms), Ok(Some(LATENCY_MAX_MS)));
        for text in ["86400000.1", "1e308", "1e309"] {
            assert_eq!(entry("latency", text), Err(Rejection::BadLatency), "{text}");
        }
    }

    proptest! {
        /// Wherever the point is put, and whatever the exponent makes up for.
        #[test]
        fn a_whole_number_is_the_same_in_every_form(number in any::<u64>(), point in 0..=25_u32, zeros in 0..4_u32) {
            let text = format!("{number}{}", "0".repeat(zeros as usize));
            let exponent = i64::from(point) - i64::from(zeros);
            let padded = format!("{text:0>width$}", width = point as usize + 1);
            let (before, behind) = padded.split_at(padded.len() - point as usize);
            let scientific = format!("{before}.{behind}e{exponent}");
            prop_assert_eq!(entry("seq", &scientific).map(|it| it.seq), Ok(Some(number)), "{}", scientific);
        }

        /// Of any text, the fields that hold numbers think alike but for their ranges.
        #[test]
        fn no_text_is_a_number_in_one_field_only(text in "[-+0-9.eE]{1,8}") {
            prop_assert_eq!(Decimal::parse(text.as_bytes()).is_some(), text.parse::<f64>().is_ok());
        }

        /// A reading that breaks rules is judged as it would be on its way over the wire.
        #[test]
        fn a_reading_of_a_file_is_judged_as_one_of_the_stream(
            good in readings(),
            antenna_id in prop::option::of("[a-z\\x00-\\x20]{0,4}"),
            timestamp_ms in prop::option::of(prop_oneof![
                any::<i64>(), -2_000..2_000_i64, TIMESTAMP_MAX_MS - 5..TIMESTAMP_MAX_MS + 5,
            ]),
            loss in prop::option::of(any::<u32>()),
            latency_ms in prop::option::of(prop_oneof![
                Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), any::<f64>(), LATENCY_MAX_MS..LATENCY_MAX_MS + 1.0,
            ]),
        ) {
            let reading = Reading {
                antenna_id: antenna_id.unwrap_or(good.antenna_id),
                timestamp_ms: timestamp_ms.unwrap_or(good.timestamp_ms),
                loss: loss.unwrap_or(good.loss),
                latency_ms: latency_ms.or(good.latency_ms),
                ..good
            };
            let pairs = encode(&reading);
            let (found, expected) = (checked(&reading), decode(&pairs));
            prop_assert_eq!(found, expected);
            let bits = |it: Result<ReadingRef<'_>, Rejection>| it.ok().and_then(|it| it.latency_ms).map(f64::to_bits);
            prop_assert_eq!(bits(found), bits(expected));
        }

        /// What is encoded decodes to the same reading, whatever the order of its fields and whatever stands between
        /// them.
        #[test]
        fn a_reading_survives_the_stream(
            reading in readings(),
            rotation in 0..6_usize,
            stranger in "[a-z]{1,3}",
        ) {
            let mut pairs = encode(&reading);
            let by = rotation % pairs.len();
            pairs.rotate_left(by);
            pairs.insert(by, ("unknown", stranger));
            let decoded = decode(&pairs).map(|reading| reading.to_owned());
            prop_assert_eq!(decoded, Ok(reading));
        }

        /// If a field is given twice, the first one counts.
        #[test]
        fn the_first_of_a_field_counts(reading in readings(), other in readings()) {
            let mut pairs = encode(&reading);
            let held: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
            let again: Vec<_> = encode(&other).into_iter().filter(|(name, _)| held.contains(name)).collect();
            pairs.extend(again);
            prop_assert_eq!(decode(&pairs).map(|reading| reading.to_owned()), Ok(reading));
        }
    }
}
