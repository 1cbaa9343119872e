//! What a page says: figures, an address and the time to plain texts and paths. Pure; components only place the result.
//!
//! - [`screen`]: from what was loaded to what there is to show; a module for each page below it.
//! - `frame`: what all pages share: how the figures relate to the present, and the ranges to choose from.
//! - `charts`, `heat`, `tiles`, `verdict`, `rows`: the parts that pages are made of.

mod antenna;
mod charts;
mod fleet;
mod frame;
mod heat;
mod incidents;
mod overview;
mod pipeline;
mod rows;
mod tiles;
mod verdict;

use shared::UnixMillis;
use shared::api::Limits;

pub(crate) use antenna::AntennaScreen;
pub(crate) use charts::{Axis, LatencyChart, LossChart, StepRow};
pub(crate) use fleet::{Column, FleetScreen, StatusFilter, column_label};
pub(crate) use frame::{Condition, Frame, Moment, Part, Ranges};
pub(crate) use heat::{HeatLabel, HeatMap, Strip};
pub(crate) use incidents::{IncidentRow, IncidentsScreen, KindFilter};
pub(crate) use overview::OverviewScreen;
pub(crate) use pipeline::{LedgerTerm, PaceChart, PipelineScreen, RejectedReason, RejectedRow, Stage};
pub(crate) use rows::{AntennaLine, Pages, ReadingRow, status_label};
pub(crate) use tiles::{Change, Judgement, Picture, Tile};
pub(crate) use verdict::{Level, Verdict, away};

use crate::cache::{Loaded, Outcome};
use crate::language::Language;
use crate::query::Address;
use crate::source::Figures;

/// The contract's defaults, where analytics does not tell its limits.
const CONTRACT_LIMITS: Limits = Limits {
    pane_seconds: 5.0,
    retention_seconds: 3600.0,
    oldest: None,
    degraded_success_rate: 0.95,
    degraded_latency_ms: 250.0,
};

/// What there is to show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Screen {
    /// The whole network.
    Overview(Box<OverviewScreen>),
    /// The fleet.
    Antennas(Box<FleetScreen>),
    /// One antenna.
    Antenna(Box<AntennaScreen>),
    /// Incidents.
    Incidents(Box<IncidentsScreen>),
    /// The pipeline.
    Pipeline(Box<PipelineScreen>),
    /// Analytics answers, and has not counted a reading yet.
    NoData,
    /// Analytics answers, though not for this range.
    Refused,
    /// Analytics answers, and does not know the antenna.
    Unknown(String),
    /// Analytics does not answer, and never did as far as this process can tell.
    Away,
}

/// For whom and when something is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// What was asked for.
    pub(crate) address: &'a Address,
    /// The time.
    pub(crate) now: UnixMillis,
    /// What analytics keeps, and how it judges.
    pub(crate) limits: Limits,
}

impl Scene<'_> {
    const fn language(&self) -> Language {
        self.address.manner.language
    }

    /// A text in the page's language.
    const fn text<'a>(&self, english: &'a str, spanish: &'a str) -> &'a str {
        self.language().text(english, spanish)
    }
}

/// What there is to show for what was loaded.
pub(crate) fn screen(loaded: &Loaded, address: &Address, now: UnixMillis) -> Screen {
    match (loaded.outcome, &loaded.figures) {
        (Outcome::Refused, _) => Screen::Refused,
        (Outcome::Unknown, _) => match &address.query.page {
            crate::query::Page::Antenna { id } => Screen::Unknown(id.clone()),
            _ => Screen::Refused,
        },
        (Outcome::Away, None) => Screen::Away,
        (_, Some(figures)) => shown(figures, loaded.outcome == Outcome::Away, address, now),
        (Outcome::Answered, None) => Screen::NoData,
    }
}

/// What stands in the address beside the parameters named: what a form has to send along with those.
fn hidden(address: &Address, but: &[&str]) -> Vec<(String, String)> {
    let href = address.href();
    let pairs = href.split_once('?').map_or("", |(_, pairs)| pairs);
    form_urlencoded::parse(pairs.as_bytes())
        .filter(|(name, _)| !but.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn shown(figures: &Figures, is_away: bool, address: &Address, now: UnixMillis) -> Screen {
    let summary = figures.summary();
    let scene = Scene { address, now, limits: summary.limits.unwrap_or(CONTRACT_LIMITS) };
    let frame = |as_of| Frame::new(&scene, as_of, summary, is_away);
    match (figures, summary.as_of) {
        // The pipeline has something to say before the first reading too.
        (Figures::Pipeline(figures), as_of) => {
            Screen::Pipeline(Box::new(pipeline::pipeline_screen(figures, frame(as_of), &scene)))
        }
        (_, None) if is_away => Screen::Away,
        (_, None) => Screen::NoData,
        (Figures::Overview(figures), as_of) => {
            Screen::Overview(Box::new(overview::overview_screen(figures, frame(as_of), &scene)))
        }
        (Figures::Antennas(figures), as_of) => {
            Screen::Antennas(Box::new(fleet::fleet_screen(figures, frame(as_of), &scene)))
        }
        (Figures::Antenna(figures), as_of) => {
            Screen::Antenna(Box::new(antenna::antenna_screen(figures, frame(as_of), &scene)))
        }
        (Figures::Incidents(figures), as_of) => {
            Screen::Incidents(Box::new(incidents::incidents_screen(figures, frame(as_of), &scene)))
        }
    }
}
