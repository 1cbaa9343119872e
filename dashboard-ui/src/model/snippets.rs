//! The line that loads what a page shows into somebody's own tools, from the same question to analytics.

use shared::api::Format;

/// Where analytics answers after `cargo run`, or behind a forwarded port.
pub(crate) const ADDRESS: &str = "http://127.0.0.1:8001";

/// A question to analytics whose answer is what a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its path and query, without a format.
    pub(crate) href: String,
    /// The formats in which it is answered.
    pub(crate) formats: &'static [Format],
}

/// A snippet for a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) tool: &'static str,
    /// `python` or `curl`.
    pub(crate) kind: &'static str,
    pub(crate) code: String,
}

/// Snippets for a question; those for dataframes only where it is answered as a table. Everything in an address that a shell or
/// Python would read is percent-encoded.
pub(crate) fn snippets(asked: &Asked) -> Vec<Snippet> {
    if !asked.formats.contains(&Format::Arrow) {
        return vec![Snippet { tool: "curl", kind: "curl", code: curl(&asked.href) }];
    }
    let url = |format: Format| format!("{ADDRESS}{}", asked.as_format(format));
    let (arrow, parquet) = (url(Format::Arrow), url(Format::Parquet));
    let python =
        |tool, imports: &str, line: String| Snippet { tool, kind: "python", code: format!("{imports}\n{line}") };
    vec![
        python(
            "Polars",
            "import polars as pl; from urllib.request import urlopen",
            format!("table = pl.read_ipc_stream(urlopen(\"{arrow}\"))"),
        ),
        python("pandas", "import pandas as pd", format!("table = pd.read_parquet(\"{parquet}\")")),
        python(
            "DuckDB",
            "import duckdb, pyarrow as pa; from urllib.request import urlopen",
            format!("table = duckdb.from_arrow(pa.ipc.open_stream(urlopen(\"{arrow}\")).read_all())"),
        ),
        Snippet { tool: "curl", kind: "curl", code: curl(&asked.as_format(Format::Csv)) },
    ]
}

/// The command that fetches an address of analytics.
pub(crate) fn curl(href: &str) -> String {
    // In a path, single quotes may stand as they are.
    format!("curl -s '{ADDRESS}{}'", href.replace('\'', "%27"))
}

impl Asked {
    fn as_format(&self, format: Format) -> String {
        let join = if self.href.contains('?') { '&' } else { '?' };
        format!("{}{join}format={format}", self.href)
    }
}

#[cfg(test)]
mod tests {
    use shared::api::{Request, SeriesRequest};

    use super::*;

    #[test]
    fn no_id_ends_a_string_or_a_command() {
        let antenna = Some("a'b\"c$(d)`e`\\ \n;{f}".to_owned());
        let href = SeriesRequest { antenna, ..SeriesRequest::default() }.href();
        for Snippet { code, kind, .. } in snippets(&Asked { href, formats: SeriesRequest::FORMATS }) {
            let quote = if kind == "curl" { '\'' } else { '"' };
            let quoted: Vec<&str> = code.split(quote).collect();
            assert_eq!(quoted.len(), 3, "{code}");
            assert!(quoted[1].starts_with(ADDRESS) && !quoted[1].contains(['\\', '\n', '$', '`', ' ', ';']), "{code}");
        }
    }

    #[test]
    fn what_is_no_table_is_only_fetched() {
        let asked = Asked { href: "/api/v1/pipeline/history".to_owned(), formats: &[Format::Json] };
        let codes: Vec<String> = snippets(&asked).into_iter().map(|snippet| snippet.code).collect();
        assert_eq!(codes, ["curl -s 'http://127.0.0.1:8001/api/v1/pipeline/history'"]);
    }
}
