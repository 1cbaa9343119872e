//! The overview: verdict, tiles, charts, the heat map, incidents, the worst antennas.

use shared::api::{AntennaRow, Badness, Status};

use super::charts::{Charts, charts};
use super::heat::heat_map;
use super::incidents::incident_row;
use super::rows::antenna_line;
use super::tiles::{Tile, tiles};
use super::verdict::{Verdict, verdict};
use super::{AntennaLine, Choice, Frame, HeatMap, IncidentRow, Scene, State};
use crate::figures::OverviewFigures;
use crate::language::Language;
use crate::query::{Incidents, Page};

/// The overview.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OverviewScreen {
    pub(crate) frame: Frame,
    /// The state of the network in one sentence.
    pub(crate) verdict: Verdict,
    /// Latency, packets, success, antennas.
    pub(crate) tiles: Vec<Tile>,
    /// Latency and loss over time.
    pub(crate) charts: Charts,
    /// All antennas over time; `None` if analytics does not report it.
    pub(crate) heat_map: Option<HeatMap>,
    /// The newest incidents, with the address of all; `None` if analytics keeps none.
    pub(crate) incidents: Option<(Vec<IncidentRow>, String)>,
    /// The worst antennas, worst first, without healthy ones.
    pub(crate) worst: Vec<AntennaLine>,
    /// Whether every antenna is healthy.
    pub(crate) is_all_well: bool,
    /// The order of the worst antennas.
    pub(crate) by: Badness,
    /// The available orders.
    pub(crate) orders: Vec<Choice>,
    /// The period that changes refer to, in words.
    pub(crate) against: String,
}

pub(super) fn overview_screen(figures: &OverviewFigures, frame: Frame, scene: &Scene<'_>) -> OverviewScreen {
    let (shown, tall, is_grouped) = match &scene.address.query.page {
        Page::Overview { by, tall, is_grouped } => (*by, *tall, *is_grouped),
        _ => (Badness::default(), false, false),
    };
    let order = |by: Badness| {
        let href = scene.address.with_page(Page::Overview { by, tall, is_grouped }).href();
        Choice::new(order_label(by, scene.language()), format!("{href}#worst"), by == shown)
    };
    let in_trouble = |row: &&AntennaRow| State::of(row) != State::Status(Status::Healthy);
    let is_listed = |id: &str| figures.worst.antennas.iter().any(|row| row.antenna_id == id);
    // What they measured does not tell that these fare badly, so they may not be among the worst.
    let unsettled = figures.unsettled.iter().filter(|row| !is_listed(&row.antenna_id));
    let worst = figures.worst.antennas.iter().filter(in_trouble).chain(unsettled);
    let all = scene.address.with_page(Page::Incidents(Incidents::default())).href();
    OverviewScreen {
        verdict: verdict(figures, &frame, scene),
        tiles: tiles(figures, scene),
        charts: charts(&figures.series, figures.last_week.as_ref(), &figures.summary.antennas, scene),
        heat_map: figures.heatmap.as_ref().map(|heatmap| heat_map(heatmap, figures.has_sites, scene)),
        incidents: figures
            .incidents
            .as_ref()
            .map(|page| (page.incidents.iter().map(|incident| incident_row(incident, scene)).collect(), all)),
        worst: worst.map(|row| antenna_line(row, scene)).collect(),
        is_all_well: figures.summary.antennas.in_trouble() == 0,
        by: shown,
        orders: Badness::ALL.map(order).to_vec(),
        against: scene.against(),
        frame,
    }
}

const fn order_label(by: Badness, language: Language) -> &'static str {
    match by {
        Badness::Failures => language.text("Failures", "Fallos"),
        Badness::SuccessRate => language.text("Success rate", "Tasa de éxito"),
        Badness::Latency => language.text("Latency", "Latencia"),
        Badness::Availability => language.text("Availability", "Disponibilidad"),
    }
}
