//! The formats in which an answer can be written.

use crate::spelled::spelled;

spelled! {
    /// A format of an answer. The parameter `format` takes precedence over the header `Accept`.
    #[derive(Default)]
    pub enum Format {
        /// JSON, as the types of this module describe it.
        #[default]
        Json = "json",
        /// Comma-separated values with a header line; unknown is an empty cell.
        Csv = "csv",
        /// A stream of Apache Arrow's IPC format.
        Arrow = "arrow",
        /// An Apache Parquet file.
        Parquet = "parquet",
    }
}

impl Format {
    /// Its media type, without parameters.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}
