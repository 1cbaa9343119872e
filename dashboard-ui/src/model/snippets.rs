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

/// The header with which a client shows the token, as Python writes it. The token is where whoever runs the snippet keeps it.
const HEADERS: &str = "headers = {\"Authorization\": \"Bearer \" + environ[\"ANALYTICS_TOKEN\"]}";

/// Snippets for a question; those for dataframes only where it is answered as a table. Everything in an address that a shell or
/// Python would read is percent-encoded.
pub(crate) fn snippets(asked: &Asked, with_token: bool) -> Vec<Snippet> {
    if !asked.formats.contains(&Format::Arrow) {
        return vec![Snippet { tool: "curl", kind: "curl", code: curl(&asked.href, with_token) }];
    }
    let url = |format: Format| format!("\"{ADDRESS}{}\"", asked.as_format(format));
    let (arrow, parquet) = (url(Format::Arrow), url(Format::Parquet));
    let python = |tool, imports: &str, of_urls: Option<&str>, line: String| {
        let mut imports = vec![imports];
        imports.extend(with_token.then_some("from os import environ"));
        imports.extend(of_urls);
        let mut lines = vec![imports.join("; ")];
        lines.extend(with_token.then(|| HEADERS.to_owned()));
        lines.push(line);
        Snippet { tool, kind: "python", code: lines.join("\n") }
    };
    let (of_urls, opened, options) = if with_token {
        let opened = format!("urlopen(Request({arrow}, headers=headers))");
        // Those of an address of HTTP are its headers.
        ("from urllib.request import Request, urlopen", opened, ", storage_options=headers")
    } else {
        ("from urllib.request import urlopen", format!("urlopen({arrow})"), "")
    };
    vec![
        python("Polars", "import polars as pl", Some(of_urls), format!("table = pl.read_ipc_stream({opened})")),
        python("pandas", "import pandas as pd", None, format!("table = pd.read_parquet({parquet}{options})")),
        python(
            "DuckDB",
            "import duckdb, pyarrow as pa",
            Some(of_urls),
            format!("table = duckdb.from_arrow(pa.ipc.open_stream({opened}).read_all())"),
        ),
        Snippet { tool: "curl", kind: "curl", code: curl(&asked.as_format(Format::Csv), with_token) },
    ]
}

/// The command that fetches an address of analytics.
pub(crate) fn curl(href: &str, with_token: bool) -> String {
    let header = if with_token { "-H \"Authorization: Bearer $ANALYTICS_TOKEN\" " } else { "" };
    // In a path, single quotes may stand as they are.
    format!("curl -s {header}'{ADDRESS}{}'", href.replace('\'', "%27"))
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

    /// What stands between these quotes.
    fn quoted(code: &str, quote: char) -> Vec<&str> {
        code.split(quote).skip(1).step_by(2).collect()
    }

    #[test]
    fn no_id_ends_a_string_or_a_command() {
        let antenna = Some("a'b\"c$(d)`e`\\ \n;{f}".to_owned());
        let asked = Asked {
            href: SeriesRequest { antenna, ..SeriesRequest::default() }.href(),
            formats: SeriesRequest::FORMATS,
        };
        for with_token in [false, true] {
            for Snippet { code, kind, .. } in snippets(&asked, with_token) {
                let quote = if kind == "curl" { '\'' } else { '"' };
                let texts = quoted(&code, quote);
                let (address, others) = texts.split_last().expect("an address");
                let header = ["Authorization", "Bearer ", "ANALYTICS_TOKEN"];
                assert_eq!(others, if with_token && kind == "python" { &header[..] } else { &[] }, "{code}");
                assert!(address.starts_with(ADDRESS) && !address.contains(['\\', '\n', '$', '`', ' ', ';']), "{code}");
            }
        }
    }

    #[test]
    fn what_is_no_table_is_only_fetched() {
        let asked = Asked { href: "/api/v1/pipeline/history".to_owned(), formats: &[Format::Json] };
        for (with_token, expected) in [
            (false, "curl -s 'http://127.0.0.1:8001/api/v1/pipeline/history'"),
            (
                true,
                "curl -s -H \"Authorization: Bearer $ANALYTICS_TOKEN\" 'http://127.0.0.1:8001/api/v1/pipeline/history'",
            ),
        ] {
            let codes: Vec<String> = snippets(&asked, with_token).into_iter().map(|snippet| snippet.code).collect();
            assert_eq!(codes, [expected]);
        }
    }
}
