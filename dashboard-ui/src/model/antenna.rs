//! One antenna: its status, its latency as a smoke chart, its recent readings and incidents.

use shared::api::{AntennaRow, History, Label, Status};

use super::charts::{Charts, antenna_charts};
use super::heat::strip;
use super::incidents::incident_row;
use super::maintenance::{MaintenanceRow, maintenance_of, plan_href};
use super::quiet::{MuteRow, mute_href, mutes_of};
use super::rows::{flapping, last_seen, reading_row, site_href};
use super::tiles::{Tile, antenna_tiles};
use super::{Condition, Frame, IncidentRow, Level, Moment, ReadingRow, Scene, State, Strip};
use crate::figures::AntennaFigures;
use crate::language::Language;
use crate::query::{Fleet, Incidents, Page};

/// One antenna.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AntennaScreen {
    pub(crate) frame: Frame,
    /// As reported by analytics: any text of up to 253 bytes.
    pub(crate) id: String,
    /// What it is: its name, its site and its labels.
    pub(crate) about: Vec<About>,
    /// Unknown while analytics does not answer; the status is then the last known one.
    pub(crate) level: Level,
    /// As a CSS class.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// That it flaps, where its status says something else.
    pub(crate) flapping: Option<String>,
    /// How often trouble began and ended, in words; `None` if it did not, or if that is not known.
    pub(crate) changes: Option<String>,
    /// How long ago its newest reading arrived, and when; `None` if none is kept.
    pub(crate) last_seen: Option<(String, Moment)>,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) strip: Strip,
    /// Latency as a smoke chart, loss as bars.
    pub(crate) charts: Charts,
    /// Newest first; `None` if analytics does not report them.
    pub(crate) readings: Option<Vec<ReadingRow>>,
    /// Newest first, with the address of all; `None` if analytics keeps none.
    pub(crate) incidents: Option<(Vec<IncidentRow>, String)>,
    /// Until when nobody is told of it, and why: what ends first in front.
    pub(crate) mutes: Vec<MuteRow>,
    /// The maintenance that it is in.
    pub(crate) maintenance: Vec<MaintenanceRow>,
    /// Where the antenna is muted; `None` for who may not do that.
    pub(crate) mute: Option<String>,
    /// Where its maintenance is planned; `None` for who may not do that.
    pub(crate) plan: Option<String>,
    /// The period that changes refer to, in words.
    pub(crate) against: String,
    /// How many steps late readings have revised.
    pub(crate) revised: usize,
}

/// Something that is said of an antenna.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) text: String,
    /// The address of the site, or of the list of antennas of which the same is said.
    pub(crate) href: Option<String>,
}

pub(super) fn antenna_screen(figures: &AntennaFigures, frame: Frame, scene: &Scene<'_>) -> AntennaScreen {
    let (row, language) = (&figures.antenna, scene.language());
    let scene = &scene.of_antenna(row);
    let all = Page::Incidents(Incidents { search: row.antenna_id.clone(), ..Incidents::default() });
    let all = scene.address.with_page(all).href();
    AntennaScreen {
        id: row.antenna_id.clone(),
        about: about(row, scene),
        level: match State::of(row) {
            _ if matches!(frame.condition, Condition::Away | Condition::BrokerAway) => Level::Unknown,
            State::Status(Status::Healthy) => Level::Good,
            State::Status(Status::Unseen) => Level::Unknown,
            State::Status(Status::Degraded | Status::Silent) | State::Unavailable | State::Flapping => Level::Warning,
            State::Status(Status::Down) => Level::Bad,
        },
        status: State::of(row).class(),
        status_label: State::of(row).label(language),
        flapping: flapping(row, language),
        changes: row.changes.filter(|changes| *changes > 0).map(|changes| changes_in_words(changes, language)),
        last_seen: last_seen(row, scene),
        tiles: antenna_tiles(figures, scene),
        strip: strip(Some(&history(figures)), scene),
        charts: antenna_charts(&figures.series, figures.last_week.as_ref(), scene),
        readings: figures
            .readings
            .as_ref()
            .map(|recent| recent.readings.iter().map(|reading| reading_row(reading, scene)).collect()),
        incidents: figures
            .incidents
            .as_ref()
            .map(|page| (page.incidents.iter().map(|incident| incident_row(incident, scene)).collect(), all)),
        mutes: mutes_of(&row.antenna_id, scene),
        maintenance: maintenance_of(&row.antenna_id, scene),
        mute: mute_href(&row.antenna_id, scene.address.manner),
        plan: plan_href(&row.antenna_id, scene.address.manner),
        against: scene.against(),
        revised: figures.series.points.iter().filter(|point| point.revised).count(),
        frame,
    }
}

