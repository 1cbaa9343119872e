//! One antenna: how it fares, its latency as smoke, its recent readings and incidents.

use shared::api::{History, Status};

use super::charts::{Charts, antenna_charts};
use super::heat::strip;
use super::incidents::incident_row;
use super::rows::reading_row;
use super::tiles::{Tile, antenna_tiles};
use super::{Frame, IncidentRow, Level, Moment, ReadingRow, Scene, Strip, status_label};
use crate::query::{Incidents, Page};
use crate::source::AntennaFigures;

/// One antenna.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AntennaScreen {
    pub(crate) frame: Frame,
    /// As analytics has it: any text of up to 253 bytes.
    pub(crate) id: String,
    pub(crate) level: Level,
    /// As a class of the style sheet.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// How long ago its newest reading arrived, and when.
    pub(crate) last_seen: String,
    /// See [`Self::last_seen`].
    pub(crate) last_seen_at: Moment,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) strip: Strip,
    /// Latency as smoke, loss as bars.
    pub(crate) charts: Charts,
    /// Newest first; `None` where analytics does not tell.
    pub(crate) readings: Option<Vec<ReadingRow>>,
    /// Newest first, with the address of all of them; `None` where analytics keeps none.
    pub(crate) incidents: Option<(Vec<IncidentRow>, String)>,
    /// What changes are measured against, in words.
    pub(crate) against: String,
    /// How many steps were revised by late readings.
    pub(crate) revised: usize,
}

pub(super) fn antenna_screen(figures: &AntennaFigures, frame: Frame, scene: &Scene<'_>) -> AntennaScreen {
    let (row, language) = (&figures.antenna, scene.language());
    let all = Page::Incidents(Incidents { search: row.antenna_id.clone(), ..Incidents::default() });
    let all = scene.address.with_page(all).href();
    AntennaScreen {
        id: row.antenna_id.clone(),
        level: match row.status {
            Status::Healthy => Level::Good,
            Status::Degraded | Status::Silent => Level::Warning,
            Status::Down => Level::Bad,
        },
        status: row.status.as_str(),
        status_label: status_label(row.status, language),
        last_seen: language.ago(scene.now.0 - row.last_seen.0),
        last_seen_at: Moment::near(row.last_seen, scene.now, language),
        tiles: antenna_tiles(figures, scene),
        strip: strip(Some(&history(figures)), scene),
        charts: antenna_charts(&figures.series, scene),
        readings: figures
            .readings
            .as_ref()
            .map(|recent| recent.readings.iter().map(|reading| reading_row(reading, scene)).collect()),
        incidents: figures
            .incidents
            .as_ref()
            .map(|page| (page.incidents.iter().map(|incident| incident_row(incident, scene)).collect(), all)),
        against: language.against(scene.address.query.range.window),
        revised: figures.series.points.iter().filter(|point| point.revised).count(),
        frame,
    }
}

/// The series as a history, so that the strip is of the very steps that the charts draw.
fn history(figures: &AntennaFigures) -> History {
    let points = &figures.series.points;
    History {
        readings: points.iter().map(|point| point.measures.readings).collect(),
        packets_sent: points.iter().map(|point| point.measures.packets_sent).collect(),
        packets_lost: points.iter().map(|point| point.measures.packets_lost).collect(),
        latency_mean_ms: points.iter().map(|point| point.measures.latency_ms.mean).collect(),
    }
}
