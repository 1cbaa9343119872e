//! The content of a page: from figures, an address and the time to plain texts and paths. Pure; components only lay it out.
//!
//! - [`screen`]: from loaded figures to the content of a page; each page has a module.
//! - `frame`: what all pages share: how the figures relate to the present, and the ranges on offer.
//! - `history`: where history begins, and what of it could not be read; `last_week`: what figures may be compared with.
//! - [`docs`]: the pages of the API, with `meanings`, what it says of itself in the viewer's language.
//! - [`snippets`]: the lines that load what a page shows into other tools.
//! - `sites`: the sites that antennas are at, and each by itself; `map`: where antennas stand.
//! - `quiet`, `maintenance`: what is muted, in maintenance and acknowledged, and who did what.
//! - `report`: days as a calendar, and what there is to tell of a month.
//! - `charts`, `heat`, `tiles`, `verdict`, `rows`, `inbox`, `choice`: the parts of a page.

mod antenna;
mod charts;
mod choice;
pub(crate) mod docs;
mod fleet;
mod frame;
mod heat;
mod history;
mod inbox;
mod incidents;
mod last_week;
pub(crate) mod maintenance;
mod map;
mod meanings;
pub(crate) mod notes;
mod overview;
mod pipeline;
pub(crate) mod quiet;
mod report;
mod rows;
mod sites;
pub(crate) mod snippets;
pub(crate) mod status;
mod tiles;
mod verdict;

use shared::UnixMillis;
use shared::api::{AntennaRow, Limits};
use shared::time::Span;

pub(crate) use antenna::{About, AntennaScreen};
pub(crate) use charts::{Chart, StepRow};
pub(crate) use choice::Choice;
pub(crate) use fleet::{Column, FleetScreen, GroupHead, PlaceForm, column_label};
pub(crate) use frame::{Condition, Form, Frame, Moment, Note, Part, Ranges};
pub(crate) use heat::{HeatLabel, HeatMap, Strip};
pub(crate) use incidents::{IncidentLine, IncidentRow, IncidentsScreen, Inner, Said};
pub(crate) use map::{MapScreen, Mark, Move, PlaceMap};
pub(crate) use meanings::Meaning;
pub(crate) use overview::OverviewScreen;
pub(crate) use pipeline::{ArchivePanel, LedgerTerm, PipelineScreen, RejectedReason, RejectedRow, Stage};
pub(crate) use report::{CalendarMonth, IncidentSum, MonthScreen, ReportScreen, Square};
pub(crate) use rows::{AntennaLine, Pages, ReadingRow, State, status_label};
pub(crate) use sites::{SiteColumn, SiteLine, SiteScreen, SitesScreen, site_column_label};
pub(crate) use tiles::{Change, Judgement, Picture, Tile};
pub(crate) use verdict::{Level, Trouble, Verdict, away, broker_away, standby, unauthorized};

use crate::figures::{Figures, Loaded, Outcome, Quiet};
use crate::language::Language;
use crate::query::{Address, Comparison, Query};

/// The contract's defaults, for an analytics that does not report its limits.
const CONTRACT_LIMITS: Limits = Limits {
    pane_seconds: 5.0,
    retention_seconds: 3600.0,
    oldest: None,
    degraded_success_rate: 0.95,
    degraded_latency_ms: 250.0,
    flapping_changes: None,
    history: None,
};

/// The content of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Screen {
    /// The whole network.
    Overview(Box<OverviewScreen>),
    /// The fleet.
    Antennas(Box<FleetScreen>),
    /// One antenna.
    Antenna(Box<AntennaScreen>),
    /// Sites.
    Sites(Box<SitesScreen>),
    /// One site.
    Site(Box<SiteScreen>),
    /// Where antennas stand.
    Map(Box<MapScreen>),
    /// Incidents.
    Incidents(Box<IncidentsScreen>),
    /// The pipeline.
    Pipeline(Box<PipelineScreen>),
    /// Days and months.
    Report(Box<ReportScreen>),
    /// Analytics answers, but has not counted a reading yet.
    NoData,
    /// Analytics answers, but not for this range.
    Refused,
    /// Analytics answers, but does not know the antenna.
    Unknown(String),
    /// Analytics answers, but no antenna is at the site.
    UnknownSite(String),
    /// Analytics answers, but another process owns the stream and has the figures.
    Standby,
    /// Analytics demands a token that the dashboard does not know.
    Unauthorized,
    /// Analytics does not answer, and there are no figures from before.
    Away,
}

