//! The four tiles: a figure with its unit, its trend, and its change from the previous period.

use shared::api::{AntennaCounts, Latency, Measures, Point, Status};

use super::Scene;
use super::rows::status_word;
use crate::figures::{AntennaFigures, OverviewFigures};
use crate::format;
use crate::language::Language;
use crate::plot::{self, Scale};
use crate::query::{Fleet, Page};

/// A change in volume smaller than this share is neither good nor bad: the last pane of a live window is still filling up,
/// which alone accounts for nearly as much.
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
    pub(crate) picture: Picture,
}

/// The change of a figure from the previous period.
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
}

/// Antennas of one status among all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusShare {
    /// As a CSS class.
    pub(crate) status: &'static str,
    /// How many, in words.
    pub(crate) words: String,
    /// The antennas of this status.
    pub(crate) href: String,
    pub(crate) count: u64,
    pub(crate) start: f64,
    pub(crate) share: f64,
}

pub(super) fn tiles(figures: &OverviewFigures, scene: &Scene<'_>) -> Vec<Tile> {
    let OverviewFigures { summary, previous, series, .. } = figures;
    // A period without a reading is not a period of zeros.
    let previous = previous.as_ref().filter(|previous| previous.measures.readings > 0);
    let before = previous.map(|previous| &previous.measures);
    vec![
        latency_tile(&summary.measures.latency_ms, before, &series.points, scene),
        delivered_tile(&summary.measures, before, &series.points, scene),
        success_tile(summary.measures.success_rate, before, &series.points, scene),
        antennas_tile(&summary.antennas, previous.map(|previous| &previous.antennas), scene),
    ]
}

pub(super) fn antenna_tiles(figures: &AntennaFigures, scene: &Scene<'_>) -> Vec<Tile> {
    let (measures, points) = (&figures.antenna.measures, &figures.series.points);
    let previous = figures.previous.as_ref().filter(|previous| previous.measures.readings > 0);
    let before = previous.map(|previous| &previous.measures);
    vec![
        latency_tile(&measures.latency_ms, before, points, scene),
        delivered_tile(measures, before, points, scene),
        success_tile(measures.success_rate, before, points, scene),
    ]
}

fn latency_tile(latency: &Latency, before: Option<&Measures>, points: &[Point], scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    let course = course(points, |measures| measures.latency_ms.mean);
    let least = latency.mean.unwrap_or_default() * 0.1;
    Tile {
        label: language.text("Mean latency", "Latencia media"),
        value: latency.mean.map_or_else(unknown, |mean| language.milliseconds(mean)),
        unit: "ms".to_owned(),
        aside: Some(format!("p95 {}", language.latency(latency.p95))),
        change: difference(before.and_then(|before| before.latency_ms.mean), latency.mean).map(|difference| {
            let amount = format!("{} ms", language.milliseconds(difference.abs()));
            change(difference, difference.abs() >= 0.05, amount, Judgement::Worse)
        }),
        picture: sparkline(&course, least),
    }
}

