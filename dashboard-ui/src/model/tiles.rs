//! The four tiles: a figure with its unit, its trend, and its change from the period that it is compared with.

use shared::UnixMillis;
use shared::api::{AntennaCounts, Latency, Measures, Point, Series, SiteRow, Status, Summary};

use super::{Scene, State, charts};
use crate::figures::{AntennaFigures, OverviewFigures};
use crate::format;
use crate::language::Language;
use crate::plot::{self, Scale};
use crate::query::{Comparison, Fleet, Page, week_before};

/// A change in volume smaller than this share is neither good nor bad.
const STEADY_VOLUME: f64 = 0.02;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) unit: String,
    /// A second figure that puts the first into perspective.
    pub(crate) aside: Option<String>,
    /// `None` if there is nothing to compare with.
    pub(crate) change: Option<Change>,
    /// Why there is nothing to compare with.
    pub(crate) uncompared: String,
    pub(crate) picture: Picture,
}

/// The change of a figure from the period that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) rises: bool,
    /// Without a sign; empty if the change is too small to show.
    pub(crate) amount: String,
    pub(crate) judgement: Judgement,
}

/// Whether a change is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Better,
    Worse,
    Neither,
}

/// The picture below a tile's figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Picture {
    /// The figure over the window.
    Sparkline { line: String, area: String },
    /// How many antennas have each status, without those that have none. With the share before it and its own, from 0 to 1.
    Statuses(Vec<StatusShare>),
    /// The figure as a part of a whole, from 0 to 1; `None` if it is not known.
    Share(Option<f64>),
}

/// Antennas in one state among all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusShare {
    /// As a CSS class.
    pub(crate) status: &'static str,
    /// How many, in words.
    pub(crate) words: String,
    /// The antennas in this state.
    pub(crate) href: String,
    pub(crate) count: u64,
    pub(crate) start: f64,
    pub(crate) share: f64,
}

pub(super) fn tiles(figures: &OverviewFigures, scene: &Scene<'_>) -> Vec<Tile> {
    let OverviewFigures { summary, settled, previous, series, last_week, .. } = figures;
    let now = settled.as_ref().unwrap_or(summary);
    let uncovered = uncovered(summary, scene);
    // A period without a reading is not a period of zeros, and one that is kept in part is not of the same length.
    let is_whole = [Some(summary), Some(now), previous.as_ref()].into_iter().flatten().all(|it| it.gaps.is_empty());
    let is_alike = is_alike(series, last_week.as_ref(), scene);
    let before = previous.as_ref().filter(|it| it.measures.readings > 0 && uncovered.is_none() && is_whole && is_alike);
    let compared = before.map(|before| [&before.measures, &now.measures]);
    let mut tiles = measure_tiles(&summary.measures, compared, series, scene);
    let href = |state: State| scene.address.with_page(Page::Antennas(state.fleet())).href();
    let compared = before.map(|before| [&before.antennas, &now.antennas]);
    tiles.push(antennas_tile(&summary.antennas, summary.availability, compared, href, scene.language()));
    explain(tiles, uncovered, [is_whole, is_alike], before.is_some(), scene)
}

pub(super) fn antenna_tiles(figures: &AntennaFigures, scene: &Scene<'_>) -> Vec<Tile> {
    let AntennaFigures { summary, antenna, settled, previous, series, last_week, .. } = figures;
    let uncovered = uncovered(summary, scene);
    let is_read = |series: &Series| series.gaps.is_empty();
    let is_whole = summary.gaps.is_empty() && is_read(series) && last_week.iter().all(is_read);
    let is_alike = is_alike(series, last_week.as_ref(), scene);
    let before = previous.as_ref().filter(|it| it.measures.readings > 0 && uncovered.is_none() && is_whole && is_alike);
    let compared = before.map(|before| [&before.measures, &settled.as_ref().unwrap_or(antenna).measures]);
    let mut tiles = measure_tiles(&antenna.measures, compared, series, scene);
    let then = before.and_then(|before| before.availability);
    let now = settled.as_ref().unwrap_or(antenna).availability;
    tiles.push(availability_tile(antenna.availability, then.zip(now), scene));
    explain(tiles, uncovered, [is_whole, is_alike], before.is_some(), scene)
}

