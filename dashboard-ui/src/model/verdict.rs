//! The whole in one sentence that a person grasps in a second.

use shared::UnixMillis;
use shared::api::{AntennaCounts, Summary};

use super::{Condition, Moment};
use crate::format;
use crate::query::Query;

/// How good or bad something is. The page shows it as colour, as an icon and in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Warning,
    Bad,
    Unknown,
}

impl Level {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// The whole in one sentence, and a line that says what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) level: Level,
    pub(crate) sentence: String,
    pub(crate) detail: String,
}

pub(super) fn verdict(
    summary: &Summary,
    condition: Condition,
    as_of: &Moment,
    query: Query,
    now: UnixMillis,
) -> Verdict {
    let (level, sentence) = judge(&summary.antennas);
    match condition {
        Condition::Live => Verdict { level, sentence, detail: basis(summary, query, now) },
        Condition::Stale(age) => Verdict {
            level: Level::Warning,
            sentence: match age {
                ..60_000 => "Stale: no new data for half a minute".to_owned(),
                _ => format!("Stale: newest data is {} old", format::age(age)),
            },
            detail: format!("Everything below was so at {} UTC: {sentence}", as_of.text),
        },
        Condition::Away => Verdict {
            level: Level::Bad,
            sentence: "Analytics can’t be reached".to_owned(),
            detail: format!("Everything below was so at {} UTC. This page recovers by itself.", as_of.text),
        },
    }
}

/// What the verdict rests on.
fn basis(summary: &Summary, query: Query, now: UnixMillis) -> String {
    let (start, end) = (summary.window.start, summary.window.end);
    format!(
        "Last {}, {} to {} UTC, {}",
        format::range(query.window),
        format::time_or_day(start, now),
        format::time_or_day(end, now),
        format::plural(summary.measures.readings, "reading", "readings"),
    )
}

fn judge(antennas: &AntennaCounts) -> (Level, String) {
    let AntennaCounts { healthy, degraded, down, silent, .. } = *antennas;
    let total = healthy + degraded + down + silent;
    let level = match () {
        () if total == 0 => return (Level::Unknown, "No antenna is known in this range".to_owned()),
        () if down > 0 => Level::Bad,
        () if degraded > 0 || silent > 0 => Level::Warning,
        () => Level::Good,
    };
    let all = [(down, "down"), (degraded, "degraded"), (silent, "silent"), (healthy, "healthy")];
    if let Some((_, word)) = all.iter().find(|(number, _)| *number == total) {
        let sentence = if total == 1 {
            format!("The only antenna is {word}")
        } else {
            format!("All {} {word}", antennas_of(total))
        };
        return (level, sentence);
    }
    let parts: Vec<String> = all[..3].iter().filter(|(number, _)| *number > 0).map(part).collect();
    // The first number says of how many; the others follow from it: "2 of 12 antennas down, 1 degraded".
    let sentence = parts.join(", ").replacen(' ', &format!(" of {} ", antennas_of(total)), 1);
    (level, sentence)
}

fn part((number, word): &(u64, &str)) -> String {
    format!("{} {word}", format::count(*number))
}

fn antennas_of(total: u64) -> String {
    format::plural(total, "antenna", "antennas")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{NOW, figures};

    fn judged(healthy: u64, degraded: u64, down: u64, silent: u64) -> (Level, String) {
        judge(&AntennaCounts { active: 0, healthy, degraded, down, silent })
    }

    #[test]
    fn one_sentence_says_it_all() {
        for ((healthy, degraded, down, silent), level, sentence) in [
            ((12, 0, 0, 0), Level::Good, "All 12 antennas healthy"),
            ((9, 1, 2, 0), Level::Bad, "2 of 12 antennas down, 1 degraded"),
            ((20, 2, 1, 1), Level::Bad, "1 of 24 antennas down, 2 degraded, 1 silent"),
            ((11, 1, 0, 0), Level::Warning, "1 of 12 antennas degraded"),
            ((11, 0, 0, 1), Level::Warning, "1 of 12 antennas silent"),
            ((0, 0, 3, 0), Level::Bad, "All 3 antennas down"),
            ((0, 0, 0, 3), Level::Warning, "All 3 antennas silent"),
            ((0, 1, 1, 0), Level::Bad, "1 of 2 antennas down, 1 degraded"),
            ((1, 0, 0, 0), Level::Good, "The only antenna is healthy"),
            ((0, 0, 1, 0), Level::Bad, "The only antenna is down"),
            ((0, 0, 0, 0), Level::Unknown, "No antenna is known in this range"),
        ] {
            assert_eq!(judged(healthy, degraded, down, silent), (level, sentence.to_owned()));
        }
        assert_eq!(judged(0, 0, 1234, 1).1, "1\u{202f}234 of 1\u{202f}235 antennas down, 1 silent");
    }

    #[test]
    fn old_figures_never_speak_of_the_present() {
        let summary = figures().summary;
        let as_of = Moment::new(NOW, NOW);
        let verdict = |condition| verdict(&summary, condition, &as_of, Query::default(), NOW);
        assert_eq!(verdict(Condition::Stale(240_000)).sentence, "Stale: newest data is 4 min old");
        assert!(verdict(Condition::Stale(240_000)).detail.contains("was so at 14:47:05 UTC: 1 of 24 antennas down"));
        assert_eq!(verdict(Condition::Away).sentence, "Analytics can’t be reached");
        assert!(verdict(Condition::Live).detail.starts_with("Last 5 min, 14:42:05 to 14:47:05 UTC, "));
    }
}
