//! What the API says of itself, in Spanish. The English is that of the OpenAPI document.

use crate::language::Language;

/// What something means, and the language of the text if it is not that of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) text: String,
    pub(crate) foreign: Option<&'static str>,
}

/// The meaning in a language, or else as the document has it.
pub(crate) fn meaning(english: &str, language: Language) -> Meaning {
    let spanish = || SPANISH.iter().find(|(known, _)| *known == english).map(|(_, spanish)| *spanish);
    let (text, foreign) = match language {
        Language::English => (english, None),
        Language::Spanish => spanish().map_or((english, Some("en")), |spanish| (spanish, None)),
    };
    Meaning { text: text.to_owned(), foreign }
}

const SPANISH: &[(&str, &str)] = &[
    // Routes.
    ("One window over the whole network.", "Una ventana de toda la red."),
    ("Antennas, searched, sorted and paged.", "Las antenas: con búsqueda, orden y paginación."),
    ("One antenna.", "Una antena."),
    ("The worst antennas.", "Las peores antenas."),
    (
        "The sites of `ANTENNAS_FILE` that antennas are at, with how these fare together.",
        "Los emplazamientos de `ANTENNAS_FILE` en los que hay antenas, y cómo están estas en conjunto.",
    ),
    (
        "The sites of `ANTENNAS_FILE` that have a public name: their state, their days, and their incidents.",
        "Los emplazamientos de `ANTENNAS_FILE` que tienen un nombre público: su estado, sus días y sus incidentes.",
    ),
    ("How many days of UTC, the present one included.", "Cuántos días de UTC, contando el presente."),
    (
        "Where antennas stand by `ANTENNAS_FILE`, worst first; more than 500 as clusters.",
        "Dónde están las antenas según `ANTENNAS_FILE`, las peores primero; más de 500, agrupadas.",
    ),
    ("A window in steps.", "Una ventana por tramos."),
    (
        "All antennas over time, worst first; where there are more than rows, the better ones share rows.",
        "Todas las antenas a lo largo del tiempo, las peores primero; si no caben, las mejores comparten fila.",
    ),
    (
        "When antennas degraded, went down or fell silent, newest start first.",
        "Cuándo se degradaron, cayeron o enmudecieron las antenas, lo más reciente primero.",
    ),
    (
        "The readings of an antenna that were counted last, newest arrival first. They are kept in memory and not across a restart.",
        "Las últimas lecturas contadas de una antena, la más reciente primero. Se guardan en memoria y no sobreviven a un reinicio.",
    ),
    (
        "What each antenna measured in each step, oldest step first, then by id. The table is written as it is read, so it has no `ETag`.",
        "Lo que midió cada antena en cada tramo, del más antiguo al más reciente y por identificador. La tabla se escribe según se \
         lee, así que no lleva `ETag`.",
    ),
    (
        "How many entries were rejected and why, with the newest examples.",
        "Cuántas entradas se rechazaron y por qué, con los ejemplos más recientes.",
    ),
    (
        "Who was told of which incidents, what failed and why, and how the receivers are.",
        "A quién se avisó de qué incidentes, qué falló y por qué, y cómo están los destinatarios.",
    ),
    (
        "Of which antennas nobody is told, until when, and why.",
        "De qué antenas no se avisa a nadie, hasta cuándo y por qué.",
    ),
    ("Which incidents somebody takes care of.", "De qué incidentes se ocupa alguien."),
    (
        "The windows of maintenance in which it is now, and the next ones, of `ALERTS_FILE` and as people said.",
        "Los mantenimientos de ahora y los próximos, de `ALERTS_FILE` y los que programaron personas.",
    ),
    (
        "Who muted and acknowledged what, or planned maintenance, and when, newest first.",
        "Quién silenció y atendió qué, o programó mantenimiento, y cuándo, lo más reciente primero.",
    ),
    (
        "What operators tell everybody of sites, newest first.",
        "Lo que los operadores dicen a todos de los emplazamientos, lo más reciente primero.",
    ),
    ("The most entries to return.", "El máximo de entradas que se devuelven."),
    ("Only deliveries to this receiver.", "Solo los envíos a este destinatario."),
    ("The most deliveries to return.", "El máximo de envíos que se devuelven."),
    ("Progress and the ledger.", "El avance y el libro de cuentas."),
    (
        "The pace of the pipeline over the last five minutes, in steps of two seconds.",
        "El ritmo del proceso en los últimos cinco minutos, en tramos de dos segundos.",
    ),
    (
        "The original contract's metrics as JSON over the default window, or Prometheus exposition.",
        "Las métricas del contrato original en JSON sobre la ventana por omisión, o la exposición de Prometheus.",
    ),
    ("Whether the process works. Does not depend on the broker.", "Si el proceso funciona. No depende del broker."),
    ("Whether readings are read and committed.", "Si se leen y confirman lecturas."),
    ("Readiness under its older name.", "Lo mismo que `/readyz`, con su nombre antiguo."),
    (
        "The default window's summary, now and after each change.",
        "El resumen de la ventana por omisión, ahora y tras cada cambio.",
    ),
    ("This description.", "Esta descripción."),
    // Parameters.
    (
        "Length of the window, as `30s`, `5m` or `1h`; 5 minutes by default, and at most what is retained.",
        "Duración de la ventana, como `30s`, `5m` o `1h`; 5 minutos por omisión y, como máximo, lo que se retiene.",
    ),
    (
        "Where the window ends: `latest` (default) is the newest event time counted, `watermark` the same with each event time \
         bounded by its arrival, `now` the current time; otherwise a time in RFC 3339 or in Unix seconds.",
        "Dónde acaba la ventana: `latest` (por omisión) es la hora de evento más reciente contada; `watermark`, lo mismo con cada \
         hora limitada por su llegada; `now`, la hora actual; si no, una hora en RFC 3339 o en segundos Unix.",
    ),
    (
        "By what antennas are sorted; `status` is worst first.",
        "Por qué se ordenan las antenas; con `status`, las peores primero.",
    ),
    (
        "By what sites are sorted; `status` is worst first: by antennas down, then degraded, silent and unsettled.",
        "Por qué se ordenan los emplazamientos; con `status`, los peores primero: por antenas caídas, luego degradadas, sin señal e \
         inestables.",
    ),
    (
        "Whether the smallest or the largest comes first. Unknown values come last in either order.",
        "Si va primero lo menor o lo mayor. Lo desconocido va siempre al final.",
    ),
    (
        "The most rows to return. Without it, CSV, Arrow and Parquet have all of them, up to the maximum; the default is that of JSON.",
        "El máximo de filas. Sin él, CSV, Arrow y Parquet las tienen todas, hasta el máximo; el valor por omisión es el de JSON.",
    ),
    (
        "Sorts antennas by the name of their site first, those at none last.",
        "Ordena las antenas primero por el nombre de su emplazamiento; las que no tienen, al final.",
    ),
    (
        "A row for each site in place of each antenna, the worst first; antennas at none share the last one.",
        "Una fila por emplazamiento en vez de por antena, los peores primero; las antenas sin emplazamiento comparten la última.",
    ),
    ("Rows to skip first.", "Filas que se saltan al principio."),
    (
        "Only antennas whose id or name contains this text, ignoring case.",
        "Solo antenas cuyo identificador o nombre contenga este texto, sin distinguir mayúsculas.",
    ),
    (
        "Only the antenna with exactly this id, including one that no path can hold.",
        "Solo la antena con exactamente este identificador, aunque no quepa en una ruta.",
    ),
    (
        "Only antennas with this status, or with one of several separated by commas.",
        "Solo antenas en este estado, o en uno de varios separados por comas.",
    ),
    (
        "Only antennas with this status in the window, or with one of several separated by commas.",
        "Solo antenas con este estado en la ventana, o con uno de varios separados por comas.",
    ),
    (
        "Only antennas that are flapping, whatever their status, or only those that are not.",
        "Solo antenas intermitentes, sea cual sea su estado, o solo las que no lo son.",
    ),
    (
        "Only antennas that are flapping in the window, whatever their status, or only those that are not.",
        "Solo antenas intermitentes en la ventana, sea cual sea su estado, o solo las que no lo son.",
    ),
    (
        "Only antennas at the site with exactly this name.",
        "Solo antenas del emplazamiento con exactamente este nombre.",
    ),
    (
        "Only antennas with this label, as `key:value`; given several times, with all of them.",
        "Solo antenas con esta etiqueta, como `clave:valor`; si se da varias veces, con todas ellas.",
    ),
    (
        "Adds each antenna's history in steps of this length, rounded up to whole panes; not in CSV.",
        "Añade la evolución de cada antena en tramos de esta duración, redondeada hacia arriba a paneles enteros; no en CSV.",
    ),
    (
        "Adds each antenna's history in steps of this length, rounded up to whole panes.",
        "Añade la evolución de cada antena en tramos de esta duración, redondeada hacia arriba a paneles enteros.",
    ),
    (
        "The format of the answer. It takes precedence over the header `Accept`.",
        "El formato de la respuesta. Prevalece sobre la cabecera `Accept`.",
    ),
    (
        "1 refuses an answer from which partitions are missing, with 503; without it, the answer names them.",
        "1 rechaza con 503 una respuesta en la que falten particiones; sin él, la respuesta las nombra.",
    ),
    (
        "The form of the answer. It takes precedence over the header `Accept`, which some scrapers cannot set.",
        "La forma de la respuesta. Prevalece sobre la cabecera `Accept`, que algunos recolectores no pueden fijar.",
    ),
    ("The antenna's id, percent-encoded.", "El identificador de la antena, con codificación por ciento."),
    (
        "Length of a step, rounded up to whole panes; a sixtieth of the window by default.",
        "Duración de un tramo, redondeada hacia arriba a paneles enteros; por omisión, un sesentavo de la ventana.",
    ),
    ("Only this antenna.", "Solo esta antena."),
    (
        "Length of a step, rounded up to whole panes; by default a sixtieth of the window, or a multiple of 12 panes if that is \
         longer than 11.",
        "Duración de un tramo, redondeada hacia arriba a paneles enteros; por omisión, un sesentavo de la ventana, o un múltiplo \
         de 12 paneles si pasa de 11.",
    ),
    ("The most rows to return.", "El máximo de filas."),
    (
        "Only incidents that overlap a window of this length; by default all that are kept.",
        "Solo incidentes que coincidan con una ventana de esta duración; por omisión, todos los que se guardan.",
    ),
    (
        "Where the window ends, as in the summary; only together with `window`.",
        "Dónde acaba la ventana, como en el resumen; solo junto con `window`.",
    ),
    (
        "Only marks within `west,south,east,north`, in degrees of WGS 84; across the antimeridian where `west` is above `east`.",
        "Solo marcas dentro de `oeste,sur,este,norte`, en grados de WGS 84; a través del antimeridiano si `oeste` supera a `este`.",
    ),
    ("Only incidents of this kind.", "Solo incidentes de este tipo."),
    (
        "Only incidents that are going on, or only those that have ended.",
        "Solo incidentes en curso, o solo los que han acabado.",
    ),
    ("Only incidents of this antenna.", "Solo incidentes de esta antena."),
    (
        "Only incidents of antennas whose id contains this text, ignoring case.",
        "Solo incidentes de antenas cuyo identificador contenga este texto, sin distinguir mayúsculas.",
    ),
    (
        "Only incidents of antennas that are at the site with exactly this name.",
        "Solo incidentes de antenas que estén en el emplazamiento con exactamente este nombre.",
    ),
    (
        "Only incidents of antennas with this label, as `key:value`; given several times, with all of them.",
        "Solo incidentes de antenas con esta etiqueta, como `clave:valor`; si se da varias veces, con todas ellas.",
    ),
    ("The antenna's id.", "El identificador de la antena."),
    (
        "The most readings to return. Without it, CSV, Arrow and Parquet have all that are kept, up to the maximum; the default is \
         that of JSON.",
        "El máximo de lecturas. Sin él, CSV, Arrow y Parquet tienen todas las que se guardan, hasta el máximo; el valor por \
         omisión es el de JSON.",
    ),
    ("Only examples of this reason.", "Solo ejemplos con este motivo."),
    ("The most examples to return.", "El máximo de ejemplos."),
    ("What antennas are ranked by.", "Por qué se clasifican las antenas."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use shared::api::description::document;

    use super::*;

    /// What the document says of routes and parameters.
    fn said() -> BTreeSet<String> {
        let document = document();
        let operations = document["paths"].as_object().unwrap().values().map(|path| &path["get"]);
        let texts = operations.flat_map(|operation| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            parameters.map(|parameter| &parameter["description"]).chain([&operation["summary"]]).collect::<Vec<_>>()
        });
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    #[test]
    fn everything_that_is_said_of_routes_and_parameters_is_said_in_spanish_and_nothing_else() {
        let known: BTreeSet<String> = SPANISH.iter().map(|(english, _)| (*english).to_owned()).collect();
        assert_eq!((known.len(), known), (SPANISH.len(), said()));
    }

    #[test]
    fn what_has_no_translation_says_that_it_is_english() {
        let unknown = meaning("Something new.", Language::Spanish);
        assert_eq!((unknown.text.as_str(), unknown.foreign), ("Something new.", Some("en")));
        assert_eq!(meaning("Something new.", Language::English).foreign, None);
    }
}
