use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use pipeline::port::{ByteStream, PortError, ReadObjects, RemoveObjects, WriteObjects};
use pipeline::relocation::Place;
use platform::Objects;

use super::Cell;
use crate::support;

const MIB: usize = 1024 * 1024;

/// Both buckets, versioned, and a client to look at them with.
pub(crate) async fn buckets() -> Option<(Cell, aws_sdk_s3::Client)> {
    let aws = support::account()?;
    let config = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    // Names of buckets are shared by all accounts.
    let names = ["artifacts", "uploads"].map(|name| format!("{name}-{:016x}", fastrand::u64(..)));
    for name in &names {
        client.create_bucket().bucket(name).send().await.expect("a bucket");
        let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let request = client.put_bucket_versioning().bucket(name).versioning_configuration(versioned);
        request.send().await.expect("versions");
    }
    let [artifacts, uploads] = &names;
    Some((Cell::new(aws, &[("ARTIFACTS_BUCKET", artifacts), ("UPLOADS_BUCKET", uploads)]), client))
}

fn of(chunks: &[&'static [u8]]) -> ByteStream {
    stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk))).collect::<Vec<_>>()).boxed()
}

/// Bytes that differ everywhere, in chunks that fit no part.
fn large(bytes: usize) -> ByteStream {
    const CHUNK: usize = 1_000_003;
    let chunks = (0..bytes.div_ceil(CHUNK)).map(move |chunk| {
        let length = CHUNK.min(bytes - chunk * CHUNK);
        let counted = (0..length).map(|at| (chunk.wrapping_mul(31) ^ (at >> 3) ^ at) as u8);
        Ok(counted.collect::<Bytes>())
    });
    stream::iter(chunks).boxed()
}

async fn whole(stream: ByteStream) -> Bytes {
    let chunks: Vec<Bytes> = stream.try_collect().await.expect("a whole stream");
    chunks.concat().into()
}

async fn read(objects: &Objects, key: &str, version: Option<&str>, offset: u64) -> Option<Bytes> {
    let stream = objects.get(Place::Artifacts, key, version, offset).await.expect("a read")?;
    Some(whole(stream).await)
}

#[tokio::test]
async fn what_is_put_is_read_from_any_offset() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let stored = objects.put(Place::Artifacts, "runs/7/in/a b+ü.txt", of(&[b"one ", b"", b"two"])).await;
    let stored = stored.expect("a put");
    assert_eq!((stored.key.as_str(), stored.bytes), ("runs/7/in/a b+ü.txt", 7));
    assert_eq!(objects.head(Place::Artifacts, &stored.key).await.expect("a head"), Some(stored.clone()));
    for (offset, rest) in [(0, "one two"), (4, "two"), (6, "o"), (7, ""), (8, "")] {
        let found = read(&objects, &stored.key, None, offset).await;
        assert_eq!(found.as_deref(), Some(rest.as_bytes()), "from {offset}");
    }
}

#[tokio::test]
async fn an_empty_stream_is_an_empty_object() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let stored = objects.put(Place::Artifacts, "empty", of(&[])).await.expect("a put");
    assert_eq!(stored.bytes, 0);
    assert_eq!(read(&objects, "empty", None, 0).await.as_deref(), Some(&b""[..]));
}

#[tokio::test]
async fn a_version_stays_what_it_was() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let first = objects.put(Place::Artifacts, "key", of(&[b"first"])).await.expect("a put");
    let second = objects.put(Place::Artifacts, "key", of(&[b"second"])).await.expect("a put");
    assert_ne!(first.pinned, second.pinned);
    let version = Some(first.pinned.version.as_str());
    assert_eq!(read(&objects, "key", version, 0).await.as_deref(), Some(&b"first"[..]));
    assert_eq!(read(&objects, "key", version, 2).await.as_deref(), Some(&b"rst"[..]));
    assert_eq!(read(&objects, "key", None, 0).await.as_deref(), Some(&b"second"[..]));
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    assert_eq!(objects.head(Place::Uploads, "nothing").await.expect("a head"), None);
    assert!(objects.get(Place::Uploads, "nothing", None, 0).await.expect("a get").is_none());
    assert_eq!(objects.list(Place::Uploads, "nothing/").await.expect("a list"), []);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error() {
    let Some(aws) = support::account() else { return };
    let objects = Cell::new(aws, &[]).platform.objects();
    let error = objects.get(Place::Artifacts, "key", None, 0).await.err().expect("no bucket");
    assert_eq!((error.to_string().as_str(), error.retryable()), ("get object key failed", false));
}

#[tokio::test]
async fn a_list_has_all_pages() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let puts = (0..1_002).map(|n| {
        let objects = &objects;
        async move { objects.put(Place::Artifacts, &format!("runs/1/{n:04}"), of(&[b"some"])).await }
    });
    let _: Vec<_> = stream::iter(puts).buffer_unordered(16).try_collect().await.expect("puts");
    objects.put(Place::Artifacts, "runs/2/other", of(&[])).await.expect("a put");
    let list = objects.list(Place::Artifacts, "runs/1/").await.expect("a list");
    let expected: Vec<_> = (0..1_002).map(|n| (format!("runs/1/{n:04}"), 4)).collect();
    assert_eq!(list, expected);
}