/// Its name, its site, and its labels by key.
fn about(row: &AntennaRow, scene: &Scene<'_>) -> Vec<About> {
    let said = &row.about;
    let alike = |fleet: Fleet| Some(scene.address.with_page(Page::Antennas(fleet)).href());
    let name = said.name.iter().map(|name| About { text: name.clone(), href: None });
    let site = said.site.iter().map(|site| About {
        text: format!("{} {site}", scene.text("site", "emplazamiento")),
        href: Some(site_href(site.clone(), scene)),
    });
    let labels = said.labels.iter().map(|(key, value)| {
        let label = Label { key: key.clone(), value: value.clone() };
        About { text: format!("{key}: {value}"), href: alike(Fleet { label: Some(label), ..Fleet::default() }) }
    });
    name.chain(site).chain(labels).collect()
}

/// How often trouble began and ended: `6 changes in the range`.
fn changes_in_words(changes: u64, language: Language) -> String {
    let changes = language.plural(changes, ["change", "changes"], ["cambio", "cambios"]);
    format!("{changes} {}", language.text("in the range", "en el intervalo"))
}

/// The series as a history, so that the strip has the same steps as the charts.
fn history(figures: &AntennaFigures) -> History {
    let points = &figures.series.points;
    History {
        readings: points.iter().map(|point| point.measures.readings).collect(),
        packets_sent: points.iter().map(|point| point.measures.packets_sent).collect(),
        packets_lost: points.iter().map(|point| point.measures.packets_lost).collect(),
        latency_mean_ms: points.iter().map(|point| point.measures.latency_ms.mean).collect(),
        worst_status: points.iter().map(|point| point.worst_status).collect(),
    }
}

#[cfg(test)]
mod tests {
    use shared::api::Measures;

    use super::*;
    use crate::model::Chart;
    use crate::model::tests::{NOW, address, antenna, scene};
    use crate::query::Address;
    use crate::query::tests::read;

    fn shown_at(figures: &AntennaFigures, address: &Address, is_away: bool) -> AntennaScreen {
        let scene = scene(address);
        antenna_screen(figures, Frame::new(&scene, Some(NOW), &figures.summary, is_away), &scene)
    }

    fn shown(figures: &AntennaFigures) -> AntennaScreen {
        shown_at(figures, &address("/antenna?id=airport-west"), false)
    }

    #[test]
    fn each_status_has_its_level_and_none_is_good_while_analytics_is_away() {
        let mut figures = antenna("airport-west");
        for (status, level, label) in [
            (Status::Healthy, Level::Good, "Healthy"),
            (Status::Degraded, Level::Warning, "Degraded"),
            (Status::Silent, Level::Warning, "Silent"),
            (Status::Down, Level::Bad, "Down"),
        ] {
            figures.antenna.status = status;
            let screen = shown(&figures);
            assert_eq!((screen.level, screen.status, screen.status_label), (level, status.as_str(), label));
            let away = shown_at(&figures, &address("/antenna?id=airport-west"), true);
            assert_eq!((away.level, away.status_label), (Level::Unknown, label));
        }
    }

    #[test]
    fn an_antenna_that_flaps_or_was_mostly_unavailable_is_not_told_healthy() {
        let mut figures = antenna("airport-west");
        figures.antenna.status = Status::Healthy;
        (figures.antenna.flapping, figures.antenna.changes) = (true, Some(8));
        let screen = shown(&figures);
        assert_eq!((screen.level, screen.status, screen.status_label), (Level::Warning, "flapping", "Flapping"));
        assert_eq!((screen.changes.as_deref(), screen.flapping), (Some("8 changes in the range"), None));
        figures.antenna.availability = Some(0.4);
        let screen = shown(&figures);
        assert_eq!((screen.level, screen.status_label), (Level::Warning, "Mostly unavailable"));
        assert_eq!(screen.flapping.as_deref(), Some("flapping"));
        figures.antenna.status = Status::Down;
        let screen = shown(&figures);
        assert_eq!(
            (screen.level, screen.status_label, screen.flapping.as_deref()),
            (Level::Bad, "Down", Some("flapping"))
        );
        (figures.antenna.status, figures.antenna.flapping) = (Status::Healthy, false);
        figures.antenna.availability = None;
        assert_eq!(shown(&figures).status_label, "Healthy", "nothing is said of it");
    }

    #[test]
    fn the_strip_is_of_the_steps_that_the_charts_draw() {
        let mut figures = antenna("airport-west");
        figures.series.points[59].measures = Measures::default();
        let all_lost = Measures { readings: 1, packets_sent: 9, packets_lost: 9, ..Measures::default() };
        figures.series.points[7].measures = all_lost;
        let screen = shown(&figures);
        assert_eq!((screen.strip.width, screen.charts.rows.len()), (60, 60));
        let down = screen.strip.bars.iter().find(|(class, _)| *class == "heat-down").unwrap();
        assert!(down.1.starts_with("M7.14 ") && down.1.matches('M').count() == 1);
        assert!(screen.strip.description.contains("1 down, 1 without data"), "{}", screen.strip.description);
        let bars: usize = screen.strip.bars.iter().map(|(_, path)| path.matches('M').count()).sum();
        assert_eq!(bars, 59, "a step without readings has none");
    }

