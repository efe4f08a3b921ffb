use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::{Faults, lock};
use crate::port::{
    ByteStream, ObjectInfo, PortError, PresignDownloads, Presigned, ReadObjects, RemoveObjects, UploadedPart,
    Uploads, WriteObjects,
};
use crate::relocation::{Pinned, Place};

/// How large the chunks of a read are: small, so that readers meet their edges.
const CHUNK_BYTES: usize = 1024;

/// Versioned buckets in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<(bool, String), Vec<Bytes>>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    begun: u32,
}

impl MemoryObjects {
    /// Empty buckets whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { state: Mutex::default(), faults }
    }

    /// Stores an object at once, as a customer or a fixture does.
    pub fn insert(&self, place: Place, key: &str, content: impl Into<Bytes>) -> ObjectInfo {
        lock(&self.state).insert(place, key, &content.into())
    }

    /// The bytes of an object's latest version.
    #[must_use]
    pub fn content(&self, place: Place, key: &str) -> Option<Bytes> {
        lock(&self.state).objects.get(&slot(place, key))?.last().cloned()
    }

    /// Stores a part of a begun upload, as a presigned request does.
    pub fn upload_part(&self, upload: &str, part: u32, content: impl Into<Bytes>) {
        if let Some(parts) = lock(&self.state).uploads.get_mut(upload) {
            parts.insert(part, content.into());
        }
    }
}

fn slot(place: Place, key: &str) -> (bool, String) {
    (place == Place::Artifacts, key.to_owned())
}

fn info(key: &str, version: usize, content: &Bytes) -> ObjectInfo {
    let version = version.to_string();
    let etag = format!("etag-{key}-{version}");
    ObjectInfo { key: key.to_owned(), bytes: content.len() as u64, pinned: Pinned { version, etag } }
}

fn part_etag(part: u32, content: &Bytes) -> String {
    format!("etag-part-{part}-{}", content.len())
}

impl State {
    fn insert(&mut self, place: Place, key: &str, content: &Bytes) -> ObjectInfo {
        let versions = self.objects.entry(slot(place, key)).or_default();
        versions.push(content.clone());
        info(key, versions.len(), content)
    }

    /// An object's content: of a version, counted from 1, or the latest.
    fn content(&self, place: Place, key: &str, version: Option<&str>) -> Option<Bytes> {
        let versions = self.objects.get(&slot(place, key))?;
        match version {
            None => versions.last().cloned(),
            Some(version) => versions.get(version.parse::<usize>().ok()?.checked_sub(1)?).cloned(),
        }
    }
}

impl ReadObjects for MemoryObjects {
    async fn head(&self, place: Place, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        self.faults.call("head object", || {
            let state = lock(&self.state);
            let versions = state.objects.get(&slot(place, key));
            Ok(versions.and_then(|all| all.last().map(|content| info(key, all.len(), content))))
        })
    }

    async fn get(
        &self,
        place: Place,
        key: &str,
        version: Option<&str>,
        offset: u64,
    ) -> Result<Option<ByteStream>, PortError> {
        self.faults.call("get object", || {
            let Some(mut content) = lock(&self.state).content(place, key, version) else { return Ok(None) };
            let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let _ = content.split_to(offset);
            let mut chunks = Vec::new();
            while !content.is_empty() {
                chunks.push(Ok(content.split_to(CHUNK_BYTES.min(content.len()))));
            }
            Ok(Some(stream::iter(chunks).boxed()))
        })
    }

    async fn list(&self, place: Place, prefix: &str) -> Result<Vec<(String, u64)>, PortError> {
        self.faults.call("list objects", || {
            let state = lock(&self.state);
            let in_place = state.objects.iter().filter(|((artifacts, key), _)| {
                *artifacts == (place == Place::Artifacts) && key.starts_with(prefix)
            });
            Ok(in_place
                .filter_map(|((_, key), versions)| Some((key.clone(), versions.last()?.len() as u64)))
                .collect())
        })
    }
}

