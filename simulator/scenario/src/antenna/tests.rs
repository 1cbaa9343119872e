use clap::ValueEnum as _;
use proptest::prelude::*;
use shared::codec::{Fields, encode};

use super::*;

const START_MS: i64 = 1_763_900_000_000;

fn antenna(id: &str, index: usize, scenario: Scenario, seed: u64) -> Antenna {
    Antenna::new(id.to_owned(), index, 10, scenario, seed)
}

/// What `antenna` publishes in `seconds` at one reading a second, each with the second in which it is published.
fn published(antenna: &mut Antenna, seconds: u64) -> Vec<(u64, Reading)> {
    let mut all = Vec::new();
    for second in 0..seconds {
        let mut now = Vec::new();
        let timestamp_ms = START_MS + i64::try_from(second).expect("few seconds") * 1_000;
        antenna.take(Moment { elapsed_ms: second * 1_000, timestamp_ms, seq: second }, &mut now);
        all.extend(now.into_iter().map(|reading| (second, reading)));
    }
    all
}

proptest! {
    #[test]
    fn readings_keep_the_contract_and_repeat_with_the_seed(
        seed: u64, index in 0_usize..10, scenario in prop::sample::select(Scenario::value_variants())
    ) {
        let readings = published(&mut antenna("a", index, scenario, seed), 200);
        prop_assert_eq!(&readings, &published(&mut antenna("a", index, scenario, seed), 200));
        for (_, reading) in readings {
            prop_assert!(reading.loss <= reading.packets);
            prop_assert_eq!(reading.latency_ms.is_none(), reading.loss == reading.packets);
            let pairs = encode(&reading);
            let fields: Fields<'_> = pairs.iter().map(|(name, value)| (*name, value)).collect();
            prop_assert_eq!(fields.decode().map(|decoded| decoded.to_owned()), Ok(reading));
        }
    }
}

#[test]
fn antennas_and_seeds_differ() {
    let readings = |id, seed| published(&mut antenna(id, 3, Scenario::Steady, seed), 20);
    let without_id = |readings: Vec<(u64, Reading)>| {
        readings.into_iter().map(|(_, reading)| (reading.packets, reading.latency_ms)).collect::<Vec<_>>()
    };
    assert_ne!(without_id(readings("a", 1)), without_id(readings("b", 1)));
    assert_ne!(without_id(readings("a", 1)), without_id(readings("a", 2)));
}

#[test]
fn steady_antennas_are_healthy() {
    for index in 0..50 {
        let mut antenna = antenna(&format!("a-{index}"), index, Scenario::Steady, 1);
        let readings = published(&mut antenna, 300);
        let (packets, lost) = readings
            .iter()
            .fold((0, 0), |(packets, lost), (_, reading)| (packets + reading.packets, lost + reading.loss));
        let latencies: Vec<f64> = readings.iter().filter_map(|(_, reading)| reading.latency_ms).collect();
        assert!(lost * 20 < packets, "{index} lost {lost} of {packets}");
        assert!(latencies.iter().sum::<f64>() < 250.0 * f64::from(u32::try_from(latencies.len()).expect("300")));
    }
}

#[test]
fn mixed_shows_every_kind_of_trouble_within_two_minutes() {
    let of = |index| published(&mut antenna("a", index, Scenario::Mixed, 1), 120);
    let largest_gap = |readings: &[(u64, Reading)]| readings.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
    assert!(of(0).iter().filter(|(_, reading)| reading.latency_ms > Some(250.0)).count() >= 30);
    assert!(of(0).iter().any(|(_, reading)| reading.latency_ms < Some(250.0)));
    assert!(largest_gap(&of(1)) >= Some(45));
    assert_eq!(of(2).iter().filter(|(_, reading)| reading.loss == reading.packets).count(), 60);
    assert_eq!(largest_gap(&of(3)), Some(1));
}

#[test]
fn late_readings_arrive_in_order_and_only_the_repeated_ones_are_duplicates() {
    let mut antenna = antenna("a", 0, Scenario::Late, 1);
    let mut readings = published(&mut antenna, 600);
    let mut rest = Vec::new();
    antenna.forward(&mut rest);
    readings.extend(rest.into_iter().map(|reading| (600, reading)));
    let lateness_s = |second: u64, reading: &Reading| second - reading.seq.expect("a seq");
    assert!(readings.iter().any(|(second, reading)| lateness_s(*second, reading) > 5));
    let (mut highest, mut counted, mut duplicates) = (None, 0, 0);
    for (_, reading) in &readings {
        if reading.seq > highest {
            highest = reading.seq;
            counted += 1;
        } else {
            duplicates += 1;
        }
    }
    assert_eq!(counted, 600, "every reading counts once");
    assert!(duplicates > 0);
}

#[test]
fn an_antenna_stores_a_bounded_number_of_readings() {
    let mut antenna = antenna("a", 0, Scenario::Late, 1);
    let mut out = Vec::new();
    for seq in 0..200_000 {
        antenna.take(Moment { elapsed_ms: seq, timestamp_ms: START_MS, seq }, &mut out);
        assert!(antenna.stored.len() <= STORED_MAX);
    }
}
