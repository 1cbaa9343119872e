//! Rejected entries: how many for each reason, and the newest as they were in the stream.

use shared::Rejection;
use shared::api::{Ledger, RejectedExample, RejectedPage};

use crate::format;
use crate::language::Language;
use crate::model::{Moment, Scene};

/// Why entries were rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedReason {
    pub(crate) reason: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) count: String,
}

/// A rejected entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRow {
    /// Its id, behind the name of its stream where there are several.
    pub(crate) entry: String,
    pub(crate) at: Moment,
    pub(crate) reason: &'static str,
    /// Name and value of each field.
    pub(crate) fields: Vec<(String, String)>,
}

pub(super) fn reasons(totals: &Ledger, language: Language) -> Vec<RejectedReason> {
    let reason = |(reason, count): (&Rejection, &u64)| RejectedReason {
        reason: reason.as_str(),
        meaning: meaning(*reason, language),
        count: format::count(*count),
    };
    let mut counted: Vec<(&Rejection, &u64)> = totals.rejected.iter().filter(|(_, count)| **count > 0).collect();
    counted.sort_by(|a, b| b.1.cmp(a.1));
    counted.into_iter().map(reason).collect()
}

pub(super) fn rejected_rows(page: &RejectedPage, scene: &Scene<'_>) -> Vec<RejectedRow> {
    let row = |example: &RejectedExample| RejectedRow {
        entry: example.stream.iter().chain([&example.source_id]).cloned().collect::<Vec<_>>().join(" "),
        at: Moment::near(example.arrived_at, scene.now, scene.language()),
        reason: example.reason.as_str(),
        fields: example.fields.clone(),
    };
    page.newest.iter().map(row).collect()
}

const fn meaning(reason: Rejection, language: Language) -> &'static str {
    match reason {
        Rejection::MissingField => language.text("a required field is missing", "falta un campo obligatorio"),
        Rejection::BadAntennaId => language.text(
            "the id is empty, too long, or holds control characters",
            "el identificador está vacío, es demasiado largo o tiene caracteres de control",
        ),
        Rejection::BadTimestamp => language.text("the time is not Unix seconds", "la hora no son segundos Unix"),
        Rejection::BadPackets => language.text("packets is not a count", "packets no es una cantidad"),
        Rejection::BadLoss => language.text("loss is not a count", "loss no es una cantidad"),
        Rejection::LossExceedsPackets => language.text("more lost than sent", "más perdidos que enviados"),
        Rejection::BadLatency => {
            language.text("the latency is not a number from 0", "la latencia no es un número desde 0")
        }
        Rejection::BadSeq => language.text("seq is not a count", "seq no es una cantidad"),
        Rejection::Future => {
            language.text("the time lies ahead of the broker’s clock", "la hora está por delante del reloj del broker")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::tests::ledgers;
    use super::super::tests::{number, shown};
    use super::*;
    use crate::model::tests::pipeline;

    proptest! {
        #[test]
        fn reasons_add_up_to_what_was_rejected_most_frequent_first(ledger in ledgers()) {
            let reasons = reasons(&ledger, Language::English);
            let counts: Vec<u64> = reasons.iter().map(|reason| number(&reason.count)).collect();
            prop_assert!(counts.is_sorted_by(|a, b| a >= b) && counts.iter().all(|count| *count > 0));
            prop_assert_eq!(counts.iter().sum::<u64>(), ledger.rejected.values().sum::<u64>());
        }
    }

    #[test]
    fn rejected_entries_are_shown_as_they_stood() {
        let fields = vec![("a\nb".to_owned(), "<b>".to_owned()), (String::new(), String::new())];
        let screen = shown(|figures| figures.rejected.as_mut().unwrap().newest[0].fields = fields.clone());
        let rows = screen.rejected.unwrap();
        assert_eq!(rows[0].fields, fields);
        assert_eq!(rows.len(), pipeline().rejected.unwrap().newest.len());
        assert!(rows.is_sorted_by(|a, b| a.at.machine >= b.at.machine), "newest first");
    }

    #[test]
    fn every_reason_has_a_meaning_of_its_own_in_each_language() {
        for language in Language::ALL {
            let mut meanings = Rejection::ALL.map(|reason| meaning(reason, language)).to_vec();
            meanings.sort_unstable();
            meanings.dedup();
            assert_eq!(meanings.len(), Rejection::ALL.len());
        }
    }
}
