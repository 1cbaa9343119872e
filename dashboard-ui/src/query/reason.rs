//! What can be wrong with an address, and the words for it.

use std::borrow::Cow;

use crate::language::Language;

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A parameter is given twice, or is not text.
    Parameters,
    /// A parameter is not known to the page.
    Unknown(String),
    /// The range.
    Window,
    /// The end of the range.
    End,
    /// The order of the worst antennas.
    By,
    /// The order of the fleet.
    Sort,
    /// The status.
    Status,
    /// The site.
    Site,
    /// The order of sites.
    SiteSort,
    /// The stretch of a map.
    Box,
    /// What antennas are grouped by.
    Group,
    /// The label.
    Label,
    /// The kind of incidents.
    Kind,
    /// The state of incidents.
    State,
    /// Whether incidents are those of the range, or all.
    Scope,
    /// The order of incidents.
    IncidentSort,
    /// The search.
    Search,
    /// The page's number.
    Page,
    /// The antenna.
    Id,
    /// The month of a report.
    Month,
    /// What the range is compared with.
    Compare,
    /// How numbers stand in a file.
    Decimal,
    /// The host.
    Host,
}

impl Reason {
    /// What is wrong, explained to the person who typed the address.
    #[must_use]
    pub fn words(&self, language: Language) -> Cow<'static, str> {
        let words = match self {
            Self::Unknown(name) => {
                return Cow::Owned(match language {
                    Language::English => format!("This page has no parameter {name:?}. Take it out of the address."),
                    Language::Spanish => {
                        format!("Esta página no tiene el parámetro {name:?}. Quítelo de la dirección.")
                    }
                });
            }
            Self::Parameters => language.text(
                "A parameter is given twice, or is not text. Use each of them once.",
                "Un parámetro está repetido o no es texto. Use cada uno una sola vez.",
            ),
            Self::Window => language.text(
                "The range (window) is a length of time from 30s to 3660d, like 5m, 24h or 7d.",
                "El intervalo (window) es una duración de 30s a 3660d, como 5m, 24h o 7d.",
            ),
            Self::End => language.text(
                "The end of the range (end) is a time like 2025-11-24T14:47:05Z, or latest.",
                "El final del intervalo (end) es una hora como 2025-11-24T14:47:05Z, o latest.",
            ),
            Self::By => language.text(
                "The order (by) is one of failures, success_rate and latency.",
                "El orden (by) es failures, success_rate o latency.",
            ),
            Self::Sort => language.text(
                "The order (sort) is one of the columns of the table, and order is asc or desc.",
                "El orden (sort) es una de las columnas de la tabla, y order es asc o desc.",
            ),
            Self::Status => language.text(
                "The status is one of down, degraded, silent, healthy and unseen.",
                "El estado (status) es down, degraded, silent, healthy o unseen.",
            ),
            Self::Site => language.text(
                "The name of a site has 1 to 64 characters.",
                "El nombre de un emplazamiento tiene de 1 a 64 caracteres.",
            ),
            Self::SiteSort => language.text(
                "The order of sites (sort) is one of the columns of the table, and order is asc or desc.",
                "El orden de los emplazamientos (sort) es una de las columnas de la tabla, y order es asc o desc.",
            ),
            Self::Group => {
                language.text("Antennas are grouped (group) by site.", "Las antenas se agrupan (group) por site.")
            }
            Self::Box => language.text(
                "The stretch of a map (box) is west,south,east,north in degrees, with south below north.",
                "El tramo de un mapa (box) es oeste,sur,este,norte en grados, con el sur por debajo del norte.",
            ),
            Self::Label => language.text(
                "A label is written key:value; the key has letters, digits and _.",
                "Una etiqueta (label) se escribe clave:valor; la clave tiene letras, cifras y _.",
            ),
            Self::Kind => language.text(
                "The kind of incidents is one of down, degraded and silent.",
                "El tipo de incidente (kind) es down, degraded o silent.",
            ),
            Self::State => language
                .text("The state of incidents is open or all.", "El estado de los incidentes (state) es open o all."),
            Self::Scope => language.text(
                "The scope of incidents (scope) is range or kept.",
                "El alcance de los incidentes (scope) es range o kept.",
            ),
            Self::IncidentSort => language.text(
                "The order of incidents (sort) is newest, severity or length.",
                "El orden de los incidentes (sort) es newest, severity o length.",
            ),
            Self::Search => language.text(
                "The search (q) is at most 253 bytes long, as ids are.",
                "La búsqueda (q) tiene como máximo 253 bytes, igual que los identificadores.",
            ),
            Self::Page => language.text("The page is a number from 1.", "La página (page) es un número desde 1."),
            Self::Id => language
                .text("The antenna (id) is named by 1 to 253 bytes.", "La antena (id) se nombra con 1 a 253 bytes."),
            Self::Month => language.text("The month is like 2026-10.", "El mes (month) es como 2026-10."),
            Self::Compare => language
                .text("The comparison (compare) is previous or week.", "La comparación (compare) es previous o week."),
            Self::Decimal => language
                .text("Decimals (decimal) have a point or a comma.", "Los decimales (decimal) llevan point o comma."),
            Self::Host => language.text(
                "The dashboard does not answer for this host name.",
                "El panel no responde a este nombre de host.",
            ),
        };
        Cow::Borrowed(words)
    }
}
