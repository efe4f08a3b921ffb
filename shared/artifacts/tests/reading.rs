//! Reading objects as if they were files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use artifacts::{Located, ObjectReader, blocking};
use bytes::Bytes;
use futures::{StreamExt, stream};
use pipeline::port::{ByteStream, ObjectInfo, PortError, ReadObjects};
use pipeline::relocation::Place;
use runtime::TaskError;

/// A store with one object, whose streams break off after so many bytes.
struct Brittle {
    content: Vec<u8>,
    break_after: usize,
    requests: AtomicUsize,
}

impl ReadObjects for Brittle {
    async fn head(&self, _: Place, _: &str) -> Result<Option<ObjectInfo>, PortError> {
        Ok(None)
    }

    async fn get(
        &self,
        _: Place,
        _: &str,
        version: Option<&str>,
        offset: u64,
    ) -> Result<Option<ByteStream>, PortError> {
        assert_eq!(version, Some("the version"));
        self.requests.fetch_add(1, Ordering::SeqCst);
        let rest = &self.content[usize::try_from(offset).unwrap()..];
        if rest.len() <= self.break_after {
            return Ok(Some(stream::iter([Ok(Bytes::copy_from_slice(rest))]).boxed()));
        }
        let chunk = Bytes::copy_from_slice(&rest[..self.break_after]);
        let broken = Err(PortError::transient("get object", "the connection was reset"));
        Ok(Some(stream::iter([Ok(chunk), broken]).boxed()))
    }

    async fn list(&self, _: Place, _: &str) -> Result<Vec<(String, u64)>, PortError> {
        Ok(Vec::new())
    }
}

fn text(length: u32) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn brittle(length: u32, break_after: usize) -> Arc<Brittle> {
    Arc::new(Brittle { content: text(length), break_after, requests: AtomicUsize::new(0) })
}

fn reader(objects: &Arc<Brittle>, bytes: u64) -> ObjectReader<Brittle> {
    let (key, version) = ("the key".to_owned(), "the version".to_owned());
    ObjectReader::new(
        Arc::clone(objects),
        Located { place: Place::Uploads, key, version, bytes, proof: None },
    )
}

async fn read_to_end(objects: &Arc<Brittle>, bytes: u64) -> Result<Vec<u8>, TaskError> {
    let mut reader = reader(objects, bytes);
    blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map_err(TaskError::from_layers)?;
        Ok(all)
    })
    .await
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_asked_for_again_from_there() {
    let objects = brittle(10_000, 3_000);
    assert_eq!(read_to_end(&objects, 10_000).await.unwrap(), text(10_000));
    assert_eq!(objects.requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_stream_that_gives_nothing_is_an_error_that_may_pass() {
    let objects = brittle(10_000, 0);
    let error = read_to_end(&objects, 10_000).await.unwrap_err();
    assert!(matches!(error, TaskError::Broken { retryable: true, .. }));
    assert_eq!(objects.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_object_that_is_shorter_than_its_size_is_no_end_of_file() {
    let objects = brittle(9_999, 20_000);
    let error = read_to_end(&objects, 10_000).await.unwrap_err();
    assert!(matches!(error, TaskError::Broken { retryable: true, .. }));
}

#[tokio::test]
async fn seeks_read_what_a_file_would() {
    let length = 300_000;
    let objects = brittle(length, 1 << 20);
    let mut object = reader(&objects, length.into());
    blocking(move || {
        let mut file = std::io::Cursor::new(text(length));
        let seeks = [
            SeekFrom::End(-1024),
            SeekFrom::Start(0),
            SeekFrom::Current(512),
            SeekFrom::Current(-100),
            SeekFrom::Start(200_000),
            SeekFrom::Current(60_000),
            SeekFrom::Current(1),
            SeekFrom::End(0),
        ];
        for seek in seeks {
            assert_eq!(object.seek(seek).unwrap(), file.seek(seek).unwrap(), "{seek:?}");
            let (mut from_object, mut from_file) = (Vec::new(), Vec::new());
            (&mut object).take(777).read_to_end(&mut from_object).unwrap();
            (&mut file).take(777).read_to_end(&mut from_file).unwrap();
            assert_eq!(from_object, from_file, "{seek:?}");
        }
        assert!(object.seek(SeekFrom::End(-300_001)).is_err());
        Ok(())
    })
    .await
    .unwrap();
    // Two of the seeks lead shortly ahead and read on.
    assert_eq!(objects.requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn reading_stops_when_nobody_waits_for_it() {
    let objects = brittle(1_000, 1_000);
    let mut object = reader(&objects, 1_000);
    let (report, ended) = std::sync::mpsc::channel();
    let reading = blocking(move || {
        let mut byte = [0];
        while object.rewind().and_then(|()| object.read_exact(&mut byte)).is_ok() {}
        report.send(()).unwrap();
        Ok(())
    });
    assert!(tokio::time::timeout(Duration::from_millis(50), reading).await.is_err());
    let waiting = tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(10)));
    assert_eq!(waiting.await.unwrap(), Ok(()));
}
