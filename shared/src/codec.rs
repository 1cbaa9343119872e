//! The wire format of a reading: flat field/value pairs of one stream entry.
//!
//! [`Fields`] collects the fields of an entry as they arrive, in any order and without copying, and [`Fields::decode`]
//! checks them. [`encode`] does the reverse. Numbers are read exactly: the fraction of a timestamp is never held in a
//! float.

use crate::reading::{Reading, Rejection};

/// The longest antenna id, in bytes: the longest name that Kubernetes allows.
pub const ANTENNA_ID_MAX_BYTES: usize = 253;

/// The last millisecond of the year 9999, the latest event time.
pub const TIMESTAMP_MAX_MS: i64 = 253_402_300_799_999;

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
            packets: u32_from(packets).ok_or(Rejection::BadPackets)?,
            loss: u32_from(loss).ok_or(Rejection::BadLoss)?,
            latency_ms: match self.latency {
                None | Some(b"") => None,
                Some(value) => Some(value),
            }
            .map_or(Ok(None), |value| latency_ms_from(value).map(Some).ok_or(Rejection::BadLatency))?,
            seq: self.seq.map_or(Ok(None), |value| u64_from(value).map(Some).ok_or(Rejection::BadSeq))?,
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

/// Reads Unix seconds as decimal digits with an optional fraction, rounded down to the millisecond.
#[must_use]
pub fn timestamp_ms_from(value: &[u8]) -> Option<i64> {
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
    let timestamp_ms = seconds.checked_mul(1000)?.checked_add(millis)?;
    (timestamp_ms <= TIMESTAMP_MAX_MS).then_some(timestamp_ms)
}

fn timestamp_to_string(timestamp_ms: i64) -> String {
    let (seconds, millis) = (timestamp_ms.div_euclid(1000), timestamp_ms.rem_euclid(1000));
    if millis == 0 { seconds.to_string() } else { format!("{seconds}.{millis:03}") }
}

fn latency_ms_from(value: &[u8]) -> Option<f64> {
    let latency_ms: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    // Adding zero turns -0.0 into 0.0, so that equal latencies are equal in every bit.
    (latency_ms.is_finite() && latency_ms >= 0.0).then_some(latency_ms + 0.0)
}

fn u32_from(value: &[u8]) -> Option<u32> {
    u64_from(value).and_then(|number| u32::try_from(number).ok())
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
        let latency = prop::option::of(any::<f64>().prop_map(f64::abs).prop_filter("finite", |it| it.is_finite()));
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

    proptest! {
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