/// The context in which a page is rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The page's address.
    pub(crate) address: &'a Address,
    /// The time.
    pub(crate) now: UnixMillis,
    /// The limits and thresholds of analytics.
    pub(crate) limits: Limits,
    /// What people said of alerts, if that is known.
    pub(crate) quiet: Option<&'a Quiet>,
}

impl Scene<'_> {
    const fn language(&self) -> Language {
        self.address.manner.language
    }

    /// The same by the thresholds that hold for an antenna.
    fn of_antenna(&self, row: &AntennaRow) -> Self {
        let limits = Limits {
            degraded_success_rate: row.degraded_success_rate.unwrap_or(self.limits.degraded_success_rate),
            degraded_latency_ms: row.degraded_latency_ms.unwrap_or(self.limits.degraded_latency_ms),
            ..self.limits
        };
        Self { limits, ..*self }
    }

    /// Up to where a window that ends at `end` has all of its readings.
    fn settled(&self, end: UnixMillis, as_of: Option<UnixMillis>) -> UnixMillis {
        self.address.query.range.settled(end, as_of, self.limits.pane_seconds)
    }

    /// What changes are measured against, in words.
    fn against(&self) -> String {
        let Query { range, comparison, .. } = self.address.query;
        match comparison {
            Comparison::Previous => self.language().against(range.window),
            Comparison::Week => self.text("vs same time last week", "frente a hace una semana").to_owned(),
        }
    }

    /// A text in the page's language.
    const fn text<'a>(&self, english: &'a str, spanish: &'a str) -> &'a str {
        self.language().text(english, spanish)
    }
}

impl Screen {
    /// The length of a step of its charts; `None` if it has none.
    pub(crate) fn step(&self) -> Option<Span> {
        let charts = match self {
            Self::Overview(screen) => &screen.charts,
            Self::Antenna(screen) => &screen.charts,
            _ => return None,
        };
        Some(Span::from_ms(charts.latency.axis.step_ms))
    }
}

/// The content of a page for loaded figures.
pub(crate) fn screen(loaded: &Loaded, address: &Address, now: UnixMillis) -> Screen {
    match (loaded.outcome, &loaded.figures) {
        (Outcome::Refused, _) => Screen::Refused,
        (Outcome::Unknown, _) => match &address.query.page {
            crate::query::Page::Antenna { id } | crate::query::Page::Report { id: Some(id), .. } => {
                Screen::Unknown(id.clone())
            }
            crate::query::Page::Site(fleet) => Screen::UnknownSite(fleet.site.clone()),
            _ => Screen::Refused,
        },
        (Outcome::Unauthorized, _) => Screen::Unauthorized,
        (Outcome::Away, _) if loaded.standing.is_standby => Screen::Standby,
        (Outcome::Away, None) => Screen::Away,
        (_, Some(figures)) => shown(figures, loaded, address, now),
        (Outcome::Answered, None) => Screen::NoData,
    }
}

