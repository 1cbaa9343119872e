//! What the registry says of antennas, as columns beside what they measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use polars::prelude::*;
use shared::api::About;

use super::{View, rows};
use crate::registry::{Description, Position};
use crate::store::expressions::answer::{ABOUT, ANTENNA_ID, LABELS, LATITUDE, LONGITUDE, NAME, PARENT, SITE};

impl View<'_> {
    /// A table of antennas with what the registry says of them: the columns of [`ABOUT`], null where it says nothing.
    pub(super) fn with_about(&self, antennas: DataFrame) -> PolarsResult<DataFrame> {
        let mut antennas = antennas;
        let columns = match self.registry {
            Some(registry) if !registry.is_empty() => {
                let ids = antennas.column(ANTENNA_ID)?.str()?;
                let described = ids.iter().map(|id| registry.of(id.unwrap_or_default()));
                columns_of(&described.collect::<Vec<_>>())?
            }
            _ => {
                let kind =
                    |name| if [LATITUDE, LONGITUDE].contains(&name) { DataType::Float64 } else { DataType::String };
                ABOUT.map(|name| Column::full_null(name.into(), antennas.height(), &kind(name)))
            }
        };
        for column in columns {
            antennas.with_column(column)?;
        }
        Ok(antennas)
    }
}

fn columns_of(described: &[Arc<Description>]) -> PolarsResult<[Column; ABOUT.len()]> {
    let text = |name: &str, of: fn(&Description) -> Option<&str>| {
        Column::new(name.into(), described.iter().map(|it| of(it)).collect::<Vec<_>>())
    };
    let degrees = |name: &str, of: fn(&Position) -> f64| {
        Column::new(name.into(), described.iter().map(|it| it.position.as_ref().map(of)).collect::<Vec<_>>())
    };
    let labels = described.iter().map(|it| labels_as_text(it)).collect::<PolarsResult<Vec<_>>>()?;
    Ok([
        text(NAME, |it| it.name.as_deref()),
        text(SITE, |it| it.site.as_deref()),
        Column::new(LABELS.into(), labels),
        degrees(LATITUDE, |it| it.latitude),
        degrees(LONGITUDE, |it| it.longitude),
        text(PARENT, |it| it.parent.as_deref()),
    ])
}

/// The labels as an object of JSON, in which no table has a place for lists; `None` where there are none.
fn labels_as_text(description: &Description) -> PolarsResult<Option<String>> {
    let labels: BTreeMap<&str, &str> = description.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
    let text = (!labels.is_empty()).then(|| serde_json::to_string(&labels)).transpose();
    text.map_err(|error| polars_err!(ComputeError: "{error}"))
}

/// What antennas are, row by row, of a table with the columns of [`ABOUT`].
pub(super) fn abouts(table: &DataFrame) -> PolarsResult<Vec<About>> {
    let (names, sites, labels) = (rows::texts(table, NAME)?, rows::texts(table, SITE)?, rows::texts(table, LABELS)?);
    let (latitudes, longitudes) = (rows::numbers(table, LATITUDE)?, rows::numbers(table, LONGITUDE)?);
    let parents = rows::texts(table, PARENT)?;
    let about = |row: usize| -> PolarsResult<About> {
        let labels = labels[row].as_deref().map(serde_json::from_str).transpose();
        Ok(About {
            name: names[row].clone(),
            site: sites[row].clone(),
            labels: labels.map_err(|error| polars_err!(ComputeError: "{error}"))?.unwrap_or_default(),
            latitude: latitudes[row],
            longitude: longitudes[row],
            parent: parents[row].clone(),
        })
    };
    (0..table.height()).map(about).collect()
}
