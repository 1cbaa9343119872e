//! Entries in TOML: a table `[[antenna]]` for each.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::fields::{Entry, Placed};
use crate::fault::{Fault, Place};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    antenna: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    id: Spanned<String>,
    name: Option<Spanned<String>>,
    site: Option<Spanned<String>>,
    public: Option<Spanned<String>>,
    #[serde(default)]
    labels: Labels,
    latitude: Option<Spanned<f64>>,
    longitude: Option<Spanned<f64>>,
    parent: Option<Spanned<String>>,
    uplink: Option<Spanned<bool>>,
    interval: Option<Spanned<String>>,
    degraded_success_rate: Option<Spanned<f64>>,
    degraded_latency: Option<Spanned<String>>,
    raise_after: Option<Spanned<i64>>,
    clear_after: Option<Spanned<i64>>,
    muted: Option<Spanned<bool>>,
}

/// In the order of the file.
#[derive(Default)]
struct Labels(Vec<(Spanned<String>, Spanned<String>)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Labels(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The entries of a text.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Fault> {
    let file: File = toml::from_str(text).map_err(|error| Fault::of_toml(text, &error))?;
    let places = Places::of(text);
    Ok(file.antenna.into_iter().map(|table| places.entry(table)).collect())
}

/// Where lines begin, in bytes.
struct Places<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let behind_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(behind_breaks).collect() }
    }

    fn place<T>(&self, spanned: Spanned<T>) -> Placed<T> {
        let at = spanned.span().start;
        let line = self.starts.partition_point(|start| *start <= at);
        let before = self.text.get(self.starts[line.saturating_sub(1)]..at).unwrap_or_default();
        let place = Place { line: line as u64, column: before.chars().count() as u64 + 1 };
        Placed { value: spanned.into_inner(), place }
    }

    fn entry(&self, table: Table) -> Entry {
        let text = |field: Option<Spanned<String>>| field.map(|field| self.place(field));
        let number = |field: Option<Spanned<f64>>| field.map(|field| self.place(field));
        let whole = |field: Option<Spanned<i64>>| field.map(|field| self.place(field));
        let flag = |field: Option<Spanned<bool>>| field.map(|field| self.place(field));
        let labels = table.labels.0.into_iter();
        Entry {
            id: self.place(table.id),
            name: text(table.name),
            site: text(table.site),
            public: text(table.public),
            labels: labels.map(|(key, value)| (self.place(key), self.place(value))).collect(),
            latitude: number(table.latitude),
            longitude: number(table.longitude),
            parent: text(table.parent),
            uplink: flag(table.uplink),
            interval: text(table.interval),
            degraded_success_rate: number(table.degraded_success_rate),
            degraded_latency: text(table.degraded_latency),
            raise_after: whole(table.raise_after),
            clear_after: whole(table.clear_after),
            muted: flag(table.muted),
        }
    }
}
