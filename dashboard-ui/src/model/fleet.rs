//! The fleet: every antenna, searched, filtered, sorted and paged by analytics.

use shared::api::{AntennaCounts, AntennaPage, AntennaRow, Label, Order, SitePage, Sort, Status};

use super::rows::{antenna_line, pages, site_href};
use super::sites::site_line;
use super::{AntennaLine, Choice, Frame, Pages, Scene, SiteLine, State, hidden};
use crate::format;
use crate::language::Language;
use crate::query::{Address, COLUMNS, FLEET_ROWS, Filter, Fleet, Map, Page, Sites};

/// The fleet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FleetScreen {
    pub(crate) frame: Frame,
    /// The addresses of the sites and of the map; `None` where nothing says what antennas are, and on the page of a site.
    pub(crate) elsewhere: Option<[String; 2]>,
    /// The search text.
    pub(crate) search: String,
    /// The hidden fields of the search form.
    pub(crate) hidden: Vec<(String, String)>,
    /// The form of site and label; `None` where nothing says what antennas are.
    pub(crate) place: Option<PlaceForm>,
    /// All, and each status.
    pub(crate) filters: Vec<Choice>,
    /// One by one, or by site; empty where nothing says what antennas are.
    pub(crate) groupings: Vec<Choice>,
    /// The columns that can be sorted by.
    pub(crate) columns: Vec<Column>,
    /// The rows.
    pub(crate) rows: Vec<AntennaLine>,
    /// Where groups of rows begin, and what is said of each as a whole; empty if rows are not grouped.
    pub(crate) heads: Vec<(usize, GroupHead)>,
    /// The position among all rows.
    pub(crate) pages: Pages,
    /// How many antennas match, in words.
    pub(crate) found: String,
    /// The address without search and filter; `None` if neither is set.
    pub(crate) clear: Option<String>,
    /// The address of the same list as a file.
    pub(crate) csv: String,
}

/// What is said of the antennas of a site together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupHead {
    /// The site's name and the address of its page; `None` for antennas at none.
    pub(crate) site: Option<(String, String)>,
    /// How those that match fare together, in words; empty if that is not known.
    pub(crate) words: String,
}

/// The form of site and label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PlaceForm {
    pub(crate) site: String,
    /// `key:value`.
    pub(crate) label: String,
    pub(crate) hidden: Vec<(String, String)>,
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) sort: Sort,
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// The direction in which the list is sorted by it; `None` if it is not.
    pub(crate) order: Option<Order>,
}

impl PlaceForm {
    /// For a page that is narrowed to a site and a label.
    pub(super) fn new(site: &str, label: Option<&Label>, address: &Address) -> Self {
        Self {
            site: site.to_owned(),
            label: label.map(Label::to_string).unwrap_or_default(),
            hidden: hidden(address, &["site", "label", "page"]),
        }
    }
}

