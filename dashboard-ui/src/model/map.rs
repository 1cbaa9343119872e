//! The map: where antennas stand, those that are close to each other together, and the links that lead around it.

use shared::api::{AntennaCounts, AntennaMap, MapMark, Status};

use super::fleet::{PlaceForm, filters};
use super::heat::antenna_href;
use super::rows::{counts_in_words, site_href};
use super::{Choice, Frame, Scene, State, hidden};
use crate::figures::MapFigures;
use crate::format::{self, without_directions};
use crate::language::Language;
use crate::projection::Sheet;
use crate::query::{Map, Page};

/// Beside the outermost antennas there is this share of the stretch that they take.
const MARGIN: f64 = 0.1;

/// How far a step leads, as a share of what is shown.
const STEP: f64 = 0.5;

/// The map, and what it is narrowed to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapScreen {
    pub(crate) frame: Frame,
    /// The search text.
    pub(crate) search: String,
    /// The hidden fields of the search form.
    pub(crate) hidden: Vec<(String, String)>,
    /// The form of site and label.
    pub(crate) place: PlaceForm,
    /// All, and each status.
    pub(crate) filters: Vec<Choice>,
    /// How many antennas match, and how many of them are not here, in words.
    pub(crate) found: String,
    /// The address without search and filters; `None` if none is set.
    pub(crate) clear: Option<String>,
    /// `None` if analytics does not know where antennas are, or of no antenna.
    pub(crate) map: Option<PlaceMap>,
    /// The links that lead closer, further away and beside.
    pub(crate) moves: Vec<Move>,
    /// The address of the same as a file.
    pub(crate) csv: String,
}

/// Antennas on a map. Places on it are percentages of its width or its height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceMap {
    /// The lines of longitude: how far from the left, and what it is called.
    pub(crate) meridians: Vec<(String, String)>,
    /// The lines of latitude: how far from the top, and what it is called.
    pub(crate) parallels: Vec<(String, String)>,
    /// The marks, worst first.
    pub(crate) marks: Vec<Mark>,
    /// Whether some stand for several antennas.
    pub(crate) is_clustered: bool,
    /// What the shapes of marks mean that are there: the class, and the state.
    pub(crate) legend: Vec<(&'static str, &'static str)>,
    /// The map in words.
    pub(crate) description: String,
}

/// An antenna, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How far from the left, and from the top.
    pub(crate) at: (String, String),
    /// As a CSS class.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// The antenna's id, or how many it stands for.
    pub(crate) text: String,
    /// How many it stands for, in few digits; `None` for one.
    pub(crate) number: Option<String>,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// Its site, with the address of the site's page.
    pub(crate) site: Option<(String, String)>,
    /// The antenna's page, the map of those that it stands for, or where they are too close to each other, their list.
    pub(crate) href: String,
    /// The mark in words.
    pub(crate) words: String,
    /// Where it is, in degrees.
    pub(crate) position: String,
}

/// A link that leads to another stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) sign: &'static str,
    pub(crate) label: &'static str,
    /// `None` where it leads no further.
    pub(crate) href: Option<String>,
}

pub(super) fn map_screen(figures: &MapFigures, frame: Frame, scene: &Scene<'_>) -> MapScreen {
    let default = Map::default();
    let asked = match &scene.address.query.page {
        Page::Map(asked) => asked,
        _ => &default,
    };
    let href = |asked: Map| scene.address.with_page(Page::Map(asked)).href();
    let is_narrowed =
        !asked.search.is_empty() || asked.filter.is_some() || !asked.site.is_empty() || asked.label.is_some();
    let sheet = figures.map.as_ref().and_then(|map| sheet(map, asked));
    MapScreen {
        search: asked.search.clone(),
        hidden: hidden(scene.address, &["q"]),
        place: PlaceForm::new(&asked.site, asked.label.as_ref(), scene.address),
        filters: filters(&figures.summary.antennas, asked.filter, scene, |filter| {
            href(Map { filter, ..asked.clone() })
        }),
        found: figures.map.as_ref().map_or_else(String::new, |map| found(map, scene.language())),
        clear: is_narrowed.then(|| href(Map { within: asked.within, ..Map::default() })),
        map: figures.map.as_ref().zip(sheet).map(|(map, sheet)| place_map(map, sheet, asked, scene)),
        moves: sheet.map_or_else(Vec::new, |sheet| moves(sheet, asked, scene)),
        csv: scene.address.csv_href(),
        frame,
    }
}

