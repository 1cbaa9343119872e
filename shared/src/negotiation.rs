//! What a client prefers: the headers `Accept`, `Accept-Encoding` and `Accept-Language`.

/// The choices in one line of such a header with their weights, in their order (RFC 9110, section 12.4.2). A choice
/// without a weight has 1. One whose weight is not a number from 0 to 1 is left out, and so is one that the client
/// refuses with a weight of 0.
pub fn choices(line: &str) -> impl Iterator<Item = (&str, f32)> {
    line.split(',').filter_map(|part| {
        let mut parts = part.split(';').map(str::trim);
        let choice = parts.next().filter(|choice| !choice.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
        (weight > 0.0 && weight <= 1.0).then_some((choice, weight))
    })
}

/// Maps the choices in a header's lines with `offer`, and gives the result with the highest weight; of equal ones, the
/// first.
pub fn preferred<'a, T>(
    lines: impl IntoIterator<Item = &'a str>,
    mut offer: impl FnMut(&str) -> Option<T>,
) -> Option<T> {
    let mut best: Option<(T, f32)> = None;
    for (choice, weight) in lines.into_iter().flat_map(choices) {
        if best.as_ref().is_none_or(|(_, highest)| weight > *highest)
            && let Some(offered) = offer(choice)
        {
            best = Some((offered, weight));
        }
    }
    best.map(|(offered, _)| offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_their_weights() {
        let header = "text/html, text/csv;header=present;q=0.5 ,*/*;Q=0.1,a;q=0,b;q=x,c;q=-1,d;q=2,,e;q=NaN";
        let expected = [("text/html", 1.0), ("text/csv", 0.5), ("*/*", 0.1)];
        assert_eq!(choices(header).collect::<Vec<_>>(), expected);
        assert_eq!(choices("").count(), 0);
    }

    #[test]
    fn the_highest_weight_wins_then_the_first_named() {
        let offered = |header| preferred([header], |choice| ["a", "b"].into_iter().find(|offer| *offer == choice));
        assert_eq!(offered("c, a;q=0.5, b;q=0.5"), Some("a"));
        assert_eq!(offered("a;q=0.5, b;q=0.6"), Some("b"));
        assert_eq!(offered("a;q=0, c"), None);
        assert_eq!(preferred(["a;q=0.5", "b"], |choice| Some(choice.to_owned())).as_deref(), Some("b"), "of all lines");
    }
}