/// The antennas of a page, of all of which there are so many of each status, and how those fare that match at each site.
pub(super) fn fleet_screen(
    page: &AntennaPage,
    counts: &AntennaCounts,
    groups: Option<&SitePage>,
    frame: Frame,
    scene: &Scene<'_>,
) -> FleetScreen {
    let default = Fleet::default();
    let (fleet, is_of_site) = match &scene.address.query.page {
        Page::Antennas(fleet) => (fleet, false),
        Page::Site(fleet) => (fleet, true),
        _ => (&default, false),
    };
    let language = scene.language();
    let href = |fleet: Fleet| there(fleet, scene).href();
    let is_placed = !is_of_site && !fleet.site.is_empty() || fleet.label.is_some();
    let is_narrowed = !fleet.search.is_empty() || fleet.filter.is_some() || is_placed;
    let is_said = page.antennas.iter().any(|row| row.about.site.is_some() || !row.about.labels.is_empty());
    let is_told = !is_of_site && (is_placed || is_said);
    // The page of a site is about it, however it is narrowed.
    let site = if is_of_site { fleet.site.clone() } else { String::new() };
    FleetScreen {
        search: fleet.search.clone(),
        hidden: hidden(scene.address, &["q", "page"]),
        elsewhere: is_told.then(|| {
            let map = Map::of(fleet);
            [Page::Sites(Sites::default()), Page::Map(map)].map(|page| scene.address.with_page(page).href())
        }),
        place: is_told.then(|| PlaceForm::new(&fleet.site, fleet.label.as_ref(), scene.address)),
        filters: filters(counts, fleet.filter, scene, |filter| href(Fleet { filter, page: 1, ..fleet.clone() })),
        groupings: match is_told || fleet.is_grouped {
            true => [
                (false, language.text("One by one", "Una a una")),
                (true, language.text("By site", "Por emplazamiento")),
            ]
            .map(|(is_grouped, words)| {
                let there = href(Fleet { is_grouped, page: 1, ..fleet.clone() });
                Choice::new(words, there, is_grouped == fleet.is_grouped)
            })
            .to_vec(),
            false => Vec::new(),
        },
        heads: if fleet.is_grouped { heads(page, groups, scene) } else { Vec::new() },
        columns: COLUMNS.map(|sort| column(sort, fleet, scene)).to_vec(),
        rows: page.antennas.iter().map(|row| line(row, fleet.is_grouped, scene)).collect(),
        pages: pages(page.total, page.antennas.len() as u64, fleet.page, FLEET_ROWS, language, |page| {
            href(Fleet { page, ..fleet.clone() })
        }),
        found: language.antennas(page.total),
        clear: is_narrowed.then(|| href(Fleet { site, sort: fleet.sort, order: fleet.order, ..Fleet::default() })),
        csv: there(Fleet { page: 1, ..fleet.clone() }, scene).csv_href(),
        frame,
    }
}

/// An antenna's row, in a group that says where it is if there are groups.
fn line(row: &AntennaRow, is_grouped: bool, scene: &Scene<'_>) -> AntennaLine {
    let line = antenna_line(row, scene);
    if is_grouped { AntennaLine { site: None, ..line } } else { line }
}

/// The heads of groups: each in front of the first row of its site on the page.
fn heads(page: &AntennaPage, groups: Option<&SitePage>, scene: &Scene<'_>) -> Vec<(usize, GroupHead)> {
    let site = |row: &AntennaRow| row.about.site.clone();
    let is_first = |at: &usize| *at == 0 || site(&page.antennas[*at]) != site(&page.antennas[at - 1]);
    let firsts = (0..page.antennas.len()).filter(is_first);
    let head = |at: usize| {
        let name = site(&page.antennas[at]);
        let row = groups.into_iter().flat_map(|page| &page.sites).find(|row| name.as_ref() == Some(&row.site));
        let words = row.map(|row| {
            let SiteLine { antennas, success, mean, availability, .. } = site_line(row, scene);
            let available = scene.text("available", "disponible");
            let success_words = scene.text("delivered", "entregado");
            format!("{antennas} · {success} {success_words} · {mean} · {availability} {available}")
        });
        let there = name.map(|name| (name.clone(), site_href(name, scene)));
        (at, GroupHead { site: there, words: words.unwrap_or_default() })
    };
    firsts.map(head).collect()
}

/// The address of a part of the fleet: on the page of a site, where that is shown.
fn there(fleet: Fleet, scene: &Scene<'_>) -> Address {
    let page = match scene.address.query.page {
        Page::Site(_) => Page::Site(fleet),
        _ => Page::Antennas(fleet),
    };
    scene.address.with_page(page)
}

/// All antennas, and those of each status, of which there are so many; `href` is where those of a filter are.
pub(super) fn filters(
    counts: &AntennaCounts,
    shown: Option<Filter>,
    scene: &Scene<'_>,
    href: impl Fn(Option<Filter>) -> String,
) -> Vec<Choice> {
    let choice = |filter: Option<Filter>, label, count| Choice {
        status: filter.map(Filter::as_str),
        count: Some(format::count(count)),
        ..Choice::new(label, href(filter), shown == filter)
    };
    let all = choice(None, scene.text("All", "Todas"), counts.total() + counts.unseen);
    let filter = |filter| {
        let state = match filter {
            Filter::Status(status) => State::Status(status),
            Filter::Flapping => State::Flapping,
        };
        choice(Some(filter), state.label(scene.language()), state.count(counts))
    };
    // Only a file that says what antennas are makes antennas that have not been seen.
    let is_offered =
        |filter: &Filter| *filter != Filter::Status(Status::Unseen) || counts.unseen > 0 || shown == Some(*filter);
    std::iter::once(all).chain(Filter::ALL.into_iter().filter(is_offered).map(filter)).collect()
}