/// The parameters of an address except those named: the hidden fields of a form.
fn hidden(address: &Address, but: &[&str]) -> Vec<(String, String)> {
    let href = address.href();
    let pairs = href.split_once('?').map_or("", |(_, pairs)| pairs);
    form_urlencoded::parse(pairs.as_bytes())
        .filter(|(name, _)| !but.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn shown(figures: &Figures, loaded: &Loaded, address: &Address, now: UnixMillis) -> Screen {
    let (summary, is_away) = (figures.summary(), loaded.outcome == Outcome::Away);
    let now = UnixMillis(now.0.saturating_add(loaded.standing.ahead_ms));
    let quiet = match figures {
        Figures::Antenna(figures) => figures.quiet.as_ref(),
        Figures::Incidents(figures) => figures.quiet.as_ref(),
        _ => None,
    };
    let scene = Scene { address, now, limits: summary.limits.unwrap_or(CONTRACT_LIMITS), quiet };
    let frame = |as_of| {
        let mut frame = Frame::new(&scene, as_of, summary, is_away);
        frame.notes = history::notes(figures, &scene);
        frame.notes.extend(last_week::note(figures, &scene));
        if let Some(reason) = loaded.standing.broker_away.clone().filter(|_| !is_away) {
            (frame.condition, frame.broker_away) = (Condition::BrokerAway, Some(reason));
        }
        frame
    };
    match (figures, summary.as_of) {
        // The pipeline has something to show even before the first reading.
        (Figures::Pipeline(figures), as_of) => {
            Screen::Pipeline(Box::new(pipeline::pipeline_screen(figures, frame(as_of), &scene)))
        }
        // Days are there whether or not a reading came since.
        (Figures::Report(figures), as_of) => {
            Screen::Report(Box::new(report::report_screen(figures, frame(as_of), &scene)))
        }
        (_, None) if is_away => Screen::Away,
        (_, None) => Screen::NoData,
        (Figures::Overview(figures), as_of) => {
            Screen::Overview(Box::new(overview::overview_screen(figures, frame(as_of), &scene)))
        }
        (Figures::Antennas(figures), as_of) => {
            let counts = &figures.summary.antennas;
            Screen::Antennas(Box::new(fleet::fleet_screen(
                &figures.antennas,
                counts,
                figures.groups.as_ref(),
                frame(as_of),
                &scene,
            )))
        }
        (Figures::Antenna(figures), as_of) => {
            Screen::Antenna(Box::new(antenna::antenna_screen(figures, frame(as_of), &scene)))
        }
        (Figures::Sites(figures), as_of) => Screen::Sites(Box::new(sites::sites_screen(figures, frame(as_of), &scene))),
        (Figures::Site(figures), as_of) => Screen::Site(Box::new(sites::site_screen(figures, frame(as_of), &scene))),
        (Figures::Map(figures), as_of) => Screen::Map(Box::new(map::map_screen(figures, frame(as_of), &scene))),
        (Figures::Incidents(figures), as_of) => {
            Screen::Incidents(Box::new(incidents::incidents_screen(figures, frame(as_of), &scene)))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, LazyLock};

    use shared::api::Summary;

    use super::*;
    use crate::figures::{
        AntennaFigures, AntennasFigures, IncidentsFigures, OverviewFigures, PipelineFigures, Standing,
    };
    use crate::mock::Mock;
    use crate::query::Manner;
    use crate::query::tests::read;
    use crate::source::{Extent, Source};

    pub(crate) const NOW: UnixMillis = UnixMillis(1_763_995_625_000); // 24 November 2025, 14:47:05 UTC

    /// An address of each page.
    pub(crate) const PAGES: [&str; 5] = ["/", "/antennas", "/antenna?id=airport-west", "/incidents", "/pipeline"];

    /// The address for a text.
    pub(crate) fn address(href: &str) -> Address {
        read(href).unwrap()
    }

    /// The address for a text, in a language.
    pub(crate) fn address_in(language: Language, href: &str) -> Address {
        let address = address(href);
        address.with_manner(Manner { language, ..address.manner })
    }

    /// The scene for an address, now and with the contract's limits.
    pub(crate) fn scene(address: &Address) -> Scene<'_> {
        Scene { address, now: NOW, limits: CONTRACT_LIMITS, quiet: None }
    }

    /// What the built-in network answers.
    pub(crate) fn figures(address: &Address) -> Figures {
        static NETWORK: LazyLock<Mock> = LazyLock::new(Mock::default);
        figures_of(&NETWORK, address)
    }

    /// What a built-in network answers.
    pub(crate) fn figures_of(network: &Mock, address: &Address) -> Figures {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let source = Source::Mock(network.clone());
        runtime.block_on(source.figures(&address.query, Extent::Page, NOW)).unwrap()
    }

    pub(crate) fn overview() -> OverviewFigures {
        let Figures::Overview(figures) = figures(&address("/")) else { panic!("it is the overview") };
        OverviewFigures { settled: None, ..*figures }
    }

    pub(crate) fn fleet(address: &Address) -> AntennasFigures {
        let Figures::Antennas(figures) = figures(address) else { panic!("it is the fleet") };
        *figures
    }

    pub(crate) fn antenna(id: &str) -> AntennaFigures {
        let Figures::Antenna(figures) = figures(&address(&format!("/antenna?id={id}"))) else { panic!("it is one") };
        AntennaFigures { settled: None, ..*figures }
    }

    pub(crate) fn incidents(address: &Address) -> IncidentsFigures {
        let Figures::Incidents(figures) = figures(address) else { panic!("it is incidents") };
        *figures
    }

    pub(crate) fn pipeline() -> PipelineFigures {
        let Figures::Pipeline(figures) = figures(&address("/pipeline")) else { panic!("it is the pipeline") };
        *figures
    }

    pub(crate) fn summary_mut(figures: &mut Figures) -> &mut Summary {
        match figures {
            Figures::Overview(figures) => &mut figures.summary,
            Figures::Antennas(figures) => &mut figures.summary,
            Figures::Antenna(figures) => &mut figures.summary,
            Figures::Sites(figures) => &mut figures.summary,
            Figures::Site(figures) => &mut figures.summary,
            Figures::Map(figures) => &mut figures.summary,
            Figures::Incidents(figures) => &mut figures.summary,
            Figures::Pipeline(figures) => &mut figures.summary,
            Figures::Report(figures) => &mut figures.summary,
        }
    }

    pub(crate) fn loaded(figures: Option<Figures>, outcome: Outcome) -> Loaded {
        Loaded { figures: figures.map(Arc::new), outcome, version: 0, standing: Standing::default() }
    }

    /// A sentence as it is read.
    pub(crate) fn said(parts: &[Part]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Time(moment) => moment.text.clone(),
            Part::Zone => "UTC".to_owned(),
        };
        parts.iter().map(part).collect()
    }

    fn frame(screen: &Screen) -> Option<&Frame> {
        match screen {
            Screen::Overview(screen) => Some(&screen.frame),
            Screen::Antennas(screen) => Some(&screen.frame),
            Screen::Antenna(screen) => Some(&screen.frame),
            Screen::Sites(screen) => Some(&screen.frame),
            Screen::Site(screen) => Some(&screen.fleet.frame),
            Screen::Map(screen) => Some(&screen.frame),
            Screen::Incidents(screen) => Some(&screen.frame),
            Screen::Pipeline(screen) => Some(&screen.frame),
            Screen::Report(screen) => Some(&screen.frame),
            Screen::NoData
            | Screen::Refused
            | Screen::Unknown(_)
            | Screen::UnknownSite(_)
            | Screen::Standby
            | Screen::Unauthorized
            | Screen::Away => None,
        }
    }

    fn condition(screen: &Screen) -> Option<Condition> {
        frame(screen).map(|frame| frame.condition)
    }

    #[test]
    fn figures_are_stale_only_after_half_a_minute() {
        for address in PAGES.map(address) {
            let loaded = loaded(Some(figures(&address)), Outcome::Answered);
            let after = |seconds: i64| condition(&screen(&loaded, &address, UnixMillis(NOW.0 + seconds * 1000)));
            assert_eq!(after(0), Some(Condition::Live));
            assert_eq!(after(30), Some(Condition::Live));
            assert_eq!(after(240), Some(Condition::Stale(240_000)));
            // The two clocks may differ: figures from the future are current.
            assert_eq!(after(-60), Some(Condition::Live));
        }
    }

    /// The dashboard's clock is 40 s ahead of the broker's, or 5 minutes behind: ages go by the broker's.
    #[test]
    fn ages_go_by_the_clock_of_analytics() {
        for address in PAGES.map(address) {
            let after = |ahead_ms: i64, age_ms: i64| {
                let standing = Standing { ahead_ms, ..Standing::default() };
                let loaded = Loaded { standing, ..loaded(Some(figures(&address)), Outcome::Answered) };
                condition(&screen(&loaded, &address, UnixMillis(NOW.0 + age_ms - ahead_ms)))
            };
            assert_eq!(after(-40_000, 0), Some(Condition::Live));
            assert_eq!(after(300_000, 240_000), Some(Condition::Stale(240_000)));
        }
    }

    #[test]
    fn every_page_says_first_that_the_broker_is_away_and_why() {
        for address in PAGES.map(address) {
            let broker_away = Some("OOM command not allowed".to_owned());
            let standing = Standing { broker_away, ..Standing::default() };
            let loaded = Loaded { standing, ..loaded(Some(figures(&address)), Outcome::Answered) };
            let screen = screen(&loaded, &address, UnixMillis(NOW.0 + 240_000));
            assert_eq!(condition(&screen), Some(Condition::BrokerAway));
            let html = crate::pages::fragment(&loaded, &address, false, NOW);
            let (reason, verdict) = (html.find("OOM command not allowed"), html.find("healthy"));
            assert!(reason.is_some() && verdict.is_none_or(|verdict| reason < Some(verdict)), "{html}");
            assert!(!html.contains("All 24 antennas"));
        }
    }

    #[test]
    fn no_reading_yet_is_not_a_failure_and_a_failure_is_not_no_reading() {
        for address in PAGES.map(address) {
            let full = figures(&address);
            let mut empty = full.clone();
            summary_mut(&mut empty).as_of = None;
            let shown = |figures, outcome| screen(&loaded(figures, outcome), &address, NOW);
            if address.query.page == crate::query::Page::Pipeline {
                // It has something to show even before the first reading.
                assert_eq!(condition(&shown(Some(empty.clone()), Outcome::Answered)), Some(Condition::Waiting));
                assert_eq!(condition(&shown(Some(empty), Outcome::Away)), Some(Condition::Away));
            } else {
                assert_eq!(shown(Some(empty.clone()), Outcome::Answered), Screen::NoData);
                assert_eq!(shown(Some(empty), Outcome::Away), Screen::Away);
            }
            assert_eq!(shown(None, Outcome::Away), Screen::Away);
            assert_eq!(condition(&shown(Some(full), Outcome::Away)), Some(Condition::Away));
        }
    }

    #[test]
    fn what_analytics_refuses_or_does_not_know_shows_no_figures_from_before() {
        for address in PAGES.map(address) {
            let shown = |outcome| screen(&loaded(Some(figures(&address)), outcome), &address, NOW);
            assert_eq!(shown(Outcome::Refused), Screen::Refused);
            let unknown = match &address.query.page {
                crate::query::Page::Antenna { id } => Screen::Unknown(id.clone()),
                _ => Screen::Refused,
            };
            assert_eq!(shown(Outcome::Unknown), unknown);
        }
    }

    #[test]
    fn the_time_has_a_day_when_it_is_not_today() {
        for address in PAGES.map(address) {
            let loaded = loaded(Some(figures(&address)), Outcome::Answered);
            let screen = screen(&loaded, &address, UnixMillis(NOW.0 + 86_400_000));
            let as_of = frame(&screen).unwrap().as_of.clone().unwrap();
            assert_eq!((&*as_of.text, &*as_of.machine), ("24 Nov 14:47", "2025-11-24T14:47:05.000Z"));
        }
    }
}
