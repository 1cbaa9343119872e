use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

fn toml(text: &str) -> Registry {
    Registry::read(text.as_bytes(), Notation::Toml).unwrap_or_else(|fault| panic!("{fault} in\n{text}"))
}

fn fault(text: &str, notation: Notation) -> String {
    Registry::read(text.as_bytes(), notation).expect_err(text).to_string()
}

const NETWORK: &str = r#"
[[antenna]]
id = "north-*"
site = "north"
parent = "site:north"
labels = { vendor = "acme", ring = "2" }
raise_after = 3

[[antenna]]
id = "north-0?"
labels = { ring = "1" }
muted = true

[[antenna]]
id = "north-gw"
name = "Torre Norte"
uplink = true
latitude = 40
longitude = -3.7
muted = false

[[antenna]]
id = "north-07"
parent = ""
interval = "1m"
degraded_latency = "400ms"
degraded_success_rate = 0.9
"#;

#[test]
fn an_entry_of_its_own_counts_before_globs_and_a_later_glob_before_an_earlier_one() {
    let registry = toml(NETWORK);
    let label = |id: &str, key: &str| registry.of(id).labels.get(key).map(ToString::to_string);
    let nearest = registry.of("north-05");
    assert_eq!((nearest.site.as_deref(), nearest.parent.as_deref()), (Some("north"), Some("north-gw")));
    assert_eq!((nearest.muted, nearest.raise_after), (true, Some(3)));
    assert_eq!((label("north-05", "ring"), label("north-05", "vendor")), (Some("1".into()), Some("acme".into())));
    assert_eq!(label("north-123", "ring"), Some("2".into()));
    let uplink = registry.of("north-gw");
    assert_eq!((uplink.parent.as_deref(), uplink.name.as_deref()), (None, Some("Torre Norte")), "not behind itself");
    assert_eq!(uplink.position, Some(Position { latitude: 40.0, longitude: -3.7 }));
    assert!(!uplink.muted);
    let own = registry.of("north-07");
    assert_eq!((own.parent.as_deref(), own.interval), (None, Some(Duration::from_secs(60))));
    assert_eq!((own.degraded_success_rate, own.degraded_latency), (Some(0.9), Some(Duration::from_millis(400))));
    assert_eq!(*registry.of("south-1"), Description::default());
    assert!(registry.has("north-gw") && !registry.has("north-05"));
}

