//! What happened, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use shared::api::Ledger;

use super::plan::Step;
use super::said;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    pub(crate) rows: Vec<Row>,
    left_out: Vec<String>,
    pub(crate) end: Option<End>,
}

/// A fault and what became of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) number: usize,
    pub(crate) step: Step,
    pub(crate) said: String,
    /// Seconds since the start.
    pub(crate) at_s: f64,
    /// Readings with a record that were acknowledged by then.
    pub(crate) acknowledged: u64,
    /// How long the fault lasted, in seconds.
    pub(crate) lasted_s: f64,
    /// From its end until analytics was ready and had committed what the stream held then, in seconds.
    pub(crate) recovered_s: f64,
    /// Readings with a record that the broker had acknowledged and then lost.
    pub(crate) lost: u64,
    /// Entries by which the ledger's `lost_by_broker` grew.
    pub(crate) told: u64,
    /// Entries by which the ledger's `trimmed_unread` grew.
    pub(crate) trimmed_unread: u64,
    /// Readings with a record that are counted behind it, which is what was acknowledged less what was lost.
    pub(crate) counted: u64,
    pub(crate) imbalance: i64,
}

/// What is true at the end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct End {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) counted: u64,
    pub(crate) ledger: Ledger,
    pub(crate) processes_of_analytics: u32,
    pub(crate) peak_mb: f64,
    pub(crate) batches_sent_again: u64,
    pub(crate) refusals: BTreeMap<String, u64>,
    pub(crate) replies_struck: u64,
    pub(crate) lines_logged: usize,
    pub(crate) panics: Vec<String>,
    pub(crate) seconds: f64,
}

impl Report {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, rows: Vec::new(), left_out: Vec::new(), end: None }
    }

    pub(crate) fn left_out(&mut self, number: usize, step: &Step) {
        self.left_out.push(format!("{number}: {}, as only root may mount a small disk", said(step)));
    }

    /// One line about all of it.
    pub(crate) fn summary(&self) -> String {
        let kills = self.rows.iter().filter(|row| row.step.kills_analytics).count()
            + self.rows.iter().filter(|row| row.step.fault == super::Fault::KillAnalytics).count();
        let faults = self.rows.len();
        let Some(end) = &self.end else { return format!("seed {}: failed behind fault {faults}", self.seed) };
        format!(
            "seed {}: {faults} faults, {kills} SIGKILLs of analytics; {} readings acknowledged = {} counted + {} lost; \
             imbalance {:?}, {} entries told lost, {} panics, {:.0} MB at most, {:.0} s",
            self.seed,
            end.acknowledged,
            end.counted,
            end.lost,
            end.ledger.imbalance,
            end.ledger.lost_by_broker,
            end.panics.len(),
            end.peak_mb,
            end.seconds
        )
    }

    /// Writes both into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("faults.json"), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(folder.join("faults.md"), self.table())?;
        Ok(())
    }

    fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.summary());
        text.push_str(
            "| # | fault | at s | behind readings | lasted s | recovered s | lost | told lost | counted |\n\
             | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for row in &self.rows {
            // Writing to a string does not fail.
            let _ok = writeln!(
                text,
                "| {} | {} | {:.1} | {} | {:.1} | {:.1} | {} | {} | {} |",
                row.number,
                row.said,
                row.at_s,
                row.acknowledged,
                row.lasted_s,
                row.recovered_s,
                row.lost,
                row.told,
                row.counted
            );
        }
        for left_out in &self.left_out {
            let _ok = writeln!(text, "\nLeft out: {left_out}");
        }
        text
    }
}

impl Row {
    /// The row as a line of the running report.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:2} {}: lasted {:.1} s, recovered {:.1} s later; {} lost, {} told, {} counted",
            self.number, self.said, self.lasted_s, self.recovered_s, self.lost, self.told, self.counted
        )
    }
}
