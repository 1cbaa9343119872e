//! What is sampled, whether it is flat, and the report.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::plot::plot;
use super::viewers::Seen;
use crate::faults::{End, Row, World};
use crate::program::status;
use crate::statistics::median;

const MEMORY: &str = "memory, MB";
const DESCRIPTORS: &str = "descriptors";
const THREADS: &str = "threads";
const FILES: &str = "files, MB";

/// Samples of a figure: seconds since the start, and the value.
type Points = Vec<(f64, f64)>;

/// All samples, by figure and process.
#[derive(Debug, Default)]
pub(super) struct Samples {
    series: BTreeMap<(&'static str, &'static str), Points>,
    /// When which fault came.
    pub(super) faults: Vec<(f64, Row)>,
}

/// Whether a figure is flat.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    figure: &'static str,
    process: &'static str,
    /// The medians of the middle third of the time and of the last one.
    middle: f64,
    last: f64,
    pub(super) is_flat: bool,
}

impl Samples {
    /// Takes a sample of every process.
    pub(super) fn take(&mut self, at: Duration, world: &World, dashboard: u32) -> Result<()> {
        let mut sums: BTreeMap<(&'static str, &'static str), f64> = BTreeMap::new();
        for (name, id) in world.processes().into_iter().chain([("dashboard", dashboard)]) {
            let field = |field| {
                let value = status(id, field)?;
                value.with_context(|| format!("{name} ended by itself; it said last:\n{}", world.tail(id)))
            };
            let descriptors = std::fs::read_dir(format!("/proc/{id}/fd"))?.count() as f64;
            // Several processes of one name count together.
            *sums.entry((MEMORY, name)).or_default() += field("VmRSS")? / 1024.0;
            *sums.entry((THREADS, name)).or_default() += field("Threads")?;
            *sums.entry((DESCRIPTORS, name)).or_default() += descriptors;
        }
        let [master, replica] = world.file_bytes();
        sums.insert((FILES, "master"), master as f64 / 1e6);
        sums.insert((FILES, "replica"), replica as f64 / 1e6);
        for (of, value) in sums {
            self.series.entry(of).or_default().push((at.as_secs_f64(), value));
        }
        Ok(())
    }

    /// Compares the last third of the time with the one before: behind the first, panes and caches are full.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let of = |(&(figure, process), points): (&(&'static str, &'static str), &Points)| {
            let third = points.len() / 3;
            let middle_of = |points: &[(f64, f64)]| median(&points.iter().map(|(_, value)| *value).collect::<Vec<_>>());
            let (middle, last) = (middle_of(&points[third..2 * third]), middle_of(&points[2 * third..]));
            // An append-only file grows to twice its size before it is rewritten, and not below 64 MB.
            let slack = match figure {
                MEMORY => 24.0,
                FILES => 130.0,
                _ => 12.0,
            };
            Verdict { figure, process, middle, last, is_flat: last <= middle * 1.1 + slack }
        };
        self.series.iter().map(of).collect()
    }

    /// Writes the report into a folder.
    pub(super) fn write(&self, folder: &Path, verdicts: &[Verdict], seen: &Seen, end: &End) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut text = String::from("# A week in a night\n\n");
        // Writing to a string does not fail.
        let _ok = writeln!(
            text,
            "{:.0} s, {} faults, {} entries added, imbalance {:?}, {} entries told lost. {} pages loaded ({} errors of the server), {} \
             live updates.\n\n| figure | process | middle third | last third | flat |\n| --- | --- | ---: | ---: | --- |",
            end.seconds,
            self.faults.len(),
            end.ledger.entries_added.unwrap_or_default(),
            end.ledger.imbalance,
            end.ledger.lost_by_broker,
            seen.pages,
            seen.errors,
            seen.updates,
        );
        for Verdict { figure, process, middle, last, is_flat } in verdicts {
            let flat = if *is_flat { "yes" } else { "**no**" };
            let _ok = writeln!(text, "| {figure} | {process} | {middle:.1} | {last:.1} | {flat} |");
        }
        for figure in [MEMORY, DESCRIPTORS, THREADS, FILES] {
            let lines: Vec<(&str, &[(f64, f64)])> = self
                .series
                .iter()
                .filter(|((of, _), _)| *of == figure)
                .map(|((_, process), points)| (*process, points.as_slice()))
                .collect();
            let faults: Vec<f64> = self.faults.iter().map(|(at, _)| *at).collect();
            let name = format!("{}.svg", figure.split(',').next().unwrap_or(figure));
            std::fs::write(folder.join(&name), plot(figure, &lines, &faults))?;
            let _ok = writeln!(text, "\n![{figure}]({name})");
        }
        text.push_str("\n| at s | fault | lasted s | recovered s | told lost |\n| ---: | --- | ---: | ---: | ---: |\n");
        for (at, row) in &self.faults {
            let Row { said, lasted_s, recovered_s, told, .. } = row;
            let _ok = writeln!(text, "| {at:.0} | {said} | {lasted_s:.1} | {recovered_s:.1} | {told} |");
        }
        std::fs::write(folder.join("night.md"), text)?;
        let series: Vec<_> = self
            .series
            .iter()
            .map(|((figure, process), points)| json!({ "figure": figure, "process": process, "points": points }))
            .collect();
        let all = json!({ "end": end, "viewers": seen, "verdicts": verdicts, "faults": self.faults, "series": series });
        std::fs::write(folder.join("night.json"), serde_json::to_string(&all)? + "\n")?;
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, process, middle, last, is_flat } = self;
        let verdict = if *is_flat { "flat" } else { "NOT FLAT" };
        write!(formatter, "{process}, {figure}: {middle:.1} in the middle third, {last:.1} in the last: {verdict}")
    }
}