/// The tiles of a site: nothing is known of its course, so nothing is drawn, and nothing compared.
pub(super) fn site_tiles(site: &SiteRow, scene: &Scene<'_>) -> Vec<Tile> {
    let language = scene.language();
    let tile = |label, value, unit: &str, aside, picture| Tile {
        label,
        value,
        unit: unit.to_owned(),
        aside,
        change: None,
        uncompared: String::new(),
        picture,
    };
    let is_known = site.readings > 0;
    let latency = site.latency_mean_ms.map_or_else(unknown, |mean| language.milliseconds(mean));
    let delivered = if is_known { format::count(site.packets_delivered) } else { unknown() };
    let success = site.success_rate.map_or_else(unknown, |rate| language.percent_number(rate));
    let label = MeasureLabels::of(language);
    let href = |state: State| {
        let fleet = Fleet { site: site.site.clone(), ..state.fleet() };
        scene.address.with_page(Page::Site(fleet)).href()
    };
    vec![
        tile(label.latency, latency, "ms", None, Picture::Share(None)),
        tile(
            label.delivered,
            delivered,
            "",
            Some(of_sent(site.packets_sent, is_known, language)),
            Picture::Share(None),
        ),
        tile(label.success, success, "%", None, Picture::Share(site.success_rate)),
        antennas_tile(&site.antennas, site.availability, None, href, language),
    ]
}

/// What the figures are called that everything has.
struct MeasureLabels {
    latency: &'static str,
    delivered: &'static str,
    success: &'static str,
}

impl MeasureLabels {
    const fn of(language: Language) -> Self {
        Self {
            latency: language.text("Mean latency", "Latencia media"),
            delivered: language.text("Delivered packets", "Paquetes entregados"),
            success: language.text("Success rate", "Tasa de éxito"),
        }
    }
}

/// `of 1 234 sent`.
fn of_sent(packets: u64, is_known: bool, language: Language) -> String {
    let sent = if is_known { language.rough_count(packets) } else { unknown() };
    match language {
        Language::English => format!("of {sent} sent"),
        Language::Spanish => format!("de {sent} enviados"),
    }
}

/// The tiles of the figures that the network and an antenna have. A change is measured between the two given.
fn measure_tiles(shown: &Measures, compared: Option<[&Measures; 2]>, series: &Series, scene: &Scene<'_>) -> Vec<Tile> {
    let closed = &series.points[..charts::closed(series, scene)];
    vec![
        latency_tile(&shown.latency_ms, compared, closed, scene),
        delivered_tile(shown, compared, (series, closed), scene),
        success_tile(shown.success_rate, compared, closed, scene),
    ]
}

/// Says why there is nothing to compare with: nothing is kept of the period before, only so many seconds are kept, a part of
/// either period could not be read, the one before is kept in longer rows, or the figure itself is not known of both periods.
fn explain(
    mut tiles: Vec<Tile>,
    kept_seconds: Option<f64>,
    [is_whole, is_alike]: [bool; 2],
    has_before: bool,
    scene: &Scene<'_>,
) -> Vec<Tile> {
    let language = scene.language();
    let words = match kept_seconds {
        // What is kept may begin behind the window.
        Some(seconds) if seconds > 0.0 => {
            let kept = language.duration(seconds);
            match language {
                Language::English => format!("no comparison: only {kept} kept"),
                Language::Spanish => format!("sin comparación: solo hay {kept}"),
            }
        }
        _ if !is_whole => {
            language.text("no comparison: figures are missing", "sin comparación: faltan cifras").to_owned()
        }
        _ if !is_alike => language
            .text("no comparison: last week is kept by the hour", "sin comparación: solo hay horas enteras")
            .to_owned(),
        _ if has_before => language.text("nothing to compare", "nada que comparar").to_owned(),
        _ if scene.address.query.comparison == Comparison::Week => {
            language.text("no data of last week", "sin datos de hace una semana").to_owned()
        }
        _ => language.text("no earlier data", "sin datos anteriores").to_owned(),
    };
    tiles.iter_mut().for_each(|tile| tile.uncompared.clone_from(&words));
    tiles
}