#[tokio::test]
async fn a_large_stream_is_stored_in_parts() {
    let Some((cell, client)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let stored = objects.put(Place::Artifacts, "large", large(20 * MIB + 5)).await.expect("a put");
    assert_eq!(stored.bytes, 20 * MIB as u64 + 5);
    assert_eq!(objects.head(Place::Artifacts, "large").await.expect("a head"), Some(stored));
    let (found, expected) =
        (read(&objects, "large", None, 0).await.expect("it is there"), whole(large(20 * MIB + 5)).await);
    assert!(found == expected, "the bytes differ");
    let bucket = &cell.platform.config().artifacts_bucket;
    let parts = client.get_object_attributes().bucket(bucket).key("large");
    let parts = parts.object_attributes(aws_sdk_s3::types::ObjectAttributes::ObjectParts).send().await;
    let parts = parts.expect("attributes").object_parts.and_then(|parts| parts.total_parts_count);
    assert_eq!(parts, Some(3));
}

#[tokio::test]
async fn a_stream_that_breaks_off_stores_nothing() {
    let Some((cell, client)) = buckets().await else { return };
    let objects = cell.platform.objects();
    for whole in [3, 12 * MIB] {
        let broken =
            stream::once(async { Err(PortError::transient("read what is written", "it broke off")) });
        let error = objects.put(Place::Artifacts, "broken", large(whole).chain(broken).boxed()).await;
        assert_eq!(error.expect_err("a broken stream").to_string(), "read what is written failed");
        assert_eq!(objects.head(Place::Artifacts, "broken").await.expect("a head"), None);
    }
    let bucket = &cell.platform.config().artifacts_bucket;
    let left = client.list_multipart_uploads().bucket(bucket).send().await.expect("a list");
    assert_eq!(left.uploads().len(), 0);
}

#[tokio::test]
async fn a_version_is_copied_whatever_its_size() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    for bytes in [7, 64 * MIB + 1] {
        let first = objects.put(Place::Uploads, "from/ü", large(bytes)).await.expect("a put");
        objects.put(Place::Uploads, "from/ü", of(&[b"later"])).await.expect("a put");
        let from = (Place::Uploads, "from/ü", first.pinned.version.as_str());
        let copied = objects.copy(from, (Place::Artifacts, "to")).await.expect("a copy");
        assert_eq!((copied.key.as_str(), copied.bytes), ("to", bytes as u64));
        assert_eq!(objects.head(Place::Artifacts, "to").await.expect("a head"), Some(copied));
        let (found, expected) =
            (read(&objects, "to", None, 0).await.expect("it is there"), whole(large(bytes)).await);
        assert!(found == expected, "the bytes of {bytes} differ");
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_cannot_be_copied() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let missing = (Place::Uploads, "nothing", "none");
    let error = objects.copy(missing, (Place::Artifacts, "to")).await.expect_err("nothing to copy");
    assert!(!error.retryable());
}

#[tokio::test]
async fn what_is_removed_is_gone_in_every_version() {
    let Some((cell, client)) = buckets().await else { return };
    let objects = cell.platform.objects();
    for key in ["runs/7/in/a.tar", "runs/7/in/a.tar", "runs/7/out/b ü.tar", "runs/77/in/a.tar"] {
        for place in [Place::Artifacts, Place::Uploads] {
            objects.put(place, key, of(&[b"content"])).await.expect("a put");
        }
    }
    let artifacts = cell.platform.config().artifacts_bucket.as_str();
    // Somebody has removed one by hand, which leaves a marker.
    client.delete_object().bucket(artifacts).key("runs/7/in/a.tar").send().await.expect("a marker");
    for _ in 0..2 {
        objects.remove(Place::Artifacts, "runs/7/").await.expect("a removal, also the second time");
    }
    let left = client.list_object_versions().bucket(artifacts).send().await.expect("versions");
    let left: Vec<_> = left.versions().iter().filter_map(|version| version.key()).collect();
    assert_eq!(left, ["runs/77/in/a.tar"]);
    let others = objects.list(Place::Uploads, "runs/7/").await.expect("a list");
    assert_eq!(others.len(), 2, "the other bucket has its own");
}

/// More than one request lists or removes.
#[tokio::test]
async fn many_objects_are_removed() {
    let Some((cell, _)) = buckets().await else { return };
    let objects = cell.platform.objects();
    let puts = (0..1_050).map(|n| {
        let objects = &objects;
        async move { objects.put(Place::Artifacts, &format!("runs/7/{n}"), of(&[b"content"])).await }
    });
    stream::iter(puts).buffer_unordered(16).try_collect::<Vec<_>>().await.expect("puts");
    objects.remove(Place::Artifacts, "runs/7/").await.expect("a removal");
    assert_eq!(objects.list(Place::Artifacts, "runs/").await.expect("a list"), []);
}
