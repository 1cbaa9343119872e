//! What a command prints, compared with what the guide shows. `...` within a line stands for anything in that line; a
//! line that is `...` stands for any number of lines. White space counts as one space, since a table's columns are as
//! wide as their contents.

const ANYTHING: &str = "...";

/// Whether the whole output matches what the guide shows.
pub(crate) fn is_as_shown(shown: &str, printed: &str) -> bool {
    lines_match(&spaced(shown), &spaced(printed))
}

fn spaced(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == ANYTHING => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others))
        }
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANYTHING) else { return shown == printed };
    let Some(printed) = printed.strip_prefix(start) else { return false };
    let mut places = printed.char_indices().map(|(place, _)| place).chain([printed.len()]);
    places.any(|place| line_matches(rest, &printed[place..]))
}

#[test]
fn only_what_is_left_open_may_differ() {
    for (shown, printed) in [
        ("ok", "ok\n"),
        ("a ... c", "a b c"),
        ("a...", "a"),
        ("...\nlast", "last\n"),
        ("...\nlast", "first\nsecond\nlast\n"),
        ("pod-...   1/1 ...", "pod-x7f8b-22   1/1     Running  "),
        ("...a...b", "a a b b"),
    ] {
        assert!(is_as_shown(shown, printed), "{shown:?} {printed:?}");
    }
    for (shown, printed) in [
        ("ok", "ok\nand more"),
        ("ok", ""),
        ("a ... c", "a b c d"),
        ("...\nlast", "last\nmore"),
        ("a...b", "a\nb"),
        ("", "unasked"),
    ] {
        assert!(!is_as_shown(shown, printed), "{shown:?} {printed:?}");
    }
}