/// Whether last week is made of the rows that windows were chosen for. Longer ones would reach beyond the window.
fn is_alike(series: &Series, last_week: Option<&Series>, scene: &Scene<'_>) -> bool {
    let row_seconds = scene.limits.history.map_or(0.0, |history| history.step_seconds).max(series.step_seconds);
    last_week.is_none_or(|last_week| last_week.step_seconds <= row_seconds)
}

/// How long readings are kept so far, if that does not cover the period to compare with. The first pane of all may be half a
/// pane.
fn uncovered(summary: &Summary, scene: &Scene<'_>) -> Option<f64> {
    let (window, oldest) = (&summary.window, summary.limits?.known_from()?);
    let settled = scene.settled(window.end, summary.as_of);
    let length_ms = window.end.0 - window.start.0;
    let before = match scene.address.query.comparison {
        Comparison::Previous => UnixMillis(settled.0 - length_ms),
        Comparison::Week => week_before(settled),
    };
    let is_covered = oldest.0 < before.0 - length_ms;
    (!is_covered).then(|| (window.end.0 - oldest.0) as f64 / 1000.0)
}

fn latency_tile(latency: &Latency, compared: Option<[&Measures; 2]>, points: &[Point], scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    let course = course(points, |measures| measures.latency_ms.mean);
    let least = latency.mean.unwrap_or_default() * 0.1;
    Tile {
        label: MeasureLabels::of(language).latency,
        value: latency.mean.map_or_else(unknown, |mean| language.milliseconds(mean)),
        unit: "ms".to_owned(),
        aside: Some(format!("p95 {}", language.percentile(latency.p95))),
        uncompared: String::new(),
        change: difference(compared, |measures| measures.latency_ms.mean).map(|difference| {
            let amount = format!("{} ms", language.milliseconds(difference.abs()));
            change(difference, difference.abs() >= 0.05, amount, Judgement::Worse)
        }),
        picture: sparkline(&course, least),
    }
}

fn delivered_tile(
    measures: &Measures,
    compared: Option<[&Measures; 2]>,
    (series, points): (&Series, &[Point]),
    scene: &Scene<'_>,
) -> Tile {
    let language = scene.language();
    // The sum of a step of which a part is missing would look like a drop.
    let whole = |point: &Point| point.measures.readings > 0 && !charts::is_partial(point, series);
    let course = points.iter().map(|point| whole(point).then_some(point.measures.packets_delivered as f64));
    let course: Vec<Option<f64>> = course.collect();
    let is_known = measures.readings > 0;
    let least = measures.packets_delivered as f64 / points.len().max(1) as f64 * 0.1;
    Tile {
        label: MeasureLabels::of(language).delivered,
        value: if is_known { format::count(measures.packets_delivered) } else { unknown() },
        unit: String::new(),
        aside: Some(of_sent(measures.packets_sent, is_known, language)),
        uncompared: String::new(),
        change: compared.filter(|[_, now]| now.readings > 0).map(|[before, now]| {
            let (now, then) = (now.packets_delivered, before.packets_delivered);
            let difference = now as f64 - then as f64;
            let mut change =
                change(difference, now != then, language.rough_count(now.abs_diff(then)), Judgement::Better);
            if difference.abs() < STEADY_VOLUME * then as f64 {
                change.judgement = Judgement::Neither;
            }
            change
        }),
        picture: sparkline(&course, least),
    }
}

