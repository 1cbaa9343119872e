//! The formats in which an answer can be written.

use crate::spelled::spelled;

spelled! {
    /// A format of an answer. The parameter `format` wins over the header `Accept`.
    #[derive(Default)]
    pub enum Format {
        /// JSON, as the types of this module describe it.
        #[default]
        Json = "json",
        /// Comma-separated values with a line of names, unknown as an empty cell.
        Csv = "csv",
        /// A stream of Apache Arrow's IPC format.
        Arrow = "arrow",
        /// An Apache Parquet file.
        Parquet = "parquet",
    }
}

impl Format {
    /// The media type that stands for it in `Accept`, without parameters.
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