/// The antennas of a site on a map of their own.
pub(super) fn map_of_site(map: &AntennaMap, site: &str, scene: &Scene<'_>) -> Option<(PlaceMap, String)> {
    let asked = Map { site: site.to_owned(), ..Map::default() };
    let href = scene.address.with_page(Page::Map(asked.clone())).href();
    sheet(map, &asked).map(|sheet| (place_map(map, sheet, &asked, scene), href))
}

/// What is shown: what is asked for, or all that there is.
fn sheet(map: &AntennaMap, asked: &Map) -> Option<Sheet> {
    let all = || map.bounds.map(|bounds| Sheet::around(bounds, MARGIN));
    asked.within.map(Sheet::of_box).or_else(all)
}

/// `24 antennas, 3 beyond the edges, 1 without a position`.
fn found(map: &AntennaMap, language: Language) -> String {
    let beyond = map.placed.saturating_sub(map.shown);
    let nowhere = map.total.saturating_sub(map.placed);
    let beyond = (beyond > 0)
        .then(|| format!("{} {}", format::count(beyond), language.text("beyond the edges", "más allá de los bordes")));
    let nowhere = (nowhere > 0)
        .then(|| format!("{} {}", format::count(nowhere), language.text("without a position", "sin posición")));
    let parts = std::iter::once(language.antennas(map.total)).chain(beyond).chain(nowhere);
    parts.collect::<Vec<_>>().join(", ")
}

fn place_map(map: &AntennaMap, sheet: Sheet, asked: &Map, scene: &Scene<'_>) -> PlaceMap {
    let language = scene.language();
    let (meridians, parallels) = (sheet.meridians(), sheet.parallels());
    let line = |(at, degrees): (f64, f64), digits, is_latitude| {
        (percent(at), format::degrees(degrees, digits, is_latitude, language))
    };
    let marks: Vec<Mark> = map.marks.iter().map(|it| mark(it, sheet, asked, scene)).collect();
    let states = Status::ALL.map(State::Status).into_iter().chain(State::UNSETTLED);
    let is_there = |state: &State| marks.iter().any(|mark| mark.status == state.class());
    let antennas = language.antennas(map.shown);
    PlaceMap {
        meridians: meridians.0.into_iter().map(|it| line(it, meridians.1, false)).collect(),
        parallels: parallels.0.into_iter().map(|it| line(it, parallels.1, true)).collect(),
        is_clustered: map.is_clustered,
        legend: states.filter(is_there).map(|state| (state.class(), state.label(language))).collect(),
        description: match language {
            Language::English => format!("Map of {antennas}. The table below says the same."),
            Language::Spanish => format!("Mapa de {antennas}. La tabla de abajo dice lo mismo."),
        },
        marks,
    }
}

