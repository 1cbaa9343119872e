//! The ledger as an equation: what was added to the stream is the sum of where it went.

use shared::api::Ledger;

use crate::format;
use crate::language::Language;
use crate::model::Level;

/// A term of the ledger's equation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LedgerTerm {
    /// The sign before it: empty, `=` or `+`.
    pub(crate) sign: &'static str,
    pub(crate) count: String,
    pub(crate) label: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// Whether it is not zero although it should be.
    pub(crate) is_bad: bool,
}

/// A count, its label and its meaning, both in English and in Spanish.
type Column = (Option<u64>, [&'static str; 2], [&'static str; 2]);

pub(super) fn ledger(totals: &Ledger, language: Language) -> Vec<LedgerTerm> {
    let rejected = totals.rejected.values().sum();
    let columns = [
        (
            totals.entries_added,
            ["added", "añadidas"],
            ["entries ever added to the stream", "entradas añadidas al flujo desde siempre"],
        ),
        (Some(totals.counted), ["counted", "contadas"], ["in a window", "en una ventana"]),
        (
            Some(totals.duplicates),
            ["duplicates", "duplicadas"],
            ["sent again, counted once", "enviadas otra vez, contadas una"],
        ),
        (Some(rejected), ["rejected", "rechazadas"], ["broke a rule, see below", "incumplen una regla, ver abajo"]),
        (
            Some(totals.too_late),
            ["too late", "tardías"],
            ["older than everything kept", "más antiguas que todo lo conservado"],
        ),
        (totals.lag, ["to read", "por leer"], ["still in the stream", "aún en el flujo"]),
        (
            Some(totals.untracked),
            ["untracked", "sin seguir"],
            ["of antennas beyond ANTENNAS_MAX", "de antenas más allá de ANTENNAS_MAX"],
        ),
        (
            Some(totals.trimmed_unread),
            ["lost unread", "perdidas sin leer"],
            ["removed before they were read", "eliminadas antes de leerse"],
        ),
        (
            Some(totals.lost_by_broker),
            ["lost by Redis", "perdidas por Redis"],
            ["confirmed, and gone when Redis went back", "confirmadas, y ausentes cuando Redis retrocedió"],
        ),
    ];
    // What was lost stands at the end.
    equation(columns, 1, |position| position > 5, language)
}

/// Where the entries counted and the readings imported are now; empty if analytics does not tell.
pub(super) fn whereabouts(totals: &Ledger, has_archive: bool, language: Language) -> Vec<LedgerTerm> {
    let Some(in_memory) = totals.in_memory else { return Vec::new() };
    let archived = (has_archive || totals.archived > 0).then_some((
        Some(totals.archived),
        ["archived", "archivadas"],
        ["in files of the archive", "en ficheros del archivo histórico"],
    ));
    let counted = (Some(totals.counted), ["counted", "contadas"], ["in a window", "en una ventana"]);
    let imported = (totals.imported > 0).then_some((
        Some(totals.imported),
        ["imported", "importadas"],
        ["from files of other systems", "de ficheros de otros sistemas"],
    ));
    let memory = (Some(in_memory), ["in memory", "en memoria"], ["within RETENTION", "dentro de RETENTION"]);
    let expired = (
        Some(totals.expired),
        ["expired", "caducadas"],
        ["older than what is kept, in no file", "más antiguas que lo conservado, en ningún fichero"],
    );
    let left: Vec<Column> = [counted].into_iter().chain(imported).collect();
    let are_left = left.len();
    equation(left.into_iter().chain([memory]).chain(archived).chain([expired]), are_left, |_| false, language)
}

/// So many first columns add up to what the others do. Some should be zero.
fn equation(
    columns: impl IntoIterator<Item = Column>,
    left: usize,
    should_be_zero: impl Fn(usize) -> bool,
    language: Language,
) -> Vec<LedgerTerm> {
    let term = |(position, (count, label, meaning)): (usize, Column)| LedgerTerm {
        sign: match position {
            0 => "",
            _ if position == left => "=",
            _ => "+",
        },
        count: format::count_if_known(count),
        label: language.text(label[0], label[1]),
        meaning: language.text(meaning[0], meaning[1]),
        is_bad: should_be_zero(position) && count.is_some_and(|count| count > 0),
    };
    columns.into_iter().enumerate().map(term).collect()
}