fn delivered_tile(measures: &Measures, before: Option<&Measures>, points: &[Point], scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    // The last step is still filling up and would look like a drop.
    let complete = &points[..points.len().saturating_sub(1)];
    let course = course(complete, |measures| (measures.readings > 0).then_some(measures.packets_delivered as f64));
    let is_known = measures.readings > 0;
    let least = measures.packets_delivered as f64 / complete.len().max(1) as f64 * 0.1;
    Tile {
        label: language.text("Delivered packets", "Paquetes entregados"),
        value: if is_known { format::count(measures.packets_delivered) } else { unknown() },
        unit: String::new(),
        aside: Some({
            let sent = if is_known { language.rough_count(measures.packets_sent) } else { unknown() };
            match language {
                Language::English => format!("of {sent} sent"),
                Language::Spanish => format!("de {sent} enviados"),
            }
        }),
        change: before.filter(|_| is_known).map(|before| {
            let (now, then) = (measures.packets_delivered, before.packets_delivered);
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

fn success_tile(rate: Option<f64>, before: Option<&Measures>, points: &[Point], scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    let course = course(points, |measures| measures.success_rate);
    Tile {
        label: language.text("Success rate", "Tasa de éxito"),
        value: rate.map_or_else(unknown, |rate| language.percent_number(rate)),
        unit: "%".to_owned(),
        aside: None,
        change: difference(before.and_then(|before| before.success_rate), rate).map(|difference| {
            let points = difference.abs() * 100.0;
            change(difference, points >= 0.005, format!("{} pp", language.fixed(points, 2)), Judgement::Better)
        }),
        picture: sparkline(&course, 0.01),
    }
}

fn antennas_tile(counts: &AntennaCounts, before: Option<&AntennaCounts>, scene: &Scene<'_>) -> Tile {
    let language = scene.language();
    let total = counts.total();
    let mut start = 0.0;
    // Most are healthy, so these come first and the worse ones at the end.
    let shares = [Status::Healthy, Status::Degraded, Status::Down, Status::Silent].into_iter();
    let shares =
        shares.map(|status| (status, counts.of(status))).filter(|(_, count)| *count > 0).map(|(status, count)| {
            let share = count as f64 / total as f64;
            start += share;
            let words = status_word(status, count, language);
            let fleet = Fleet { status: Some(status), ..Fleet::default() };
            StatusShare {
                status: status.as_str(),
                words: format!("{} {words}", format::count(count)),
                href: scene.address.with_page(Page::Antennas(fleet)).href(),
                count,
                start: start - share,
                share,
            }
        });
    Tile {
        label: language.text("Active antennas", "Antenas activas"),
        value: format::count(counts.active),
        unit: format!("{} {}", language.text("of", "de"), format::count(total)),
        aside: None,
        change: before.map(|before| {
            let (now, then) = (counts.active, before.active);
            change(now as f64 - then as f64, now != then, format::count(now.abs_diff(then)), Judgement::Better)
        }),
        picture: Picture::Statuses(shares.collect()),
    }
}

fn unknown() -> String {
    format::UNKNOWN.to_owned()
}

fn difference(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    Some(now? - before?)
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
    use super::*;
    use crate::model::tests::{address, antenna, overview, scene};
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
        assert_eq!(tile.aside.as_deref(), Some("p95 78.2\u{202f}ms"));
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
    fn an_empty_period_before_is_nothing_to_compare_with() {
        let mut figures = overview();
        figures.previous.as_mut().unwrap().measures = Measures::default();
        assert!(all(&figures).iter().all(|tile| tile.change.is_none()));
        figures.previous = None;
        assert!(all(&figures).iter().all(|tile| tile.change.is_none()));
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
        let Picture::Statuses(shares) = tile(&overview(), "Active antennas").picture else { panic!("it has statuses") };
        let last = shares.last().unwrap();
        assert!((last.start + last.share - 1.0).abs() < 1e-9);
        assert_eq!(shares.iter().map(|share| share.count).sum::<u64>(), 24);
    }

    #[test]
    fn a_share_of_statuses_leads_to_its_antennas_over_the_same_range() {
        let Picture::Statuses(shares) = tile(&overview(), "Active antennas").picture else { panic!("it has statuses") };
        for share in shares {
            let address = read(&share.href).unwrap();
            assert_eq!(address.query.range.window, 900);
            let Page::Antennas(fleet) = address.query.page else { panic!("{} is not the fleet", share.href) };
            assert_eq!(fleet.status.map(Status::as_str), Some(share.status));
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
            ["Mean latency", "Delivered packets", "Success rate"]
        );
        let change = tiles[1].change.clone().unwrap();
        assert_eq!((change.rises, &*change.amount, change.judgement), (true, "30\u{202f}k", Judgement::Better));
        figures.previous = None;
        assert!(antenna_tiles(&figures, &scene(&address)).iter().all(|tile| tile.change.is_none()));
    }
}
