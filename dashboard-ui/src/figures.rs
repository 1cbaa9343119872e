//! The figures of each page, and how loading them went.

use std::sync::Arc;

use shared::UnixMillis;
use shared::api::{
    Acknowledgement, AlertMaintenance, AntennaMap, AntennaPage, AntennaRow, Gap, Heatmap, IncidentPage, Mute, Note,
    Phase, Pipeline, PipelineHistory, PublicSite, PublicStatus, RecentReadings, RejectedPage, Series, SitePage,
    SiteRow, SiteState, Summary,
};
use shared::glob::Glob;

/// Everything needed to render a page once.
///
/// Optional parts are `None` if analytics only implements the original contract; the page leaves them out.
#[derive(Debug, Clone, PartialEq)]
pub enum Figures {
    /// The whole network.
    Overview(Box<OverviewFigures>),
    /// A page of the fleet.
    Antennas(Box<AntennasFigures>),
    /// One antenna.
    Antenna(Box<AntennaFigures>),
    /// Sites.
    Sites(Box<SitesFigures>),
    /// One site.
    Site(Box<SiteFigures>),
    /// Where antennas stand.
    Map(Box<MapFigures>),
    /// Incidents.
    Incidents(Box<IncidentsFigures>),
    /// The pipeline.
    Pipeline(Box<PipelineFigures>),
    /// Days of the archive.
    Report(Box<ReportFigures>),
}

/// What began or ended within so many seconds of the end of a window is news.
pub const RECENT_SECONDS: u32 = 15 * 60;

/// So many antennas are named, of each status in trouble and of those whose trouble began together.
pub const NAMED_ANTENNAS: usize = 3;

/// Figures of the overview.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewFigures {
    /// The requested window.
    pub summary: Summary,
    /// The newest window of the same length that nothing is still to come for; `None` if that is the requested one.
    pub settled: Option<Summary>,
    /// The window that it is compared with, of the same length; `None` if analytics does not have it.
    pub previous: Option<Summary>,
    /// The window in steps.
    pub series: Series,
    /// The same steps a week before; `None` if the page is not compared with them, or analytics does not have them.
    pub last_week: Option<Series>,
    /// The worst antennas, worst first.
    pub worst: AntennaPage,
    /// The first of those that are healthy by what they measured, but flapping or mostly unavailable.
    pub unsettled: Vec<AntennaRow>,
    /// All antennas over time.
    pub heatmap: Option<Heatmap>,
    /// Whether anything says at which site antennas are.
    pub has_sites: bool,
    /// The newest incidents of the window.
    pub incidents: Option<IncidentPage>,
    /// Those that are going on; `None` for a range that has ended.
    pub ongoing: Option<IncidentPage>,
    /// The first antennas of each status that neither the heat map nor the list of the worst names.
    pub named: Vec<AntennaRow>,
    /// How many were going on [`RECENT_SECONDS`] before; `None` if analytics does not tell.
    pub before: Option<u64>,
}

/// Figures of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct AntennasFigures {
    /// The requested window: how many antennas have each status.
    pub summary: Summary,
    /// The page.
    pub antennas: AntennaPage,
    /// The sites that those that match are at, with how they fare there; `None` if they are not grouped.
    pub groups: Option<SitePage>,
}

/// Figures of one antenna.
#[derive(Debug, Clone, PartialEq)]
pub struct AntennaFigures {
    /// The requested window over the whole network, to compare the antenna with.
    pub summary: Summary,
    /// The antenna over the window.
    pub antenna: AntennaRow,
    /// See [`OverviewFigures::settled`].
    pub settled: Option<AntennaRow>,
    /// The antenna over the window that it is compared with; `None` if analytics does not have it.
    pub previous: Option<AntennaRow>,
    /// The window in steps.
    pub series: Series,
    /// See [`OverviewFigures::last_week`].
    pub last_week: Option<Series>,
    /// Its newest readings; `None` for a range that has ended, as they are not part of it.
    pub readings: Option<RecentReadings>,
    /// Its incidents: those within the range if it has ended, otherwise the newest.
    pub incidents: Option<IncidentPage>,
    /// What people said of alerts; `None` if analytics does not tell, or for a range that has ended.
    pub quiet: Option<Quiet>,
}

/// Figures of the sites.
#[derive(Debug, Clone, PartialEq)]
pub struct SitesFigures {
    /// The requested window over the whole network.
    pub summary: Summary,
    /// The page; `None` if analytics does not know of sites.
    pub sites: Option<SitePage>,
}