fn success_tile(rate: Option<f64>, compared: Option<[&Measures; 2]>, points: &[Point], scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    let course = course(points, |measures| measures.success_rate);
    Tile {
        label: MeasureLabels::of(language).success,
        value: rate.map_or_else(unknown, |rate| language.percent_number(rate)),
        unit: "%".to_owned(),
        aside: None,
        uncompared: String::new(),
        change: difference(compared, |measures| measures.success_rate).map(|difference| {
            let points = difference.abs() * 100.0;
            change(difference, points >= 0.005, format!("{} pp", language.fixed(points, 2)), Judgement::Better)
        }),
        picture: sparkline(&course, 0.01),
    }
}

/// For how much of the time an antenna reported as often as usual and was not down. A change is measured between the two given.
fn availability_tile(share: Option<f64>, compared: Option<(f64, f64)>, scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    Tile {
        label: language.text("Availability", "Disponibilidad"),
        value: share.map_or_else(unknown, |share| language.percent_number(share)),
        unit: "%".to_owned(),
        aside: Some(language.text("reporting, not down", "informa y no está caída").to_owned()),
        uncompared: String::new(),
        change: compared.map(|(then, now)| {
            let points = (now - then).abs() * 100.0;
            change(now - then, points >= 0.005, format!("{} pp", language.fixed(points, 2)), Judgement::Better)
        }),
        picture: Picture::Share(share),
    }
}

/// How many antennas report, and how many are in each state; `href` is where those of a state are.
fn antennas_tile(
    counts: &AntennaCounts,
    availability: Option<f64>,
    compared: Option<[&AntennaCounts; 2]>,
    href: impl Fn(State) -> String,
    language: Language,
) -> Tile {
    let total = counts.total();
    let mut start = 0.0;
    // Most are healthy, so these come first and the worse ones at the end.
    let shares = [
        (State::Status(Status::Healthy), counts.healthy.saturating_sub(counts.unsettled)),
        (State::Unavailable, counts.unavailable),
        (State::Flapping, counts.unsettled.saturating_sub(counts.unavailable)),
        (State::Status(Status::Degraded), counts.degraded),
        (State::Status(Status::Down), counts.down),
        (State::Status(Status::Silent), counts.silent),
    ];
    let shares = shares.into_iter().filter(|(_, count)| *count > 0).map(|(state, count)| {
        let share = count as f64 / total as f64;
        start += share;
        StatusShare {
            status: state.class(),
            words: format!("{} {}", format::count(count), state.word(count, language)),
            href: href(state),
            count,
            start: start - share,
            share,
        }
    });
    Tile {
        label: language.text("Antennas reporting", "Antenas que informan"),
        value: format::count(counts.active),
        unit: format!("{} {}", language.text("of", "de"), format::count(total)),
        // An older analytics does not report it.
        aside: availability
            .map(|share| format!("{} {}", language.percent(Some(share)), language.text("available", "disponible"))),
        uncompared: String::new(),
        change: compared.map(|[before, now]| {
            let (now, then) = (now.active, before.active);
            change(now as f64 - then as f64, now != then, format::count(now.abs_diff(then)), Judgement::Better)
        }),
        picture: Picture::Statuses(shares.collect()),
    }
}

fn unknown() -> String {
    format::UNKNOWN.to_owned()
}

fn difference(compared: Option<[&Measures; 2]>, value: impl Fn(&Measures) -> Option<f64>) -> Option<f64> {
    let [before, now] = compared?;
    Some(value(now)? - value(before)?)
}

/// A change; one too small to be displayed counts as none.
fn change(difference: f64, is_visible: bool, amount: String, rising_is: Judgement) -> Change {
    let falling_is = if rising_is == Judgement::Better { Judgement::Worse } else { Judgement::Better };
    let judgement = match (is_visible, difference > 0.0) {
        (false, _) => Judgement::Neither,
        (true, true) => rising_is,
        (true, false) => falling_is,
    };
    Change { rises: difference > 0.0, amount: if is_visible { amount } else { String::new() }, judgement }
}