    /// What is drawn is what its status goes by: thresholds of its own where it has some, of which each may be said alone.
    #[test]
    fn the_charts_and_the_strip_go_by_the_thresholds_that_hold_for_the_antenna() {
        let mut figures = antenna("airport-west");
        for point in &mut figures.series.points {
            point.measures = Measures { readings: 1, packets_sent: 100, packets_lost: 10, ..Measures::default() };
            (point.measures.packets_delivered, point.measures.success_rate) = (90, Some(0.9));
            (point.measures.latency_ms.mean, point.measures.latency_ms.p50) = (Some(300.0), Some(300.0));
        }
        let drawn = |rate: Option<f64>, latency_ms: Option<f64>| {
            let mut figures = figures.clone();
            (figures.antenna.degraded_success_rate, figures.antenna.degraded_latency_ms) = (rate, latency_ms);
            let AntennaScreen { strip, charts, .. } = shown(&figures);
            let threshold = |chart: &Chart| chart.legend.iter().find(|(class, _)| *class == "line-threshold").cloned();
            let words = [&charts.latency, &charts.loss].map(|chart| threshold(chart).map(|(_, words)| words));
            let is_above = charts.loss.paths.iter().any(|(class, path)| *class == "high" && !path.is_empty());
            (words.map(Option::unwrap_or_default), is_above, strip.bars.first().map(|(class, _)| *class))
        };
        let words = |latency: &str, loss: &str| [latency, loss].map(|it| it.replace(' ', "\u{202f}"));
        let told = |[latency, loss]: [String; 2]| [format!("threshold {latency}"), format!("threshold {loss}")];
        assert_eq!(drawn(None, None), (told(words("250 ms", "5 %")), true, Some("heat-degraded")));
        assert_eq!(drawn(Some(0.85), None), (told(words("250 ms", "15 %")), false, Some("heat-degraded")));
        assert_eq!(drawn(Some(0.85), Some(400.0)), (told(words("400 ms", "15 %")), false, Some("heat-fair")));
        assert_eq!(drawn(None, Some(400.0)), (told(words("400 ms", "5 %")), true, Some("heat-degraded")));
    }

    #[test]
    fn revised_steps_are_counted() {
        let mut figures = antenna("airport-west");
        for (step, point) in figures.series.points.iter_mut().enumerate() {
            point.revised = step % 20 == 0;
        }
        assert_eq!(shown(&figures).revised, 3);
    }

    #[test]
    fn all_of_its_incidents_are_those_that_are_found_by_its_id() {
        let mut figures = antenna("airport-west");
        for id in ["a/b&c=d#e", "\u{202e}gpj", &"w".repeat(253)] {
            figures.antenna.antenna_id = id.to_owned();
            let (rows, all) = shown(&figures).incidents.unwrap();
            assert_eq!(rows.len(), figures.incidents.as_ref().unwrap().incidents.len());
            let Page::Incidents(incidents) = read(&all).unwrap().query.page else { panic!("{all}") };
            assert_eq!(incidents, Incidents { search: id.to_owned(), ..Incidents::default() });
        }
    }

    #[test]
    fn what_analytics_does_not_tell_is_left_out() {
        let mut figures = antenna("airport-west");
        assert_eq!(shown(&figures).readings.unwrap().len(), 30);
        (figures.readings, figures.incidents, figures.previous) = (None, None, None);
        let screen = shown(&figures);
        assert_eq!((screen.readings, screen.incidents), (None, None));
        assert!(screen.tiles.iter().all(|tile| tile.change.is_none()));
    }

    #[test]
    fn the_file_is_of_the_same_antenna_and_range() {
        let address = address("/antenna?id=airport-west&window=15m&lang=es");
        let screen = shown_at(&antenna("airport-west"), &address, false);
        assert_eq!(screen.charts.csv, "/csv/antenna?id=airport-west&window=15m&lang=es");
        assert_eq!(screen.against, "frente a los 15 min anteriores");
    }

    #[test]
    fn what_an_antenna_is_leads_to_those_of_which_the_same_is_said() {
        let mut figures = antenna("airport-west");
        let address = address("/antenna?id=airport-west&window=15m");
        figures.antenna.about = shared::api::About::default();
        assert_eq!(shown_at(&figures, &address, false).about, []);
        let said = &mut figures.antenna.about;
        (said.name, said.site) = (Some("Airport".to_owned()), Some("a&b".to_owned()));
        said.labels = [("ring".to_owned(), "2:x".to_owned())].into();
        let about = shown_at(&figures, &address, false).about;
        assert_eq!(about.iter().map(|it| &*it.text).collect::<Vec<_>>(), ["Airport", "site a&b", "ring: 2:x"]);
        let asked = |at: usize| read(about[at].href.as_deref().unwrap()).unwrap().query.page;
        assert_eq!(asked(1), Page::Site(Fleet { site: "a&b".to_owned(), ..Fleet::default() }));
        let label = Label { key: "ring".to_owned(), value: "2:x".to_owned() };
        assert_eq!(asked(2), Page::Antennas(Fleet { label: Some(label), ..Fleet::default() }));
    }
}