/// Figures of one site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteFigures {
    /// The requested window over the whole network.
    pub summary: Summary,
    /// All antennas of the site together.
    pub site: SiteRow,
    /// Those of them that are listed.
    pub antennas: AntennaPage,
    /// Where they stand; `None` if analytics does not know.
    pub map: Option<AntennaMap>,
    /// Its incidents that are going on, the newest; `None` if analytics keeps none, or for a range that has ended.
    pub ongoing: Option<IncidentPage>,
}

/// Figures of the map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFigures {
    /// The requested window over the whole network.
    pub summary: Summary,
    /// Where antennas stand; `None` if analytics does not know.
    pub map: Option<AntennaMap>,
}

/// Figures of the incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentsFigures {
    /// The default window.
    pub summary: Summary,
    /// A page of them, newest first; `None` if analytics does not keep incidents.
    pub incidents: Option<IncidentPage>,
    /// Whether anything says at which site antennas are.
    pub has_sites: bool,
    /// See [`AntennaFigures::quiet`].
    pub quiet: Option<Quiet>,
}

/// What people said of alerts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quiet {
    /// The mutes that hold, the one that ends first in front.
    pub mutes: Vec<Mute>,
    /// The windows of maintenance in which it is now, then the next ones.
    pub maintenance: Vec<AlertMaintenance>,
    /// The newest in front.
    pub acknowledgements: Vec<Acknowledgement>,
}

impl Quiet {
    /// The mutes of an antenna.
    pub(crate) fn mutes_of<'a>(&'a self, antenna: &'a str) -> impl Iterator<Item = &'a Mute> {
        self.mutes.iter().filter(move |mute| Glob::new(&mute.antennas).is_ok_and(|glob| glob.matches(antenna)))
    }

    /// The windows of maintenance that an antenna is in.
    pub(crate) fn maintenance_of<'a>(&'a self, antenna: &'a str) -> impl Iterator<Item = &'a AlertMaintenance> {
        let is_of = |glob: &String| Glob::new(glob).is_ok_and(|glob| glob.matches(antenna));
        self.maintenance.iter().filter(move |it| it.active && (it.antennas.is_empty() || it.antennas.iter().any(is_of)))
    }

    /// Who takes care of an incident.
    pub(crate) fn acknowledgement(&self, incident: &str) -> Option<&Acknowledgement> {
        self.acknowledgements.iter().find(|it| it.incident == incident)
    }
}

/// What anybody may know.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicFigures {
    /// The sites that have a public name, and their incidents.
    pub status: PublicStatus,
    /// What operators tell everybody, the newest in front. Who does is not public.
    pub notes: Vec<Note>,
    /// Whether that is of the present: analytics answers, and reads what antennas report.
    pub is_current: bool,
}

impl PublicFigures {
    /// How a site is, as far as that is known at present.
    pub(crate) const fn state_of(&self, site: &PublicSite) -> SiteState {
        if self.is_current { site.state } else { SiteState::NoData }
    }

    /// What is told of a site within a time.
    pub(crate) fn notes_within<'a>(
        &'a self,
        site: &'a str,
        start: UnixMillis,
        end: UnixMillis,
    ) -> impl Iterator<Item = &'a Note> {
        self.notes.iter().filter(move |note| note.site == site && note.at <= end && note.until > start)
    }
}

/// Figures of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineFigures {
    /// The default window.
    pub summary: Summary,
    /// Progress and the ledger.
    pub pipeline: Pipeline,
    /// The pace over the last minutes.
    pub history: Option<PipelineHistory>,
    /// Rejected entries.
    pub rejected: Option<RejectedPage>,
}

/// Figures of days and months.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportFigures {
    /// The present.
    pub summary: Summary,
    /// The months in days, which may end in the future; `None` without an archive, or if analytics keeps nothing of that time.
    pub days: Option<Series>,
    /// What else a report of a month tells; `None` where only days are asked for, or nothing is kept of the month.
    pub month: Option<MonthFigures>,
}

/// Figures of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthFigures {
    /// The network.
    pub summary: Summary,
    /// The antenna, if the report is about one.
    pub antenna: Option<AntennaRow>,
    /// The antennas that lost most packets; `None` if the report is about one.
    pub worst: Option<AntennaPage>,
    /// Its incidents; `None` if analytics keeps none.
    pub incidents: Option<IncidentPage>,
}

