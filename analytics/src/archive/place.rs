//! Where files are: a directory, or a bucket behind the S3 API.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::ClientConfigKey;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};

use super::client::Connector;
pub use crate::settings::ArchiveUrl;

/// A request to the bucket is tried again for this long before it has failed.
const RETRY_FOR: Duration = Duration::from_secs(5);

/// Why a file could not be written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlaceError {
    /// There is no such file.
    #[error("{0} is missing")]
    Missing(String),
    /// The file is not what the manifest says, or not a Parquet file of ours.
    #[error("{key} is damaged: {why}")]
    Damaged {
        /// The file.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// The place does not answer, or refuses.
    #[error("{key}: {why}")]
    Away {
        /// The file.
        key: String,
        /// What it says.
        why: String,
    },
}

/// A place that is open. Clones share it.
#[derive(Debug, Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
}

impl Place {
    /// Opens the place; nothing is asked of it yet. Endpoint, region, credentials and whether plain HTTP is allowed are told by
    /// the usual variables of AWS.
    ///
    /// # Errors
    /// When the directory cannot be made, or the variables do not go together.
    pub fn open(url: &ArchiveUrl) -> anyhow::Result<Self> {
        let store: Arc<dyn ObjectStore> = match url {
            ArchiveUrl::Directory(path) => {
                std::fs::create_dir_all(path)?;
                // What the commit behind a write says to be there has to survive the machine.
                Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true).with_automatic_cleanup(true))
            }
            ArchiveUrl::Bucket { bucket, prefix } => {
                let builder = AmazonS3Builder::from_env();
                let allows_http = allows_http(&builder)?;
                let store = builder
                    .with_allow_http(allows_http)
                    .with_bucket_name(bucket)
                    .with_retry(RetryConfig {
                        retry_timeout: RETRY_FOR,
                        max_retries: 3,
                        backoff: BackoffConfig::default(),
                    })
                    .with_http_connector(Connector);
                Arc::new(PrefixStore::new(store.build()?, prefix.as_str()))
            }
        };
        Ok(Self { store })
    }

    /// Writes a file, whole or not at all; one that is there already is overwritten.
    ///
    /// # Errors
    /// [`PlaceError::Away`].
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PlaceError> {
        let written = self.store.put(&Path::from(key), PutPayload::from_bytes(bytes)).await;
        written.map(drop).map_err(|error| told(key, error))
    }

    /// A file that is written piece by piece; it is there when it is finished, and not before.
    #[must_use]
    pub fn upload<'a>(&'a self, key: &'a str) -> Upload<'a> {
        Upload { place: self, key, waiting: Vec::new(), begun: None, bytes: 0 }
    }

    /// Some ranges of a file.
    ///
    /// # Errors
    /// When it is missing or shorter, or the place does not answer.
    pub async fn ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, PlaceError> {
        self.store.get_ranges(&Path::from(key), ranges).await.map_err(|error| told(key, error))
    }

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// When it is missing, or the place does not answer.
    pub async fn length(&self, key: &str) -> Result<u64, PlaceError> {
        Ok(self.store.head(&Path::from(key)).await.map_err(|error| told(key, error))?.size)
    }

    /// Removes a file; one that is not there is removed.
    ///
    /// # Errors
    /// [`PlaceError::Away`].
    pub async fn remove(&self, key: &str) -> Result<(), PlaceError> {
        match self.store.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(told(key, error)),
        }
    }
}

/// The pieces of a file that is written, in bytes: a bucket takes none below 5 MiB but the last.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// A file that is being written. What is not finished leaves nothing that is read: a directory's unfinished file is removed, a
/// bucket's pieces go by its own rule for uploads that were never finished.
#[derive(Debug)]
pub struct Upload<'a> {
    place: &'a Place,
    key: &'a str,
    waiting: Vec<u8>,
    /// A file of one piece is put at once.
    begun: Option<Box<dyn MultipartUpload>>,
    bytes: u64,
}

impl Upload<'_> {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`PlaceError::Away`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), PlaceError> {
        self.bytes += bytes.len() as u64;
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() > PIECE_BYTES {
            let rest = self.waiting.split_off(PIECE_BYTES);
            let piece = std::mem::replace(&mut self.waiting, rest);
            self.put(piece).await.map_err(|error| told(self.key, error))?;
        }
        Ok(())
    }

    /// Ends the file; returns its length in bytes.
    ///
    /// # Errors
    /// [`PlaceError::Away`].
    pub async fn finish(mut self) -> Result<u64, PlaceError> {
        let last = std::mem::take(&mut self.waiting);
        if self.begun.is_none() {
            self.place.put(self.key, Bytes::from(last)).await?;
            return Ok(self.bytes);
        }
        let ended = async {
            self.put(last).await?;
            let Some(upload) = &mut self.begun else { return Ok(()) };
            upload.complete().await.map(drop)
        };
        match ended.await {
            Ok(()) => Ok(self.bytes),
            Err(error) => {
                let error = told(self.key, error);
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives it up. What was put is removed as far as the place answers.
    pub async fn abort(mut self) {
        if let Some(upload) = &mut self.begun {
            let _left = upload.abort().await;
        }
    }

    async fn put(&mut self, piece: Vec<u8>) -> Result<(), object_store::Error> {
        let upload = match &mut self.begun {
            Some(upload) => upload,
            None => self.begun.insert(self.place.store.put_multipart(&Path::from(self.key)).await?),
        };
        upload.put_part(PutPayload::from_bytes(Bytes::from(piece))).await
    }
}

/// Whether plain HTTP is allowed, which has to be said where it is asked for.
fn allows_http(settings: &AmazonS3Builder) -> anyhow::Result<bool> {
    let setting = |key| settings.get_config_value(&key).unwrap_or_default();
    let allowed = setting(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    let allows_http = match allowed.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" | "y" => true,
        "false" | "0" | "off" | "no" | "n" | "" => false,
        _ => bail!("AWS_ALLOW_HTTP is true or false, not {allowed}"),
    };
    for key in [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint] {
        let endpoint = setting(key);
        if endpoint.starts_with("http:") && !allows_http {
            bail!("{endpoint} is plain HTTP, which sends keys and figures in the open; AWS_ALLOW_HTTP=true allows it");
        }
    }
    Ok(allows_http)
}

fn told(key: &str, error: object_store::Error) -> PlaceError {
    let key = key.to_owned();
    match error {
        object_store::Error::NotFound { .. } => PlaceError::Missing(key),
        error => PlaceError::Away { key, why: error.to_string() },
    }
}