fn column(sort: Sort, fleet: &Fleet, scene: &Scene<'_>) -> Column {
    Column {
        sort,
        label: column_label(sort, scene.language()),
        href: there(fleet.sorted_by(sort), scene).href(),
        order: (sort == fleet.sort).then_some(fleet.order),
    }
}

/// The head of a column.
pub(crate) const fn column_label(sort: Sort, language: Language) -> &'static str {
    match sort {
        Sort::Readings => language.text("Readings", "Lecturas"),
        Sort::PacketsSent => language.text("Sent", "Enviados"),
        Sort::Status => language.text("Status", "Estado"),
        Sort::AntennaId => language.text("Antenna", "Antena"),
        Sort::SuccessRate => language.text("Success", "Éxito"),
        Sort::Availability => language.text("Available", "Disponible"),
        Sort::Latency => language.text("Mean", "Media"),
        Sort::P95 => "p95",
        Sort::PacketsDelivered => language.text("Delivered", "Entregados"),
        Sort::PacketsLost => language.text("Lost", "Perdidos"),
        Sort::LastSeen => language.text("Last seen", "Última señal"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use shared::api::About;

    use super::*;
    use crate::figures::{AntennasFigures, Figures};
    use crate::mock::Mock;
    use crate::model::tests::{NOW, address, figures_of, fleet, scene};
    use crate::query::tests::read;
    use crate::query::{Range, reversed, usual_order};

    fn shown(address: &Address) -> FleetScreen {
        shown_of(&fleet(address), address)
    }

    fn shown_of(figures: &AntennasFigures, address: &Address) -> FleetScreen {
        let scene = scene(address);
        let frame = Frame::new(&scene, Some(NOW), &figures.summary, false);
        fleet_screen(&figures.antennas, &figures.summary.antennas, figures.groups.as_ref(), frame, &scene)
    }

    /// The fleet of 120 antennas.
    fn large(address: &Address) -> FleetScreen {
        static NETWORK: LazyLock<Mock> = LazyLock::new(|| Mock::with_antennas(120));
        let Figures::Antennas(figures) = figures_of(&NETWORK, address) else { panic!("it is the fleet") };
        shown_of(&figures, address)
    }

    fn asked(href: &str) -> Fleet {
        match read(href).unwrap().query.page {
            Page::Antennas(fleet) => fleet,
            page => panic!("{page:?} is not the fleet"),
        }
    }

    #[test]
    fn a_filter_counts_what_it_leads_to() {
        for href in ["/antennas", "/antennas?status=down&sort=latency&page=2&lang=es", "/antennas?window=15m"] {
            let filters = shown(&address(href)).filters;
            assert_eq!(filters.len(), 6);
            for filter in filters {
                let there = read(&filter.href).unwrap();
                assert_eq!(filter.count.unwrap(), format::count(fleet(&there).antennas.total), "{}", filter.href);
                let marked: Vec<bool> = shown(&there).filters.iter().map(|filter| filter.is_shown).collect();
                assert_eq!(marked.iter().filter(|is_shown| **is_shown).count(), 1);
                assert_eq!(asked(&filter.href).filter.map(Filter::as_str), filter.status);
            }
        }
    }

    #[test]
    fn a_filter_keeps_search_order_and_range_and_begins_at_the_first_page() {
        let address = address("/antennas?q=a%26b&sort=p95&order=asc&page=7&window=15m&lang=es&wall=1");
        let fleet = Fleet { search: "a&b".to_owned(), sort: Sort::P95, order: Order::Ascending, ..Fleet::default() };
        for (choice, filter) in shown(&address).filters.iter().zip(std::iter::once(None).chain(Filter::ALL.map(Some))) {
            let there = address.with_page(Page::Antennas(Fleet { filter, ..fleet.clone() }));
            assert_eq!(read(&choice.href), Ok(there));
        }
    }

    #[test]
    fn a_column_sorts_by_itself_and_turns_around_when_it_is_chosen_again() {
        for sort in COLUMNS {
            let start = address("/antennas?q=harbour&status=down&page=2&window=15m");
            let column =
                |address: &Address| shown(address).columns.into_iter().find(|column| column.sort == sort).unwrap();
            let once = read(&column(&start).href).unwrap();
            let twice = read(&column(&once).href).unwrap();
            let thrice = read(&column(&twice).href).unwrap();
            let (first, second) = (asked(&once.href()), asked(&twice.href()));
            // The start is sorted by status already.
            let first_order = if sort == Sort::Status { reversed(usual_order(sort)) } else { usual_order(sort) };
            assert_eq!((first.sort, first.order, first.page), (sort, first_order, 1));
            assert_eq!(second, Fleet { order: reversed(first.order), ..first.clone() });
            assert_eq!(thrice, once);
            assert_eq!(
                (&*first.search, first.filter, once.query.range),
                ("harbour", Some(Filter::Status(Status::Down)), Range::latest(900))
            );
            assert_eq!(column(&once).order, Some(first.order));
            assert!(shown(&once).columns.iter().all(|other| (other.order.is_some()) == (other.sort == sort)));
        }
    }

    #[test]
    fn pages_lead_from_the_first_to_the_last_and_back_over_every_row_once() {
        let mut addresses = vec![address("/antennas?sort=antenna_id&window=15m&lang=es")];
        while let Some(next) = large(addresses.last().unwrap()).pages.next {
            addresses.push(read(&next).unwrap());
        }
        assert_eq!(addresses.len(), 3);
        let screens: Vec<FleetScreen> = addresses.iter().map(large).collect();
        let ids: Vec<String> = screens.iter().flat_map(|screen| screen.rows.iter().map(|row| row.id.clone())).collect();
        assert_eq!(ids.len(), 120);
        assert!(ids.is_sorted_by(|a, b| a < b), "each once");
        let places: Vec<&str> = screens.iter().map(|screen| &*screen.pages.place).collect();
        assert_eq!(places, ["1–50 de 120", "51–100 de 120", "101–120 de 120"]);
        assert_eq!(screens[0].pages.previous, None);
        for at in 1..3 {
            assert_eq!(screens[at].pages.previous.as_deref(), Some(&*addresses[at - 1].href()));
        }
    }

    #[test]
    fn beyond_the_last_page_one_step_leads_back_to_it() {
        let screen = large(&address("/antennas?page=900"));
        assert!(screen.rows.is_empty());
        assert_eq!((&*screen.pages.place, &screen.pages.next), ("0 of 120", &None));
        assert_eq!(screen.pages.previous.as_deref(), Some("/antennas?page=3"));
        let nothing = shown(&address("/antennas?q=nothing&page=4"));
        assert_eq!((&*nothing.pages.place, nothing.pages.previous.as_deref()), ("0 of 0", Some("/antennas?q=nothing")));
    }

    #[test]
    fn what_is_narrowed_can_be_cleared_and_keeps_its_order() {
        assert_eq!(shown(&address("/antennas?sort=latency&page=2")).clear, None);
        for href in ["/antennas?q=x&sort=latency&page=2", "/antennas?status=down&sort=latency"] {
            assert_eq!(shown(&address(href)).clear.as_deref(), Some("/antennas?sort=latency"));
        }
    }

    #[test]
    fn the_file_is_of_the_same_list_from_its_first_page() {
        let address = address("/antennas?q=harbour&status=down&sort=p95&order=asc&page=2&window=15m&lang=es");
        let csv = shown(&address).csv;
        assert_eq!(csv, "/csv/antennas?q=harbour&status=down&sort=p95&order=asc&window=15m&lang=es");
    }

    #[test]
    fn the_form_of_the_search_sends_everything_else_along() {
        let address = address("/antennas?q=harbour&status=down&sort=p95&page=2&window=15m&lang=es");
        let screen = shown(&address);
        assert_eq!((&*screen.search, &*screen.found), ("harbour", "1 antena"));
        let fields = screen.hidden.iter().cloned().chain([("q".to_owned(), "quarry".to_owned())]);
        let sent = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let there = read(&format!("/antennas?{sent}")).unwrap();
        let fleet = Fleet {
            search: "quarry".to_owned(),
            filter: Some(Filter::Status(Status::Down)),
            sort: Sort::P95,
            ..Fleet::default()
        };
        assert_eq!(there, address.with_page(Page::Antennas(Fleet { order: Order::Descending, ..fleet })));
    }

    #[test]
    fn antennas_of_a_site_are_together_behind_what_is_said_of_it() {
        assert_eq!(shown(&address("/antennas")).heads, []);
        let here = address("/antennas?group=site&sort=p95&window=15m");
        let screen = shown(&here);
        let (figures, antennas) = (fleet(&here), fleet(&here).antennas.antennas);
        let names: Vec<&str> = screen.heads.iter().map(|(_, head)| head.site.as_ref().unwrap().0.as_str()).collect();
        assert_eq!(names, ["centre", "east", "harbour", "hills", "west"]);
        let starts: Vec<usize> = screen.heads.iter().map(|(at, _)| *at).collect();
        for (at, (start, head)) in screen.heads.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(antennas.len());
            let (name, href) = head.site.clone().unwrap();
            assert!(antennas[*start..end].iter().all(|row| row.about.site.as_ref() == Some(&name)), "{name}");
            let latencies = antennas[*start..end].iter().filter_map(|row| row.measures.latency_ms.p95);
            assert!(latencies.is_sorted_by(|a, b| a >= b), "sorted within {name}");
            let Page::Site(there) = read(&href).unwrap().query.page else { panic!("{href}") };
            assert_eq!(there.site, name);
            assert!(head.words.contains(" · "), "{head:?}");
        }
        assert!(screen.rows.iter().all(|row| row.site.is_none()), "the group says it");
        assert_eq!(figures.groups.unwrap().total, 5);
        // What is filtered is what the head counts.
        let down = shown(&address("/antennas?group=site&status=down"));
        assert_eq!((down.heads.len(), down.rows.len()), (1, 1));
        assert!(down.heads[0].1.words.starts_with("1 down · "), "{:?}", down.heads);
    }

    #[test]
    fn grouping_keeps_everything_but_the_page() {
        let here = address("/antennas?q=a&status=healthy&sort=p95&page=2&window=15m");
        // The second page is empty, so it takes the figures of the first.
        let figures = fleet(&address("/antennas?q=a&status=healthy&sort=p95&window=15m"));
        let [one, by_site] = <[Choice; 2]>::try_from(shown_of(&figures, &here).groupings).unwrap();
        assert!(one.is_shown && !by_site.is_shown);
        let there = asked(&by_site.href);
        assert_eq!(there, Fleet { is_grouped: true, page: 1, ..asked(&here.href()) });
        assert_eq!(asked(&shown(&read(&by_site.href).unwrap()).groupings[0].href), asked(&one.href));
    }

    #[test]
    fn a_form_for_site_and_label_is_there_where_something_is_said_of_them() {
        let here = address("/antennas?q=harbour&lang=es");
        let mut figures = fleet(&here);
        figures.antennas.antennas.iter_mut().for_each(|row| row.about = About::default());
        let nothing_said = shown_of(&figures, &here);
        assert_eq!((nothing_said.place, nothing_said.elsewhere), (None, None));
        figures.antennas.antennas[0].about.site = Some("north".to_owned());
        let said = shown_of(&figures, &here);
        assert_eq!(said.elsewhere, Some(["/sites?lang=es", "/map?q=harbour&lang=es"].map(str::to_owned)));
        let place = said.place.unwrap();
        let hidden = [("q", "harbour"), ("lang", "es")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((&*place.site, &*place.label, &*place.hidden), ("", "", &hidden[..]));
        let placed = shown(&address("/antennas?site=north&label=ring%3A2&page=3&sort=p95"));
        let place = placed.place.unwrap();
        assert_eq!((&*place.site, &*place.label), ("north", "ring:2"));
        assert_eq!(place.hidden, [("sort".to_owned(), "p95".to_owned())]);
        assert_eq!(asked(&placed.clear.unwrap()), Fleet::default().sorted_by(Sort::P95));
        assert!(placed.hidden.contains(&("site".to_owned(), "north".to_owned())), "a search stays at the site");
    }
}
