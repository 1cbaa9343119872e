//! Sites: all of them as a table, and each with its antennas, its figures and what lasts there.

use shared::api::{Order, SiteRow, SiteSort, Status};

use super::fleet::{FleetScreen, fleet_screen};
use super::incidents::incident_row;
use super::map::map_of_site;
use super::rows::{counts_in_words, pages, site_href, status_label};
use super::tiles::{Tile, site_tiles};
use super::verdict::{Verdict, site_verdict};
use super::{Frame, IncidentRow, Pages, PlaceMap, Scene, State};
use crate::figures::{SiteFigures, SitesFigures};
use crate::format;
use crate::language::Language;
use crate::query::{Incidents, Page, SITE_ROWS, Sites};

/// The sites.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SitesScreen {
    pub(crate) frame: Frame,
    /// The heads of the columns.
    pub(crate) columns: Vec<SiteColumn>,
    /// The rows; `None` if analytics does not know of sites.
    pub(crate) rows: Option<Vec<SiteLine>>,
    /// The position among all rows.
    pub(crate) pages: Pages,
    /// How many there are, in words.
    pub(crate) found: String,
    /// The address of the same list as a file.
    pub(crate) csv: String,
}

/// The head of a column of sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteColumn {
    pub(crate) sort: SiteSort,
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// The direction in which the list is sorted by it; `None` if it is not.
    pub(crate) order: Option<Order>,
}

/// One site in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteLine {
    /// Any text of up to 64 characters.
    pub(crate) name: String,
    /// The address of its page.
    pub(crate) href: String,
    /// The worst status of its antennas, as a CSS class.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// Its antennas by status, in words.
    pub(crate) antennas: String,
    pub(crate) success: String,
    pub(crate) availability: String,
    pub(crate) mean: String,
    pub(crate) lost: String,
}

/// One site.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SiteScreen {
    pub(crate) name: String,
    /// The state of its antennas in one sentence.
    pub(crate) verdict: Verdict,
    /// Latency, packets, success, antennas.
    pub(crate) tiles: Vec<Tile>,
    /// Its antennas.
    pub(crate) fleet: FleetScreen,
    /// Where they stand, with the address of the map; `None` if that is not known.
    pub(crate) map: Option<(PlaceMap, String)>,
    /// What lasts, newest first; `None` for a range that has ended, or if analytics keeps no incidents.
    pub(crate) ongoing: Option<Vec<IncidentRow>>,
    /// The address of all of its incidents.
    pub(crate) incidents: String,
    /// The address of all sites.
    pub(crate) sites: String,
}

pub(super) fn sites_screen(figures: &SitesFigures, frame: Frame, scene: &Scene<'_>) -> SitesScreen {
    let asked = match &scene.address.query.page {
        Page::Sites(sites) => *sites,
        _ => Sites::default(),
    };
    let language = scene.language();
    let href = |sites: Sites| scene.address.with_page(Page::Sites(sites)).href();
    let (total, shown) = figures.sites.as_ref().map_or((0, 0), |page| (page.total, page.sites.len() as u64));
    SitesScreen {
        columns: SiteSort::ALL
            .map(|sort| SiteColumn {
                sort,
                label: site_column_label(sort, language),
                href: href(asked.sorted_by(sort)),
                order: (sort == asked.sort).then_some(asked.order),
            })
            .to_vec(),
        rows: figures.sites.as_ref().map(|page| page.sites.iter().map(|row| site_line(row, scene)).collect()),
        pages: pages(total, shown, asked.page, SITE_ROWS, language, |page| href(Sites { page, ..asked })),
        found: language.plural(total, ["site", "sites"], ["emplazamiento", "emplazamientos"]),
        csv: scene.address.with_page(Page::Sites(Sites { page: 1, ..asked })).csv_href(),
        frame,
    }
}