#[test]
fn a_spreadsheet_says_the_same() {
    let csv = "id,name,site,parent,uplink,latitude,longitude,interval,degraded_success_rate,degraded_latency,raise_after,muted,label:vendor,label:ring\r\n\
               north-*,,north,site:north,,,,,,,3,,acme,2\r\n\
               north-0?,,,,,,,,,,,TRUE,,1\r\n\
               north-gw,Torre Norte,,,true,40,-3.7,,,,,FALSE,,\r\n\
               ,,,,,,,,,,,,,\r\n";
    for text in [csv.to_owned(), format!("\u{feff}{}", csv.replace(',', ";"))] {
        let registry = Registry::read(text.as_bytes(), Notation::Csv).expect("a spreadsheet");
        let written = toml(NETWORK);
        for id in ["north-05", "north-123", "north-gw", "south"] {
            assert_eq!(registry.of(id), written.of(id), "{id}");
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        ("[[antenna]]\nid = \"a\"\nnme = \"x\"", "line 3, column 1: unknown field"),
        ("[[antenna]]\nid = \"a\"\nmuted = 1", "line 3, column 9: invalid type"),
        ("[[antenna]]\nname = \"a\"", "line 1, column 1: missing field"),
        ("[[antenna]]\nid = \"a\"\nlatitude = 91\nlongitude = 0", "line 3, column 12: a number from -90 to 90"),
        ("[[antenna]]\nid = \"a\"\nlatitude = nan\nlongitude = 0", "line 3, column 12: a number from -90 to 90"),
        ("[[antenna]]\nid = \"a\"\nlatitude = 1", "line 3, column 12: latitude and longitude are needed both"),
        ("[[antenna]]\nid = \"a\"\ninterval = \"5\"", "line 3, column 12: "),
        ("[[antenna]]\nid = \"a\"\nraise_after = 0", "line 3, column 15: a number of intervals"),
        ("[[antenna]]\nid = \"ñ\"\nlabels = { a = \"x\", \"b-c\" = \"y\" }", "line 3, column 21: the key of a label"),
        ("[[antenna]]\nid = \"a\"\nname = \"a\\u202eb\"", "line 3, column 8: the character \\u{202e} is not allowed"),
        ("[[antenna]]\nid = \"a\"\nname = \"a\\nb\"", "line 3, column 8: the character \\u{a} is not allowed"),
        (
            "[[antenna]]\nid = \"a\"\n[[antenna]]\nid = \"a\"",
            "line 4, column 6: \"a\" has an entry already, at line 2, column 6",
        ),
        ("[[antenna]]\nid = \"a\"\npublic = \" North\"", "line 3, column 10: no space may stand"),
        ("[[antenna]]\nid = \"a\"\npublic = \"a\\nb\"", "line 3, column 10: the character \\u{a} is not allowed"),
        ("[[antenna]]\nid = \"a*\"\nuplink = true", "line 3, column 10: only one antenna is the uplink"),
        ("[[antenna]]\nid = \"a\"\nuplink = true", "line 3, column 10: \"a\" is the uplink of a site, and at none"),
        ("[[antenna]]\nid = \"a[\"", "line 2, column 6: a bad glob"),
        ("[[antenna]]\nid = \"a**\"", "line 2, column 6: a bad glob: two stars"),
        ("[[antenna]]\nid = \"\"", "line 2, column 6: an id is needed"),
        ("[[antenna]]\nid = \"a\"\nparent = \"b\"", "line 3, column 10: the parent \"b\" has no entry"),
        ("[[antenna]]\nid = \"a*\"\nparent = \"b\"", "line 3, column 10: the parent \"b\" has no entry"),
        (
            "[[antenna]]\nid = \"a\"\nparent = \"site:b\"",
            "line 3, column 10: no antenna has uplink = true at the site \"b\"",
        ),
        ("[[antenna]]\nid = \"a\"\nparent = \"a\"", "line 3, column 10: parents go round in a circle: \"a\" > \"a\""),
        ("[[antenna]]\nid = \"a\n", "line 2, column"),
        ("[[antenna]\nid = \"a\"", "line 1, column"),
    ];
    for (text, wanted) in cases {
        let told = fault(text, Notation::Toml);
        assert!(told.starts_with(wanted), "{text}\n{told}\n{wanted}");
        assert!(!told.contains('\n'), "{told}");
    }
    let cases = [
        ("", "a header is needed"),
        ("name,site\nx,y", "line 1, column 1: the column id is missing"),
        ("id,colour\na,red", "line 1, column 2: no column \"colour\" is known"),
        ("id,name,name\na,b,c", "line 1, column 3: the column \"name\" is there twice"),
        ("id,muted\na,true\nb,maybe", "line 3, column 2: true or false"),
        ("id,name\n\"a\nb\",x", "line 2, column 1: the character \\u{a} is not allowed"),
        ("id,latitude,longitude\na,\"1,5\",2", "line 2, column 2: a number like"),
        ("id,name\na,b,c", "line 2, column 3: the row has 3 cells"),
        ("id,name\n,b", "line 2, column 1: an id is needed"),
        ("id,parent\na,b\nb,c\nc,a", "parents go round in a circle"),
    ];
    for (text, wanted) in cases {
        let told = fault(text, Notation::Csv);
        assert!(told.contains(wanted), "{text}\n{told}\n{wanted}");
    }
    let latin = Registry::read(b"[[antenna]]\nid = \"a\xf1\"", Notation::Toml).expect_err("not UTF-8");
    assert_eq!(latin.to_string(), "line 2, column 8: it is not UTF-8 from here on");
}

#[test]
fn a_site_has_a_public_name_where_one_is_given_and_no_other() {
    let registry = toml(
        "[[antenna]]\nid = \"n-*\"\nsite = \"north\"\npublic = \"North & coast\"\n[[antenna]]\nid = \"n-1\"\npublic = \"\"\n\
         [[antenna]]\nid = \"s-1\"\nsite = \"south\"",
    );
    let csv = "id,site,public\nn-*,north,North & coast\ns-1,south,\n";
    let spreadsheet = Registry::read(csv.as_bytes(), Notation::Csv).expect("a spreadsheet");
    assert_eq!(registry.of("n-2").public.as_deref(), Some("North & coast"));
    assert_eq!((registry.of("n-1").public.as_deref(), registry.of("s-1").public.as_deref()), (None, None));
    assert_eq!(spreadsheet.of("n-2"), registry.of("n-2"));
    assert_eq!((spreadsheet.public(), registry.public().len()), (registry.public(), 1));
}

#[test]
fn what_is_far_too_much_is_refused() {
    let many = |count: usize, id: &str| {
        let mut text = String::from("id,site\n");
        (0..count).for_each(|at| writeln!(text, "{id}{at},site-{}", at % 3).expect("text"));
        text
    };
    assert!(fault(&many(ENTRIES_MAX + 1, "a"), Notation::Csv).ends_with("there are more than 100000 entries"));
    assert!(fault(&many(GLOBS_MAX + 1, "a*"), Notation::Csv).ends_with("there are more than 256 globs"));
    let mut sites = String::from("id,site\n");
    (0..=SITES_MAX).for_each(|at| writeln!(sites, "a{at},site-{at}").expect("text"));
    assert!(fault(&sites, Notation::Csv).ends_with("there are more than 1000 sites"));
    let mut public = String::from("id,public\n");
    (0..=PUBLIC_MAX).for_each(|at| writeln!(public, "a{at},name-{at}").expect("text"));
    assert!(fault(&public, Notation::Csv).ends_with("there are more than 100 public names"));
    let long = "x".repeat(254);
    assert!(fault(&format!("id\n{long}"), Notation::Csv).ends_with("an id has at most 253 bytes"));
    assert!(
        fault(&format!("id,site\na,{}", &long[..65]), Notation::Csv).ends_with("at most 64 characters are allowed")
    );
    let large = vec![b' '; usize::try_from(FILE_BYTES_MAX).expect("a size") + 1];
    assert!(Registry::read(&large, Notation::Toml).expect_err("large").to_string().contains("larger than 16 MiB"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a file holds, it is read or refused, and what is refused lies in the file.
    #[test]
    fn no_file_does_harm(text in "[\\[\\]a-z\"=,;:\n{}*?.0-9#' ñ]{0,120}", begins in any::<bool>()) {
        let text = if begins { format!("[[antenna]]\nid = \"a\"\n{text}") } else { text };
        for notation in [Notation::Toml, Notation::Csv] {
            if let Err(Fault { place: Some(place), .. }) = Registry::read(text.as_bytes(), notation) {
                prop_assert!(place.line >= 1 && place.column >= 1);
                prop_assert!(place.line <= text.matches('\n').count() as u64 + 1, "{place} of {text:?}");
            }
        }
    }

    /// Parents are refused just where walking from one to the next does not end.
    #[test]
    fn a_circle_of_parents_is_found_wherever_it_is(parents in prop::collection::vec(prop::option::of(0_usize..12), 12)) {
        let mut csv = String::from("id,parent\n");
        for (at, parent) in parents.iter().enumerate() {
            let parent = parent.map(|parent| format!("a{parent}")).unwrap_or_default();
            writeln!(csv, "a{at},{parent}").expect("text");
        }
        let ends = |from: usize| {
            let mut at = Some(from);
            (0..=parents.len()).for_each(|_| at = at.and_then(|at| parents[at]));
            at.is_none()
        };
        let all_end = (0..parents.len()).all(ends);
        let read = Registry::read(csv.as_bytes(), Notation::Csv);
        prop_assert_eq!(read.is_ok(), all_end, "{:?}", read.err());
    }

    /// Each field of an antenna is what the last entry says that says something, its own entry last.
    #[test]
    fn each_field_is_that_of_the_last_entry_that_has_it(
        entries in prop::collection::vec(
            ("a[01*?]{1,2}", prop::option::of("[xyz]"), prop::option::of(1_i64..5), prop::option::of(any::<bool>())),
            0..8,
        ),
    ) {
        let mut seen = BTreeSet::new();
        // Two stars beside each other are refused.
        let entries = entries.into_iter().filter(|(id, ..)| !id.contains("**"));
        let is_new = |id: &str| id.contains(['*', '?']) || seen.insert(id.to_owned());
        let entries: Vec<_> = entries.filter({
            let mut is_new = is_new;
            move |(id, ..)| is_new(id)
        }).collect();
        let mut text = String::new();
        for (id, site, raise_after, muted) in &entries {
            writeln!(text, "[[antenna]]\nid = {id:?}").expect("text");
            if let Some(site) = site { writeln!(text, "site = {site:?}").expect("text"); }
            if let Some(raise_after) = raise_after { writeln!(text, "raise_after = {raise_after}").expect("text"); }
            if let Some(muted) = muted { writeln!(text, "muted = {muted}").expect("text"); }
        }
        let registry = toml(&text);
        for id in ["a", "a0", "a1", "a00", "a01", "a10", "a11"] {
            let is_of = |glob: &str| Glob::new(glob).expect("a glob").matches(id);
            let matching: Vec<_> = entries.iter().filter(|(entry, ..)| is_of(entry)).collect();
            let (own, globs): (Vec<_>, Vec<_>) = matching.into_iter().partition(|(entry, ..)| entry == id);
            let all: Vec<_> = globs.into_iter().chain(own).collect();
            let description = registry.of(id);
            let site = all.iter().rev().find_map(|(_, site, ..)| site.as_deref());
            prop_assert_eq!(description.site.as_deref(), site);
            let raise_after = all.iter().rev().find_map(|(_, _, raise_after, _)| *raise_after);
            prop_assert_eq!(description.raise_after.map(i64::from), raise_after);
            prop_assert_eq!(description.muted, all.iter().rev().find_map(|(.., muted)| *muted).unwrap_or(false));
        }
    }
}

/// A mounted `ConfigMap` is a link to a link, and another folder takes the place of the one behind it.
#[test]
fn a_file_that_is_replaced_by_a_link_is_taken_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let mount = |version: &str, text: &str| {
        std::fs::create_dir(at(version)).expect("a folder");
        std::fs::write(at(version).join("antennas.toml"), text).expect("a file");
        symlink(version, at("data_tmp")).expect("a link");
        std::fs::rename(at("data_tmp"), at("data")).expect("a link takes another's place");
    };
    mount("1", "[[antenna]]\nid = \"a\"\nsite = \"one\"");
    symlink("data/antennas.toml", at("antennas.toml")).expect("a link");
    let kept = KeptRegistry::open(Some(&at("antennas.toml"))).expect("a file");
    let site = || kept.current().of("a").site.as_deref().map(str::to_owned);
    let first = kept.current().version();
    kept.look();
    kept.look();
    assert_eq!((site().as_deref(), kept.current().version()), (Some("one"), first), "nothing changed");

    mount("2", "[[antenna]]\nid = \"a\"\nsite = \"two\"");
    kept.look();
    assert_eq!(site().as_deref(), Some("one"), "it may be written just now");
    kept.look();
    assert_eq!(site().as_deref(), Some("two"));
    assert_ne!(kept.current().version(), first);

    mount("3", "[[antenna]]\nid = \"a\"\nsite = \"three\"\n[[antenna]]\nid = \"b\"\nmuted = \"yes\"");
    (0..2).for_each(|_| kept.look());
    assert_eq!(site().as_deref(), Some("two"), "all of it or nothing");
    assert!(kept.trouble().is_some_and(|why| why.contains("line 6, column 9")), "{:?}", kept.trouble());
    std::fs::remove_file(at("data")).expect("a link");
    (0..2).for_each(|_| kept.look());
    assert!(kept.trouble().is_some_and(|why| why.contains("there is no such file")), "{:?}", kept.trouble());

    mount("4", "[[antenna]]\nid = \"a\"\nsite = \"two\"\nmuted = true");
    (0..2).for_each(|_| kept.look());
    assert_eq!((site().as_deref(), kept.trouble()), (Some("two"), None));
    assert!(kept.current().of("a").muted);
}

#[test]
fn a_file_of_no_use_at_the_start_is_told_with_its_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("antennas.CSV");
    let open = || KeptRegistry::open(Some(&path)).expect_err("no file of use");
    assert!(open().ends_with("of --antennas-file (ANTENNAS_FILE): there is no such file"), "{}", open());
    std::fs::write(&path, "id,muted\na,perhaps").expect("a file");
    assert!(open().ends_with("(ANTENNAS_FILE): line 2, column 2: true or false is needed"), "{}", open());
}
