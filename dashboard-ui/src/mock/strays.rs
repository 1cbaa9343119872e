//! Entries that do not count: most break a rule, each in a rhythm of its own.

/// An entry that comes again and again.
struct Stray {
    /// Seconds from one to the next.
    every_s: i64,
    /// `{time}` stands for the time of arrival in Unix seconds, `{later}` and `{earlier}` for two hours later and earlier.
    fields: &'static [(&'static str, &'static str)],
}

/// One for each reason to reject it, and one that comes too late.
const STRAYS: [Stray; 10] = [
    Stray {
        // MissingField
        every_s: 97,
        fields: &[("antenna_id", "depot-12"), ("timestamp", "{time}"), ("packets", "160"), ("latency", "31.5")],
    },
    Stray {
        // BadAntennaId
        every_s: 1409,
        fields: &[
            ("antenna_id", "quarry\nERROR no such antenna"),
            ("timestamp", "{time}"),
            ("packets", "1"),
            ("loss", "0"),
        ],
    },
    Stray {
        // BadTimestamp
        every_s: 211,
        fields: &[
            ("antenna_id", "lakeside"),
            ("timestamp", "yesterday"),
            ("packets", "158"),
            ("loss", "2"),
            ("latency", "44"),
        ],
    },
    Stray {
        // BadPackets
        every_s: 613,
        fields: &[
            ("antenna_id", "<script>alert(\"antenna\")</script>"),
            ("timestamp", "{time}"),
            ("packets", "' OR 1=1 --"),
            ("loss", "0"),
            ("note", "\u{202e}txt.exe"),
        ],
    },
    Stray {
        // BadLoss
        every_s: 907,
        fields: &[
            ("antenna_id", "old-mill"),
            ("timestamp", "{time}"),
            ("packets", "171"),
            ("loss", "-1"),
            ("latency", "38.2"),
        ],
    },
    Stray {
        // LossExceedsPackets
        every_s: 331,
        fields: &[
            ("antenna_id", "ridge-7"),
            ("timestamp", "{time}"),
            ("packets", "12"),
            ("loss", "120"),
            ("latency", "29.9"),
        ],
    },
    Stray {
        // BadLatency
        every_s: 457,
        fields: &[
            ("antenna_id", "harbour-north"),
            ("timestamp", "{time}"),
            ("packets", "9"),
            ("loss", "9"),
            ("latency", "NaN"),
        ],
    },
    Stray {
        // BadSeq
        every_s: 2003,
        fields: &[
            ("antenna_id", "stadium"),
            ("timestamp", "{time}"),
            ("packets", "150"),
            ("loss", "1"),
            ("seq", "1.5e6"),
        ],
    },
    Stray {
        // Future
        every_s: 1801,
        fields: &[
            ("antenna_id", "tv-tower"),
            ("timestamp", "{later}"),
            ("packets", "166"),
            ("loss", "1"),
            ("latency", "27.4"),
        ],
    },
    // Too late
    Stray {
        every_s: 1187,
        fields: &[
            ("antenna_id", "observatory"),
            ("timestamp", "{earlier}"),
            ("packets", "148"),
            ("loss", "3"),
            ("latency", "51.2"),
        ],
    },
];

/// The entries that arrive in `(from, to]`, with their arrivals; both in milliseconds since the epoch.
pub(super) fn between(from_ms: i64, to_ms: i64) -> Vec<(i64, Vec<(String, String)>)> {
    let mut strays = Vec::new();
    for (offset_ms, stray) in (0..).step_by(50).zip(&STRAYS) {
        let every_ms = stray.every_s * 1000;
        // Those whose rhythms meet arrive a little apart.
        let (first, last) = ((from_ms - offset_ms).div_euclid(every_ms) + 1, (to_ms - offset_ms).div_euclid(every_ms));
        for arrival_ms in (first..=last).map(|at| at * every_ms + offset_ms) {
            strays.push((arrival_ms, stray.fields_at(arrival_ms / 1000)));
        }
    }
    strays
}

impl Stray {
    fn fields_at(&self, second: i64) -> Vec<(String, String)> {
        let times = [("{time}", second), ("{later}", second + 7200), ("{earlier}", second - 7200)];
        let fill =
            |text: &str| times.iter().fold(text.to_owned(), |text, (name, time)| text.replace(name, &time.to_string()));
        self.fields.iter().map(|(name, value)| ((*name).to_owned(), fill(value))).collect()
    }
}