pub(super) fn site_screen(figures: &SiteFigures, frame: Frame, scene: &Scene<'_>) -> SiteScreen {
    let SiteFigures { site, antennas, map, ongoing, .. } = figures;
    let of_site = Incidents { site: site.site.clone(), ..Incidents::default() };
    SiteScreen {
        name: site.site.clone(),
        verdict: site_verdict(site, &frame, scene),
        tiles: site_tiles(site, scene),
        map: map.as_ref().and_then(|map| map_of_site(map, &site.site, scene)),
        ongoing: ongoing
            .as_ref()
            .map(|page| page.incidents.iter().map(|incident| incident_row(incident, scene)).collect()),
        incidents: scene.address.with_page(Page::Incidents(of_site)).href(),
        sites: scene.address.with_page(Page::Sites(Sites::default())).href(),
        fleet: fleet_screen(antennas, &site.antennas, None, frame, scene),
    }
}

pub(super) fn site_line(row: &SiteRow, scene: &Scene<'_>) -> SiteLine {
    let language = scene.language();
    let states = Status::ALL.map(State::Status).into_iter().chain(State::UNSETTLED).collect::<Vec<_>>();
    SiteLine {
        name: row.site.clone(),
        href: site_href(row.site.clone(), scene),
        status: row.status.as_str(),
        status_label: status_label(row.status, language),
        antennas: counts_in_words(&row.antennas, &states, language).join(", "),
        success: language.percent(row.success_rate),
        availability: language.percent(row.availability),
        mean: language.latency(row.latency_mean_ms),
        lost: format::count_if_known((row.readings > 0).then_some(row.packets_lost)),
    }
}

/// The head of a column.
pub(crate) const fn site_column_label(sort: SiteSort, language: Language) -> &'static str {
    match sort {
        SiteSort::Status => language.text("Status", "Estado"),
        SiteSort::Site => language.text("Site", "Emplazamiento"),
        SiteSort::PacketsLost => language.text("Lost", "Perdidos"),
        SiteSort::SuccessRate => language.text("Success", "Éxito"),
        SiteSort::Latency => language.text("Mean", "Media"),
        SiteSort::Availability => language.text("Available", "Disponible"),
    }
}

#[cfg(test)]
mod tests {
    use shared::api::AntennaCounts;

    use super::*;
    use crate::figures::Figures;
    use crate::model::tests::{NOW, address, figures, scene};
    use crate::model::{Condition, Level, Picture};
    use crate::query::tests::read;
    use crate::query::{Address, Filter, Fleet};

    fn sites(address: &Address) -> SitesFigures {
        let Figures::Sites(figures) = figures(address) else { panic!("it is the sites") };
        *figures
    }

    fn site(address: &Address) -> SiteFigures {
        let Figures::Site(figures) = figures(address) else { panic!("it is a site") };
        *figures
    }

    fn sites_of(figures: &SitesFigures, address: &Address) -> SitesScreen {
        let scene = scene(address);
        sites_screen(figures, Frame::new(&scene, Some(NOW), &figures.summary, false), &scene)
    }

    fn site_of(figures: &SiteFigures, address: &Address, is_away: bool) -> SiteScreen {
        let scene = scene(address);
        site_screen(figures, Frame::new(&scene, Some(NOW), &figures.summary, is_away), &scene)
    }

    #[test]
    fn the_antennas_of_a_site_are_those_that_its_row_counts() {
        let address = address("/sites?window=15m&lang=es");
        let screen = sites_of(&sites(&address), &address);
        let lines = screen.rows.unwrap();
        assert!(lines.len() > 2, "{lines:?}");
        for (line, row) in lines.iter().zip(sites(&address).sites.unwrap().sites) {
            let there = read(&line.href).unwrap();
            assert_eq!(there.query.page, Page::Site(Fleet { site: line.name.clone(), ..Fleet::default() }));
            assert_eq!((there.query.range, there.manner), (address.query.range, address.manner));
            let figures = site(&there);
            assert_eq!((figures.antennas.total, &figures.site), (row.antennas.total(), &row));
            assert!(figures.antennas.antennas.iter().all(|it| it.about.site.as_deref() == Some(&*line.name)));
        }
    }