fn course(points: &[Point], value: impl Fn(&Measures) -> Option<f64>) -> Vec<Option<f64>> {
    points.iter().map(|point| value(&point.measures)).collect()
}

fn sparkline(values: &[Option<f64>], least: f64) -> Picture {
    let scale = Scale::around(values, least);
    Picture::Sparkline { line: plot::line(values, scale), area: plot::area(values, scale) }
}

#[cfg(test)]
mod tests {
    use reference::{Entry, EntryId, Reference, Settings, Stages};
    use shared::api::{End, Gap, SummaryRequest, WindowRequest};
    use shared::time::Span;

    use super::*;
    use crate::model::CONTRACT_LIMITS;
    use crate::model::tests::{NOW, address, antenna, overview, scene};
    use crate::query::Filter;
    use crate::query::tests::read;

    fn all(figures: &OverviewFigures) -> Vec<Tile> {
        tiles(figures, &scene(&address("/?window=15m")))
    }

    fn tile(figures: &OverviewFigures, label: &str) -> Tile {
        all(figures).into_iter().find(|tile| tile.label == label).unwrap()
    }

    #[test]
    fn a_tile_has_figure_unit_and_change() {
        let mut figures = overview();
        figures.summary.measures.latency_ms.mean = Some(42.4);
        figures.summary.measures.latency_ms.p95 = Some(78.25);
        figures.previous.as_mut().unwrap().measures.latency_ms.mean = Some(43.9);
        let tile = tile(&figures, "Mean latency");
        assert_eq!((tile.value.as_str(), tile.unit.as_str()), ("42.4", "ms"));
        assert_eq!(tile.aside.as_deref(), Some("p95 78\u{202f}ms"));
        let change = tile.change.unwrap();
        assert_eq!((change.rises, change.amount.as_str(), change.judgement), (false, "1.5 ms", Judgement::Better));
    }

    #[test]
    fn a_change_too_small_to_see_is_none() {
        let mut figures = overview();
        figures.summary.measures.success_rate = Some(0.990_801);
        figures.previous.as_mut().unwrap().measures.success_rate = Some(0.990_8);
        let change = tile(&figures, "Success rate").change.unwrap();
        assert_eq!((change.amount.as_str(), change.judgement), ("", Judgement::Neither));
    }

    #[test]
    fn a_success_rate_that_falls_is_worse() {
        let mut figures = overview();
        figures.summary.measures.success_rate = Some(0.98);
        figures.previous.as_mut().unwrap().measures.success_rate = Some(0.99);
        let change = tile(&figures, "Success rate").change.unwrap();
        assert_eq!((change.amount.as_str(), change.judgement), ("1.00 pp", Judgement::Worse));
    }

    #[test]
    fn steady_volume_is_neither_good_nor_bad() {
        let mut figures = overview();
        figures.summary.measures.packets_delivered = 99_000;
        figures.previous.as_mut().unwrap().measures.packets_delivered = 100_000;
        let change = tile(&figures, "Delivered packets").change.unwrap();
        assert_eq!((change.amount.as_str(), change.judgement), ("1.0\u{202f}k", Judgement::Neither));
    }

    #[test]
    fn against_last_week_what_is_kept_since_then_counts() {
        let address = address("/?window=15m&compare=week");
        let told = |kept_hours: i64| {
            let mut figures = overview();
            figures.summary.limits.as_mut().unwrap().oldest = Some(UnixMillis(NOW.0 - kept_hours * 3_600_000));
            figures.summary.measures.latency_ms.mean = Some(42.4);
            figures.previous.as_mut().unwrap().measures.latency_ms.mean = Some(43.9);
            let tile = tiles(&figures, &scene(&address)).remove(0);
            tile.change.map_or(tile.uncompared, |change| change.amount)
        };
        assert_eq!(told(7 * 24), "no comparison: only 7 days kept");
        assert_eq!(told(0), "no data of last week", "nothing is kept of the window itself");
        assert_eq!(told(7 * 24 + 1), "1.5 ms");
        let mut figures = overview();
        figures.summary.limits = None;
        figures.previous = None;
        let words = |figures| tiles(figures, &scene(&address)).remove(0).uncompared;
        assert_eq!(words(&figures), "no data of last week");
        let mut figures = overview();
        figures.summary.limits = None;
        figures.last_week = Some(Series { step_seconds: 3600.0, ..figures.series.clone() });
        assert_eq!(words(&figures), "no comparison: last week is kept by the hour");
    }