pub(super) fn balance(totals: &Ledger, language: Language) -> Option<(Level, String)> {
    Some(match totals.imbalance? {
        0 => (Level::Good, language.text("It adds up exactly.", "Cuadra exactamente.").to_owned()),
        imbalance => (
            Level::Bad,
            match language {
                Language::English => format!("It is off by {imbalance}."),
                Language::Spanish => format!("Descuadra en {imbalance}."),
            },
        ),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use shared::Rejection;

    use super::super::tests::{number, shown};
    use super::*;

    pub(in super::super) fn ledgers() -> impl Strategy<Value = Ledger> {
        let count = || 0..1_000_000_000_u64;
        let imported = prop_oneof![Just(0), 1..1_000_000_000_u64];
        let whereabouts = (any::<bool>(), imported, count(), count(), count());
        let rejected = prop::collection::btree_map(prop::sample::select(Rejection::ALL.to_vec()), count(), 0..9);
        (whereabouts, count(), rejected, count(), count(), count(), count(), count()).prop_map(
            |(
                (is_told, imported, in_memory, archived, expired),
                duplicates,
                rejected,
                too_late,
                untracked,
                lag,
                trimmed_unread,
                lost_by_broker,
            )| Ledger {
                entries_added: Some(
                    in_memory
                        + archived
                        + expired
                        + duplicates
                        + rejected.values().sum::<u64>()
                        + too_late
                        + untracked
                        + lag
                        + trimmed_unread
                        + lost_by_broker,
                ),
                counted: in_memory + archived + expired,
                imported,
                moved: 0,
                in_memory: is_told.then_some(in_memory),
                archived: archived + imported,
                expired,
                duplicates,
                rejected,
                too_late,
                untracked,
                lag: Some(lag),
                trimmed_unread,
                lost_by_broker,
                imbalance: Some(0),
            },
        )
    }

    proptest! {
        #[test]
        fn the_terms_of_the_ledger_add_up_as_they_are_shown(ledger in ledgers()) {
            let terms = super::ledger(&ledger, Language::English);
            let signs: Vec<&str> = terms.iter().map(|term| term.sign).collect();
            prop_assert_eq!(signs, ["", "=", "+", "+", "+", "+", "+", "+", "+"]);
            let counts: Vec<u64> = terms.iter().map(|term| number(&term.count)).collect();
            prop_assert_eq!(counts[0], counts[1..].iter().sum::<u64>());
            prop_assert_eq!(balance(&ledger, Language::English).map(|balance| balance.0), Some(Level::Good));
        }

        #[test]
        fn where_the_counted_ones_are_adds_up_and_is_shown_only_where_it_is_told(ledger in ledgers(), has_archive: bool) {
            let terms = whereabouts(&ledger, has_archive, Language::English);
            prop_assert_eq!(terms.is_empty(), ledger.in_memory.is_none());
            let sum = |terms: &[LedgerTerm]| terms.iter().map(|term| number(&term.count)).sum::<u64>();
            if let Some(equals) = terms.iter().position(|term| term.sign == "=") {
                let (left, right) = terms.split_at(equals);
                prop_assert_eq!(sum(left), sum(right));
                prop_assert_eq!(sum(left), ledger.counted + ledger.imported);
                prop_assert_eq!(left.iter().any(|term| term.label == "imported"), ledger.imported > 0);
                let has_files = terms.iter().any(|term| term.label == "archived");
                prop_assert_eq!(has_files, has_archive || ledger.archived > 0);
            }
        }
    }

    #[test]
    fn an_imbalance_is_bad_in_whichever_direction_it_lies() {
        for imbalance in [-3, 1, 1_000_000] {
            let screen = shown(|figures| figures.pipeline.totals.imbalance = Some(imbalance));
            assert_eq!((screen.verdict.level, &*screen.verdict.sentence), (Level::Bad, "The ledger does not add up"));
            assert_eq!(screen.balance, Some((Level::Bad, format!("It is off by {imbalance}."))));
        }
        let screen = shown(|_| ());
        assert_eq!((screen.verdict.level, screen.balance.unwrap().0), (Level::Good, Level::Good));
    }

    #[test]
    fn what_was_lost_unread_is_bad_and_nothing_else_of_the_ledger_is() {
        let bad = |trimmed, lost| {
            let screen = shown(|figures| {
                figures.pipeline.totals.trimmed_unread = trimmed;
                figures.pipeline.totals.lost_by_broker = lost;
            });
            screen.ledger.iter().map(|term| term.is_bad).collect::<Vec<_>>()
        };
        assert_eq!(bad(0, 0), [false; 9]);
        assert_eq!(bad(1, 0), [false, false, false, false, false, false, false, true, false]);
        assert_eq!(bad(0, 1), [false, false, false, false, false, false, false, false, true]);
    }
}