impl Figures {
    /// A summary with the limits and thresholds of analytics, and the time when readings were last merged.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        match self {
            Self::Overview(figures) => &figures.summary,
            Self::Antennas(figures) => &figures.summary,
            Self::Antenna(figures) => &figures.summary,
            Self::Sites(figures) => &figures.summary,
            Self::Site(figures) => &figures.summary,
            Self::Map(figures) => &figures.summary,
            Self::Incidents(figures) => &figures.summary,
            Self::Pipeline(figures) => &figures.summary,
            Self::Report(figures) => &figures.summary,
        }
    }

    /// The streams whose readings are missing from the figures shown, as nobody could tell of them.
    pub(crate) fn partitions_missing(&self) -> &[String] {
        match self {
            Self::Report(figures) => figures.days.as_ref().map_or(&[], |days| &days.partitions_missing),
            figures => &figures.summary().partitions_missing,
        }
    }

    /// What is missing from the figures shown, as files of the archive could not be read; the answers may overlap.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let answers: Vec<&[Gap]> = match self {
            Self::Overview(figures) => {
                let OverviewFigures { summary, series, last_week, worst, heatmap, .. } = &**figures;
                let heatmap = heatmap.as_ref().map_or(&[][..], |heatmap| &heatmap.gaps);
                vec![&summary.gaps, &series.gaps, gaps_of(last_week), &worst.gaps, heatmap]
            }
            Self::Antennas(figures) => vec![&figures.summary.gaps, &figures.antennas.gaps],
            Self::Antenna(figures) => {
                let AntennaFigures { summary, series, last_week, .. } = &**figures;
                vec![&summary.gaps, &series.gaps, gaps_of(last_week)]
            }
            Self::Sites(figures) => {
                vec![&figures.summary.gaps, figures.sites.as_ref().map_or(&[], |sites| &sites.gaps)]
            }
            Self::Map(figures) => vec![&figures.summary.gaps, figures.map.as_ref().map_or(&[], |map| &map.gaps)],
            Self::Site(figures) => vec![&figures.summary.gaps, &figures.antennas.gaps],
            Self::Report(figures) => {
                let ReportFigures { days, month, .. } = &**figures;
                let summary = month.as_ref().map_or(&[][..], |month| &month.summary.gaps);
                let worst = month.as_ref().and_then(|month| month.worst.as_ref()).map_or(&[][..], |worst| &worst.gaps);
                vec![gaps_of(days), summary, worst]
            }
            // Incidents and the pipeline's figures are in memory.
            Self::Incidents(_) | Self::Pipeline(_) => Vec::new(),
        };
        answers.concat()
    }
}

fn gaps_of(series: &Option<Series>) -> &[Gap] {
    series.as_ref().map_or(&[], |series| &series.gaps)
}

/// The result of a load.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The newest figures available: unless the outcome is [`Outcome::Answered`], those of an earlier load.
    pub figures: Option<Arc<Figures>>,
    /// How analytics responded.
    pub outcome: Outcome,
    /// The version that was current when the load began.
    pub version: u64,
    /// How analytics itself fares.
    pub standing: Standing,
}

/// How analytics itself fares, whatever was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The clock that ages go by, minus the dashboard's, in milliseconds. Without it, an age would be the difference of the
    /// clocks of two machines.
    pub ahead_ms: i64,
    /// Why the broker is away, if it is.
    pub broker_away: Option<String>,
    /// Whether another process owns the stream and has the figures.
    pub is_standby: bool,
}

impl Standing {
    /// What the pipeline says of it, which was asked for and answered at these times.
    pub(crate) fn of(pipeline: &Pipeline, asked: UnixMillis, answered: UnixMillis) -> Self {
        // Half of the round trip is as good a guess as any.
        let middle_ms = asked.0 + (answered.0 - asked.0) / 2;
        Self {
            ahead_ms: pipeline.now.map_or(0, |now| now.0.saturating_sub(middle_ms)),
            broker_away: (pipeline.phase == Phase::BrokerAway).then(|| pipeline.reason.clone().unwrap_or_default()),
            is_standby: pipeline.phase == Phase::Standby,
        }
    }
}

/// How analytics responded to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With figures.
    Answered,
    /// It refused this range, most likely because the range is longer than what it keeps.
    Refused,
    /// It does not know the antenna.
    Unknown,
    /// It demands a token that the dashboard does not know.
    Unauthorized,
    /// Not at all, or with something unusable.
    Away,
}
