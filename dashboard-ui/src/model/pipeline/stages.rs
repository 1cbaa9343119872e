//! The stages of a batch: how long each takes, and its share of the whole.

use shared::api::{BatchTimes, Pipeline, PipelineSample};

use crate::language::Language;

/// A stage of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    /// In the last batch.
    pub(crate) last: String,
    /// Per batch, over the last minutes.
    pub(crate) mean: String,
    /// Its share of all stages over the last minutes, from 0 to 1.
    pub(crate) share: f64,
}

pub(super) fn stages(pipeline: &Pipeline, samples: &[PipelineSample], language: Language) -> Vec<Stage> {
    let batch = pipeline.batches.last.as_ref();
    let sum = |value: fn(&PipelineSample) -> f64| samples.iter().map(value).sum::<f64>();
    let total = sum(|it| it.read_ms + it.decode_ms + it.aggregate_ms + it.merge_ms + it.commit_ms);
    let batches: u64 = samples.iter().map(|sample| sample.batches).sum();
    let commits: u64 = samples.iter().map(|sample| sample.commits).sum();
    let of_batch = |value: fn(&BatchTimes) -> f64| batch.map(value);
    let (read, decode) = (of_batch(|it| it.read_ms), of_batch(|it| it.decode_ms));
    let (aggregate, merge) = (of_batch(|it| it.aggregate_ms), of_batch(|it| it.merge_ms));
    let stage =
        |[name, spanish_name]: [&'static str; 2], [meaning, spanish]: [&'static str; 2], last, sum: f64, count| Stage {
            name: language.text(name, spanish_name),
            meaning: language.text(meaning, spanish),
            last: language.latency(last),
            mean: language.latency((count > 0).then(|| sum / count as f64)),
            share: if total > 0.0 { sum / total } else { 0.0 },
        };
    let bytes = ["the reply’s bytes from the broker", "los bytes de la respuesta del broker"];
    let columns = ["bytes to columns, rules checked", "bytes a columnas, reglas comprobadas"];
    let sums = ["columns to sums by pane and antenna", "columnas a sumas por panel y antena"];
    let panes = ["sums into the panes, visible from here on", "sumas en los paneles, visibles desde aquí"];
    let state = ["state and cursor, in one transaction", "estado y cursor, en una transacción"];
    vec![
        stage(["Read", "Leer"], bytes, read, sum(|it| it.read_ms), batches),
        stage(["Decode", "Decodificar"], columns, decode, sum(|it| it.decode_ms), batches),
        stage(["Aggregate", "Agregar"], sums, aggregate, sum(|it| it.aggregate_ms), batches),
        stage(["Merge", "Combinar"], panes, merge, sum(|it| it.merge_ms), batches),
        stage(["Commit", "Commit"], state, pipeline.commits.last_ms, sum(|it| it.commit_ms), commits),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;

    #[test]
    fn stages_share_the_whole_and_their_means_are_of_a_batch_or_a_commit() {
        let screen = shown(|figures| {
            let samples = &mut figures.history.as_mut().unwrap().samples;
            samples.truncate(2);
            for sample in samples {
                (sample.batches, sample.commits) = (4, 2);
                (sample.read_ms, sample.decode_ms, sample.aggregate_ms) = (40.0, 20.0, 10.0);
                (sample.merge_ms, sample.commit_ms) = (10.0, 20.0);
            }
        });
        let means: Vec<String> = screen.stages.iter().map(|stage| stage.mean.replace('\u{202f}', "_")).collect();
        assert_eq!(means, ["10.0_ms", "5.0_ms", "2.5_ms", "2.5_ms", "10.0_ms"]);
        let shares: Vec<f64> = screen.stages.iter().map(|stage| stage.share).collect();
        assert_eq!(shares, [0.4, 0.2, 0.1, 0.1, 0.2]);
    }
}
