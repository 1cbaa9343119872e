//! Which antennas an answer is about.

use std::collections::BTreeSet;

use polars::prelude::*;
use shared::api::{Label, Labels, Status};

use super::View;
use super::network::contains;
use crate::store::expressions::answer::{ANTENNA_ID, FLAPPING, LABELS, NAME, SITE, STATUS};

/// Of any status.
static ANY: BTreeSet<Status> = BTreeSet::new();

/// What a request chooses antennas by; all of them where there is nothing.
pub(super) struct Choice<'a> {
    /// What the id or the name contains.
    pub(super) search: Option<&'a str>,
    /// Any of these; of none, any.
    pub(super) statuses: &'a BTreeSet<Status>,
    /// Whether they flap.
    pub(super) flapping: Option<bool>,
    /// Where they are.
    pub(super) site: Option<&'a str>,
    /// What is said of them.
    pub(super) labels: &'a Labels,
}

impl<'a> Choice<'a> {
    /// By what is said of them alone: whatever was measured, and whatever they are called.
    pub(super) fn by_place(site: Option<&'a str>, labels: &'a Labels) -> Self {
        Self { search: None, statuses: &ANY, flapping: None, site, labels }
    }

    /// Those rows of a table about antennas that are of chosen ones, in their order, with all columns.
    pub(super) fn of(&self, view: &View<'_>, antennas: &DataFrame) -> PolarsResult<LazyFrame> {
        // A form sends its empty fields too.
        let [search, site] = [self.search, self.site].map(|text| text.filter(|text| !text.is_empty()));
        let is = |status: &Status| col(STATUS).eq(lit(*status as u32));
        let is_found = |search| contains(ANTENNA_ID, search).or(contains(NAME, search).fill_null(lit(false)));
        let conditions = [
            self.statuses.iter().map(is).reduce(Expr::or),
            self.flapping.map(|flapping| col(FLAPPING).eq(lit(flapping))),
            search.map(is_found),
            site.map(|site| col(SITE).eq(lit(site.to_owned()))),
        ];
        let asks_what_they_are = search.is_some() || site.is_some() || !self.labels.0.is_empty();
        let antennas = if asks_what_they_are { view.with_about(antennas.clone())? } else { antennas.clone() };
        let conditions = conditions.into_iter().flatten().chain(self.labels.0.iter().map(has));
        Ok(match conditions.reduce(Expr::and) {
            Some(is_chosen) => antennas.lazy().filter(is_chosen),
            None => antennas.lazy(),
        })
    }
}

/// Whether an antenna has a label. In an object of JSON, whose keys have no quotes in them, the text of a member is nowhere else:
/// within a value, quotes have backslashes before them.
fn has(Label { key, value }: &Label) -> Expr {
    let member = format!("\"{key}\":{}", serde_json::Value::from(value.as_str()));
    col(LABELS).str().contains_literal(lit(member))
}