impl WriteObjects for MemoryObjects {
    async fn put(&self, place: Place, key: &str, content: ByteStream) -> Result<ObjectInfo, PortError> {
        let content = content
            .try_fold(BytesMut::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await?;
        self.faults.call("put object", || Ok(lock(&self.state).insert(place, key, &content.freeze())))
    }

    async fn copy(
        &self,
        (from, from_key, version): (Place, &str, &str),
        (to, to_key): (Place, &str),
    ) -> Result<ObjectInfo, PortError> {
        self.faults.call("copy object", || {
            let mut state = lock(&self.state);
            let content = state
                .content(from, from_key, Some(version))
                .ok_or_else(|| PortError::permanent(format!("copy object {from_key}"), "no such version"))?;
            Ok(state.insert(to, to_key, &content))
        })
    }
}

impl RemoveObjects for MemoryObjects {
    async fn remove(&self, place: Place, prefix: &str) -> Result<(), PortError> {
        self.faults.call("remove objects", || {
            let in_place = place == Place::Artifacts;
            let mut state = lock(&self.state);
            state.objects.retain(|(artifacts, key), _| *artifacts != in_place || !key.starts_with(prefix));
            Ok(())
        })
    }
}

impl Uploads for MemoryObjects {
    async fn begin(&self, key: &str) -> Result<String, PortError> {
        self.faults.call("begin upload", || {
            let mut state = lock(&self.state);
            state.begun += 1;
            let id = format!("upload-{}-{key}", state.begun);
            state.uploads.insert(id.clone(), BTreeMap::new());
            Ok(id)
        })
    }

    async fn parts(&self, _key: &str, upload: &str) -> Result<Option<Vec<UploadedPart>>, PortError> {
        self.faults.call("list parts", || {
            let state = lock(&self.state);
            let Some(parts) = state.uploads.get(upload) else { return Ok(None) };
            let show = |(number, content): (&u32, &Bytes)| UploadedPart {
                number: *number,
                etag: part_etag(*number, content),
                bytes: content.len() as u64,
            };
            Ok(Some(parts.iter().map(show).collect()))
        })
    }

    async fn presign(
        &self,
        key: &str,
        upload: &str,
        part: u32,
        valid_for: Duration,
    ) -> Result<Presigned, PortError> {
        self.faults.call("presign part", || {
            let expires_at = Timestamp::UNIX_EPOCH
                .checked_add(valid_for)
                .map_err(|error| PortError::permanent("presign part", error))?;
            let url = format!("memory://{key}?uploadId={upload}&partNumber={part}");
            Ok(Presigned { url, headers: Vec::new(), expires_at })
        })
    }

    async fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: &[(u32, String)],
    ) -> Result<Option<ObjectInfo>, PortError> {
        self.faults.call("complete upload", || {
            let mut state = lock(&self.state);
            let Some(present) = state.uploads.get(upload) else { return Ok(None) };
            let mut whole = BytesMut::new();
            for (number, etag) in parts {
                match present.get(number) {
                    Some(content) if part_etag(*number, content) == *etag => whole.extend_from_slice(content),
                    _ => return Ok(None),
                }
            }
            state.uploads.remove(upload);
            Ok(Some(state.insert(Place::Uploads, key, &whole.freeze())))
        })
    }

    async fn abort(&self, _key: &str, upload: &str) -> Result<(), PortError> {
        self.faults.call("abort upload", || {
            lock(&self.state).uploads.remove(upload);
            Ok(())
        })
    }
}

impl PresignDownloads for MemoryObjects {
    async fn presign_download(
        &self,
        _: Place,
        key: &str,
        valid_for: Duration,
    ) -> Result<Presigned, PortError> {
        self.faults.call("presign object", || {
            let expires_at = Timestamp::UNIX_EPOCH.saturating_add(valid_for).unwrap_or(Timestamp::MAX);
            Ok(Presigned { url: format!("memory:{key}"), headers: Vec::new(), expires_at })
        })
    }
}