    #[test]
    fn an_empty_period_before_is_nothing_to_compare_with() {
        let mut figures = overview();
        figures.previous.as_mut().unwrap().measures = Measures::default();
        assert!(all(&figures).iter().all(|tile| tile.change.is_none()));
        figures.previous = None;
        assert!(all(&figures).iter().all(|tile| tile.change.is_none()));
    }

    #[test]
    fn a_period_of_which_a_part_could_not_be_read_is_compared_with_nothing() {
        let gap = || vec![Gap { start: NOW, end: NOW, reason: "missing".to_owned() }];
        let spoils: [fn(&mut OverviewFigures, Vec<Gap>); 3] = [
            |figures, gaps| figures.summary.gaps = gaps,
            |figures, gaps| figures.previous.as_mut().unwrap().gaps = gaps,
            |figures, gaps| figures.settled.insert(figures.summary.clone()).gaps = gaps,
        ];
        for spoil in spoils {
            let mut figures = overview();
            spoil(&mut figures, gap());
            for tile in all(&figures) {
                assert_eq!((tile.change, &*tile.uncompared), (None, "no comparison: figures are missing"));
            }
        }
    }

    #[test]
    fn a_step_of_which_a_part_could_not_be_read_is_no_drop_of_what_was_delivered() {
        let mut figures = overview();
        let breaks = |figures: &OverviewFigures, label: &str| match &tile(figures, label).picture {
            Picture::Sparkline { line, .. } => line.matches('M').count(),
            picture => panic!("{picture:?} is no line"),
        };
        assert_eq!(breaks(&figures, "Delivered packets"), 1);
        let start = figures.series.points[20].start;
        figures.series.gaps = vec![Gap { start, end: UnixMillis(start.0 + 1), reason: "missing".to_owned() }];
        assert_eq!((breaks(&figures, "Delivered packets"), breaks(&figures, "Mean latency")), (2, 1));
    }

    #[test]
    fn a_constant_stream_shows_no_change_at_any_second_once_both_periods_are_kept() {
        let mut reference = Reference::new(Settings::default(), NOW);
        let (address, mut compared) = (address("/"), 0);
        for second in 0..900 {
            for (id, fraction_ms) in [("a", 130), ("b", 610)] {
                let taken = UnixMillis(NOW.0 + second * 1000 + fraction_ms);
                let fields = [("packets", "100"), ("loss", "2"), ("latency", "40"), ("antenna_id", id)];
                let mut fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
                fields.push(("timestamp".to_owned(), format!("{:.3}", taken.seconds())));
                reference.take(&Entry { id: EntryId { arrival_ms: taken.0 + 25, number: 0 }, fields });
            }
            let now = UnixMillis(NOW.0 + second * 1000 + 700);
            reference.merge(now, Stages::default());
            let ask = |end| {
                let length = Some(Span::from_ms(300_000));
                reference.ask(&SummaryRequest { window: WindowRequest { length, end } }, now).unwrap()
            };
            let scene = Scene { address: &address, now, limits: CONTRACT_LIMITS, quiet: None };
            let summary = ask(End::Watermark);
            let settled = scene.settled(summary.window.end, summary.as_of);
            let previous = Some(ask(End::At(UnixMillis(settled.0 - 300_000))));
            let figures = OverviewFigures { summary, settled: Some(ask(End::At(settled))), previous, ..overview() };
            for tile in tiles(&figures, &scene) {
                compared += usize::from(tile.change.is_some());
                match tile.change {
                    Some(change) => assert_eq!(change.amount, "", "{} after {second} s", tile.label),
                    None => assert!(tile.uncompared.starts_with("no comparison: only "), "{}", tile.uncompared),
                }
            }
        }
        assert!((4 * 280..=4 * 290).contains(&compared), "{compared}: from ten minutes and a few panes on");
    }