fn mark(mark: &MapMark, sheet: Sheet, asked: &Map, scene: &Scene<'_>) -> Mark {
    let language = scene.language();
    let (state, number) = (State::of_group(mark.status, &mark.antennas), members(&mark.antennas));
    let (x, y) = sheet.place(mark.latitude, mark.longitude);
    let status_label = state.label(language);
    let closer = || {
        // A map of those alone; where that is no smaller, they stand on one spot.
        let closer = Sheet::around(mark.bounds, MARGIN).to_box().filter(|_| !sheet.is_smallest());
        let page = match closer {
            Some(within) => Page::Map(Map { within: Some(within), ..asked.clone() }),
            None => Page::Antennas(asked.fleet()),
        };
        scene.address.with_page(page).href() + if closer.is_some() { "#map" } else { "" }
    };
    let (text, words, href) = match &mark.antenna_id {
        Some(id) => {
            let name = mark.name.iter().map(|name| format!(" ({})", without_directions(name))).collect::<String>();
            (id.clone(), format!("{}{name}: {status_label}", without_directions(id)), antenna_href(id, scene))
        }
        None => {
            let states = Status::ALL.map(State::Status).into_iter().chain(State::UNSETTLED).collect::<Vec<_>>();
            let counts = counts_in_words(&mark.antennas, &states, language).join(", ");
            let antennas = language.antennas(number);
            (antennas.clone(), format!("{antennas}: {counts}"), closer())
        }
    };
    let position = [(mark.latitude, true), (mark.longitude, false)]
        .map(|(degrees, is_latitude)| format::degrees(degrees, 4, is_latitude, language));
    Mark {
        at: (percent(x), percent(y)),
        status: state.class(),
        status_label,
        text,
        number: mark.antenna_id.is_none().then(|| language.rough_count(number)),
        name: mark.name.clone(),
        site: mark.site.clone().map(|site| (site.clone(), site_href(site, scene))),
        href,
        words,
        position: position.join(" "),
    }
}

/// How many antennas there are, those included that have not been seen.
const fn members(counts: &AntennaCounts) -> u64 {
    counts.total() + counts.unseen
}