    #[test]
    fn columns_sort_by_themselves_and_turn_around() {
        let start = address("/sites?page=2&window=15m");
        for sort in SiteSort::ALL {
            let head = |address: &Address| {
                let columns = sites_of(&sites(address), address).columns;
                columns.into_iter().find(|column| column.sort == sort).unwrap()
            };
            let once = read(&head(&start).href).unwrap();
            let twice = read(&head(&once).href).unwrap();
            let (Page::Sites(first), Page::Sites(second)) = (once.query.page.clone(), twice.query.page) else {
                panic!("they are sites")
            };
            assert_eq!((first.sort, first.page, second.sort), (sort, 1, sort));
            assert_ne!(first.order, second.order);
            assert_eq!(head(&once).order, Some(first.order));
        }
    }

    #[test]
    fn what_is_not_known_of_a_site_is_a_dash_and_nothing_is_compared() {
        let address = address("/site?name=harbour");
        let mut figures = site(&address);
        figures.site.antennas = AntennaCounts { unseen: 3, ..AntennaCounts::default() };
        (figures.site.readings, figures.site.success_rate, figures.site.latency_mean_ms) = (0, None, None);
        figures.site.availability = None;
        let screen = site_of(&figures, &address, false);
        assert_eq!(screen.verdict.level, Level::Unknown);
        assert_eq!(screen.verdict.who.iter().map(|it| &*it.words).collect::<Vec<_>>(), ["3 unseen"]);
        let values: Vec<&str> = screen.tiles.iter().map(|tile| &*tile.value).collect();
        assert_eq!(values, ["–", "–", "–", "0"]);
        assert!(screen.tiles.iter().all(|tile| tile.change.is_none() && tile.uncompared.is_empty()));
        assert_eq!(screen.tiles[2].picture, Picture::Share(None));
        let line = site_line(&figures.site, &scene(&address));
        assert_eq!([&*line.success, &*line.mean, &*line.lost, &*line.availability], ["–"; 4]);
    }

    #[test]
    fn everything_on_the_page_of_a_site_is_about_it() {
        let address = address("/site?name=harbour&sort=p95&window=15m&lang=es");
        let figures = site(&address);
        let screen = site_of(&figures, &address, false);
        assert_eq!((&*screen.name, screen.fleet.frame.condition), ("harbour", Condition::Live));
        assert_eq!(screen.incidents, "/incidents?site=harbour&window=15m&lang=es");
        assert_eq!(screen.sites, "/sites?window=15m&lang=es");
        assert_eq!(screen.fleet.csv, "/csv/site?name=harbour&sort=p95&window=15m&lang=es");
        assert_eq!((&screen.fleet.place, &screen.fleet.elsewhere, &screen.fleet.clear), (&None, &None, &None));
        let (map, there) = screen.map.unwrap();
        assert_eq!((map.marks.len(), &*there), (5, "/map?site=harbour&window=15m&lang=es"));
        let hrefs =
            screen.fleet.filters.iter().map(|it| &it.href).chain(screen.fleet.columns.iter().map(|it| &it.href));
        for href in hrefs.chain(screen.verdict.who.iter().map(|it| &it.href)) {
            let Page::Site(fleet) = read(href).unwrap().query.page else { panic!("{href}") };
            assert_eq!((&*fleet.site, fleet.page), ("harbour", 1));
        }
        assert!(screen.fleet.rows.iter().all(|row| row.site.is_none()), "no row has to say where it is");
        let narrowed = read("/site?name=harbour&status=down&sort=p95").unwrap();
        let fleet = site_of(&site(&narrowed), &narrowed, false).fleet;
        assert_eq!(fleet.clear.as_deref(), Some("/site?name=harbour&sort=p95"));
        let shown: Vec<_> = fleet.filters.iter().filter(|it| it.is_shown).map(|it| it.status).collect();
        assert_eq!(shown, [Some(Filter::Status(Status::Down).as_str())]);
    }

    #[test]
    fn a_site_is_not_told_well_while_analytics_is_away() {
        let address = address("/site?name=harbour");
        let screen = site_of(&site(&address), &address, true);
        assert_eq!((screen.verdict.level, screen.fleet.frame.condition), (Level::Bad, Condition::Away));
        assert!(screen.verdict.who.is_empty());
    }
}