    #[test]
    fn unknown_is_a_dash_and_never_zero() {
        let mut figures = overview();
        figures.summary.measures = Measures::default();
        for tile in &all(&figures)[..3] {
            assert_eq!(tile.value, "–", "{}", tile.label);
        }
    }

    #[test]
    fn shares_of_statuses_fill_the_whole() {
        let Picture::Statuses(shares) = tile(&overview(), "Antennas reporting").picture else {
            panic!("it has statuses")
        };
        let last = shares.last().unwrap();
        assert!((last.start + last.share - 1.0).abs() < 1e-9);
        assert_eq!(shares.iter().map(|share| share.count).sum::<u64>(), 24);
    }

    #[test]
    fn what_only_looks_healthy_has_a_share_of_its_own() {
        let mut figures = overview();
        figures.summary.antennas = AntennaCounts {
            active: 24,
            healthy: 24,
            flapping: 3,
            unavailable: 1,
            unsettled: 3,
            ..AntennaCounts::default()
        };
        let Picture::Statuses(shares) = tile(&figures, "Antennas reporting").picture else { panic!("it has statuses") };
        let told: Vec<&str> = shares.iter().map(|share| &*share.words).collect();
        assert_eq!(told, ["21 healthy", "1 mostly unavailable", "2 flapping"]);
    }

    #[test]
    fn a_share_of_statuses_leads_to_its_antennas_over_the_same_range() {
        let Picture::Statuses(shares) = tile(&overview(), "Antennas reporting").picture else {
            panic!("it has statuses")
        };
        for share in shares {
            let address = read(&share.href).unwrap();
            assert_eq!(address.query.range.window, 900);
            let Page::Antennas(fleet) = address.query.page else { panic!("{} is not the fleet", share.href) };
            let filter = if share.status == "unavailable" { "healthy" } else { share.status };
            assert_eq!(fleet.filter.map(Filter::as_str), Some(filter));
        }
    }

    #[test]
    fn an_antenna_is_compared_with_itself_before() {
        let mut figures = antenna("airport-west");
        figures.antenna.measures.packets_delivered = 130_000;
        figures.previous.as_mut().unwrap().measures.packets_delivered = 100_000;
        let address = address("/antenna?id=airport-west");
        let tiles = antenna_tiles(&figures, &scene(&address));
        assert_eq!(
            tiles.iter().map(|tile| tile.label).collect::<Vec<_>>(),
            ["Mean latency", "Delivered packets", "Success rate", "Availability"]
        );
        let change = tiles[1].change.clone().unwrap();
        assert_eq!((change.rises, &*change.amount, change.judgement), (true, "30\u{202f}k", Judgement::Better));
        figures.antenna.availability = Some(0.4);
        (figures.settled, figures.previous.as_mut().unwrap().availability) = (None, Some(0.9));
        let available = antenna_tiles(&figures, &scene(&address)).remove(3);
        let change = available.change.clone().unwrap();
        assert_eq!((&*available.value, &*change.amount, change.judgement), ("40.00", "50.00 pp", Judgement::Worse));
        assert_eq!(available.picture, Picture::Share(Some(0.4)));
        figures.antenna.availability = None;
        let unknown = antenna_tiles(&figures, &scene(&address)).remove(3);
        assert_eq!((&*unknown.value, unknown.change, unknown.picture), ("–", None, Picture::Share(None)));
        figures.previous = None;
        assert!(antenna_tiles(&figures, &scene(&address)).iter().all(|tile| tile.change.is_none()));
    }
}