fn moves(sheet: Sheet, asked: &Map, scene: &Scene<'_>) -> Vec<Move> {
    let language = scene.language();
    let href = |within| format!("{}#map", scene.address.with_page(Page::Map(Map { within, ..asked.clone() })).href());
    let to = |sheet: Sheet| sheet.to_box().map(|within| href(Some(within)));
    let beside = |east, north| to(sheet.moved(east * STEP, north * STEP)).filter(|_| !sheet.is_largest());
    let step = |sign, label, href| Move { sign, label, href };
    vec![
        step("+", language.text("Closer", "Acercar"), to(sheet.zoomed(STEP)).filter(|_| !sheet.is_smallest())),
        step(
            "−",
            language.text("Further away", "Alejar"),
            to(sheet.zoomed(1.0 / STEP)).filter(|_| !sheet.is_largest()),
        ),
        step("←", language.text("West", "Oeste"), beside(-1.0, 0.0)),
        step("→", language.text("East", "Este"), beside(1.0, 0.0)),
        step("↑", language.text("North", "Norte"), beside(0.0, 1.0)),
        step("↓", language.text("South", "Sur"), beside(0.0, -1.0)),
        step("⤢", language.text("Everything", "Todo"), asked.within.map(|_| href(None))),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use shared::api::{Label, MAX_MARKS, MapBounds, MapBox};

    use super::*;
    use crate::figures::Figures;
    use crate::mock::Mock;
    use crate::model::tests::{NOW, address, address_in, figures, figures_of, scene};
    use crate::query::tests::read;
    use crate::query::{Address, Filter};

    fn of(figures: Figures) -> MapFigures {
        let Figures::Map(figures) = figures else { panic!("it is the map") };
        *figures
    }

    fn shown_of(figures: &MapFigures, address: &Address) -> MapScreen {
        let scene = scene(address);
        map_screen(figures, Frame::new(&scene, Some(NOW), &figures.summary, false), &scene)
    }

    fn shown(address: &Address) -> MapScreen {
        shown_of(&of(figures(address)), address)
    }

    fn asked(href: &str) -> Map {
        match read(href.split('#').next().unwrap()).unwrap().query.page {
            Page::Map(map) => map,
            page => panic!("{page:?} is not the map"),
        }
    }

    fn share(percent: &str) -> f64 {
        percent.strip_suffix('%').unwrap().parse::<f64>().unwrap() / 100.0
    }

    #[test]
    fn every_antenna_with_a_position_is_a_mark_within_the_margins_that_leads_to_it() {
        let screen = shown(&address("/map?window=15m&lang=es"));
        let map = screen.map.unwrap();
        assert_eq!((map.marks.len(), &*screen.found), (23, "24 antenas, 1 sin posición"));
        for mark in &map.marks {
            let (x, y) = (share(&mark.at.0), share(&mark.at.1));
            assert!((0.05..=0.95).contains(&x) && (0.05..=0.95).contains(&y), "{mark:?}");
            let there = read(&mark.href).unwrap();
            assert_eq!(there.query.page, Page::Antenna { id: mark.text.clone() });
            assert!(mark.words.contains(&mark.text) && mark.words.contains(mark.status_label), "{mark:?}");
        }
        assert_eq!(map.marks[0].status, "down", "worst first");
        assert!(map.legend.contains(&("down", "Caída")) && !map.legend.iter().any(|(class, _)| *class == "unseen"));
    }

    #[test]
    fn north_is_up_and_east_is_right() {
        let map = shown(&address("/map")).map.unwrap();
        let at = |id: &str| map.marks.iter().find(|mark| mark.text == id).unwrap().at.clone();
        let (west, east) = (at("airport-west"), at("depot-12"));
        assert!(share(&west.0) < share(&east.0));
        let (south, north) = (at("airport-west"), at("water-tower"));
        assert!(share(&north.1) < share(&south.1));
        let latitudes: Vec<f64> = map.parallels.iter().map(|(at, _)| share(at)).collect();
        assert!(latitudes.len() > 1 && latitudes.is_sorted_by(|a, b| a > b), "from the south to the north");
        assert!(map.meridians.iter().all(|(_, label)| label.ends_with("° W")), "{:?}", map.meridians);
        let spanish = shown(&address_in(Language::Spanish, "/map")).map.unwrap();
        assert!(spanish.meridians.iter().all(|(_, label)| label.ends_with("° O")), "{:?}", spanish.meridians);
    }

    #[test]
    fn links_lead_around_keep_the_filters_and_end_somewhere() {
        let start = address("/map?status=healthy&site=harbour&window=15m");
        let screen = shown(&start);
        let filter = Some(Filter::Status(Status::Healthy));
        for step in screen.moves.iter().filter(|step| step.label != "Everything") {
            let there = asked(step.href.as_deref().unwrap());
            assert_eq!((there.filter, &*there.site, there.within.is_some()), (filter, "harbour", true), "{step:?}");
        }
        let wanted = |label: &str, screen: &MapScreen| {
            screen.moves.iter().find(|step| step.label == label).unwrap().href.clone()
        };
        assert_eq!(wanted("Everything", &screen), None, "it is shown");
        for label in ["Closer", "Further away"] {
            let (mut href, mut steps) = (wanted(label, &screen), 0);
            while let Some(there) = href {
                let there = read(there.split('#').next().unwrap()).unwrap();
                let screen = shown(&there);
                let everything = wanted("Everything", &screen).unwrap();
                assert_eq!(asked(&everything).within, None);
                (href, steps) = (wanted(label, &screen), steps + 1);
                assert!(steps < 30, "{label} has an end");
            }
            assert!(steps > 1, "{label}");
        }
    }

    #[test]
    fn what_is_beyond_the_edges_is_told() {
        let bounds = MapBounds { west: 10.0, south: 40.0, east: 11.0, north: 41.0 };
        let within = MapBox::new(bounds).unwrap();
        let elsewhere = address("/map").with_page(Page::Map(Map { within: Some(within), ..Map::default() }));
        let screen = shown(&elsewhere);
        assert_eq!(screen.found, "24 antennas, 23 beyond the edges, 1 without a position");
        assert!(screen.map.unwrap().marks.is_empty());
    }

    #[test]
    fn many_antennas_are_clusters_that_lead_closer_until_each_stands_alone() {
        let network = Mock::with_antennas(1_200);
        let mut here = address("/map?window=15m");
        for steps in 0.. {
            assert!(steps < 30, "closer has an end");
            let figures = of(figures_of(&network, &here));
            let told = figures.map.as_ref().unwrap();
            let map = shown_of(&figures, &here).map.unwrap();
            assert!(map.marks.len() <= MAX_MARKS);
            assert_eq!(told.marks.iter().map(|mark| members(&mark.antennas)).sum::<u64>(), told.shown);
            assert_eq!(map.is_clustered, map.marks.iter().any(|mark| mark.number.is_some()));
            let Some(cluster) = map.marks.iter().find(|mark| mark.number.is_some()) else {
                assert!(steps > 0, "they begin as clusters");
                break;
            };
            here = read(cluster.href.strip_suffix("#map").unwrap()).unwrap();
            assert_eq!(here.query.range, address("/map?window=15m").query.range);
        }
    }

    #[test]
    fn antennas_on_one_spot_are_listed() {
        let smallest = Sheet::around(MapBounds { west: 1.0, south: 1.0, east: 1.0, north: 1.0 }, 0.0);
        let asked = Map { within: smallest.to_box(), site: "mast".to_owned(), ..Map::default() };
        let address = address("/map").with_page(Page::Map(asked.clone()));
        let here = MapBounds { west: 1.0, south: 1.0, east: 1.0, north: 1.0 };
        let antennas = AntennaCounts { healthy: 700, down: 1, ..AntennaCounts::default() };
        let status = Status::Down;
        let (antenna_id, name, site) = (None, None, None);
        let cluster = MapMark { antenna_id, name, site, status, antennas, latitude: 1.0, longitude: 1.0, bounds: here };
        let mark = mark(&cluster, smallest, &asked, &scene(&address));
        assert_eq!((&*mark.href, mark.number.as_deref()), ("/antennas?site=mast", Some("701")));
        assert_eq!((mark.status, &*mark.words), ("down", "701 antennas: 1 down, 700 healthy"));
    }

    #[test]
    fn what_is_said_of_an_antenna_turns_no_direction() {
        let here = address("/map");
        let mut figures = of(figures(&here));
        let first = &mut figures.map.as_mut().unwrap().marks[0];
        (first.antenna_id, first.name) = (Some("\u{202e}gpj".to_owned()), Some("<b>\u{2066}".to_owned()));
        let map = shown_of(&figures, &here).map.unwrap();
        assert_eq!(map.marks[0].words, "gpj (<b>): Down");
        assert_eq!(map.marks[0].text, "\u{202e}gpj", "as it is, where it is isolated");
    }

    #[test]
    fn where_nothing_is_placed_there_is_no_map() {
        let here = address("/map");
        let mut figures = of(figures(&here));
        let map = figures.map.as_mut().unwrap();
        (map.placed, map.shown, map.bounds) = (0, 0, None);
        map.marks.clear();
        let screen = shown_of(&figures, &here);
        assert_eq!((screen.map, screen.moves.len(), &*screen.found), (None, 0, "24 antennas, 24 without a position"));
        figures.map = None;
        assert_eq!(shown_of(&figures, &here).found, "");
    }

    #[test]
    fn what_is_narrowed_can_be_cleared_where_it_is() {
        assert_eq!(shown(&address("/map?box=-4,43,-2,44")).clear, None);
        let clear = shown(&address("/map?box=-4,43,-2,44&q=a&status=down&label=a:b&site=x")).clear;
        assert_eq!(clear.as_deref(), Some("/map?box=-4%2C43%2C-2%2C44"));
        let label = Label { key: "a".to_owned(), value: "b".to_owned() };
        assert_eq!(asked("/map?label=a:b").label, Some(label));
    }
}
