//! Chunks of incidents as tables.

use std::sync::Arc;

use polars::prelude::*;
use shared::api::{IncidentEnding, IncidentKind};

use super::antennas::{decode_tallies, tally_columns};
use super::{decode_frame, encode_frame};
use crate::store::incidents::Finished;
use crate::store::trouble::Tally;

/// A table with a row for each incident, in the order in which they ended.
pub(super) fn encode_incidents(chunk: &[Finished]) -> PolarsResult<Vec<u8>> {
    fn texts<'a>(chunk: &'a [Finished], text: impl Fn(&'a Finished) -> &'a str) -> Vec<&'a str> {
        chunk.iter().map(text).collect()
    }
    let mut columns = vec![
        Column::new("antenna_id".into(), texts(chunk, |it| &it.antenna)),
        Column::new("kind".into(), texts(chunk, |it| it.kind.as_str())),
        Column::new("start_ms".into(), chunk.iter().map(|it| it.start_ms).collect::<Vec<_>>()),
        Column::new("end_ms".into(), chunk.iter().map(|it| it.end_ms).collect::<Vec<_>>()),
        Column::new("ended_by".into(), texts(chunk, |it| it.ended_by.as_str())),
    ];
    let tallies: Vec<Option<&Tally>> = chunk.iter().map(|it| Some(&it.tally)).collect();
    columns.extend(tally_columns("during", &tallies));
    encode_frame(&mut DataFrame::new(chunk.len(), columns)?)
}

/// Reads a chunk back.
pub(super) fn decode_incidents(bytes: &[u8]) -> PolarsResult<Vec<Finished>> {
    let frame = decode_frame(bytes)?;
    let texts = |name: &str| frame.column(name)?.str();
    let (antennas, kinds, endings) = (texts("antenna_id")?, texts("kind")?, texts("ended_by")?);
    let (starts, ends) = (frame.column("start_ms")?.i64()?, frame.column("end_ms")?.i64()?);
    let tallies = decode_tallies("during", &frame)?;
    let incidents = (0..frame.height()).map(|row| {
        let kind = kinds.get(row)?;
        let ended_by = endings.get(row)?;
        Some(Finished {
            antenna: Arc::from(antennas.get(row)?),
            kind: IncidentKind::ALL.into_iter().find(|known| known.as_str() == kind)?,
            start_ms: starts.get(row)?,
            end_ms: ends.get(row)?,
            ended_by: IncidentEnding::ALL.into_iter().find(|known| known.as_str() == ended_by)?,
            tally: tallies[row]?,
        })
    });
    let incidents: Option<Vec<Finished>> = incidents.collect();
    let incidents = incidents.ok_or_else(|| polars_err!(ComputeError: "a value is missing or unknown"))?;
    polars_ensure!(incidents.iter().all(|it| it.start_ms <= it.end_ms), ComputeError: "an incident ends before it begins");
    Ok(incidents)
}
