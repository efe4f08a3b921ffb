use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jiff::Timestamp;
use pipeline::port::{Presigned, ReadObjects, Uploads};
use pipeline::relocation::Place;
use platform::DirectUploads;

use super::objects::buckets;

const KEY: &str = "uploads/7/export.tar";
const MIB: usize = 1024 * 1024;

/// Sends a part as a customer does, and answers its entity tag.
async fn send(request: Presigned, content: Vec<u8>) -> String {
    tokio::task::spawn_blocking(move || {
        let rest = request.url.strip_prefix("http://").expect("the emulator speaks plain HTTP");
        let (host, path) = rest.split_once('/').expect("a path");
        let mut message = format!("PUT /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        message += &format!("content-length: {}\r\n", content.len());
        for (name, value) in &request.headers {
            message += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(host).expect("a connection");
        stream.write_all(format!("{message}\r\n").as_bytes()).expect("a request");
        stream.write_all(&content).expect("a body");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let etag =
            answer.lines().find_map(|line| line.to_lowercase().strip_prefix("etag:").map(str::to_owned));
        etag.expect("an entity tag").trim().to_owned()
    })
    .await
    .expect("a request")
}

async fn upload(uploads: &DirectUploads, id: &str, part: u32, content: Vec<u8>) -> String {
    let request = uploads.presign(KEY, id, part, Duration::from_mins(60)).await.expect("a request");
    send(request, content).await
}

#[tokio::test]
async fn parts_sent_with_presigned_requests_become_an_object() {
    let Some((cell, client)) = buckets().await else { return };
    let (uploads, objects) = (cell.platform.uploads(), cell.platform.objects());
    let id = uploads.begin(KEY).await.expect("an upload");
    assert_eq!(uploads.parts(KEY, &id).await.expect("a list"), Some(vec![]));
    let second = upload(&uploads, &id, 2, b"the end".to_vec()).await;
    let first = upload(&uploads, &id, 1, vec![7; 5 * MIB]).await;

    let parts = uploads.parts(KEY, &id).await.expect("a list").expect("an upload");
    let seen: Vec<_> = parts.iter().map(|part| (part.number, part.bytes)).collect();
    assert_eq!(seen, [(1, 5 * MIB as u64), (2, 7)]);
    assert_eq!(objects.head(Place::Uploads, KEY).await.expect("a head"), None);

    let parts = [(1, first), (2, second)];
    let stored = uploads.complete(KEY, &id, &parts).await.expect("an answer").expect("the parts are there");
    assert_eq!((stored.key.as_str(), stored.bytes), (KEY, 5 * MIB as u64 + 7));
    assert_eq!(objects.head(Place::Uploads, KEY).await.expect("a head"), Some(stored));
    assert_eq!(uploads.parts(KEY, &id).await.expect("a list"), None, "the upload is over");

    let bucket = &cell.platform.config().uploads_bucket;
    let head = client.head_object().bucket(bucket).key(KEY).send().await.expect("a head");
    assert!(head.ssekms_key_id().is_some_and(|key| key.ends_with("not-made")), "{:?}", head.ssekms_key_id());
}

#[tokio::test]
async fn nothing_is_completed_from_parts_that_are_not_there() {
    let Some((cell, _)) = buckets().await else { return };
    let uploads = cell.platform.uploads();
    let id = uploads.begin(KEY).await.expect("an upload");
    let first = upload(&uploads, &id, 1, vec![7; 5 * MIB]).await;
    let wrong = "\"00000000000000000000000000000000\"".to_owned();
    for parts in
        [vec![(1, wrong.clone())], vec![(1, first.clone()), (2, wrong.clone())], vec![(2, first.clone())]]
    {
        assert_eq!(uploads.complete(KEY, &id, &parts).await.expect("an answer"), None, "{parts:?}");
    }
    assert_eq!(
        uploads.complete(KEY, "no-such-upload", &[(1, first.clone())]).await.expect("an answer"),
        None
    );
    assert!(
        uploads.complete(KEY, &id, &[(1, first)]).await.expect("an answer").is_some(),
        "it was left alone"
    );
}

#[tokio::test]
async fn an_upload_is_given_up_once_and_for_all() {
    let Some((cell, _)) = buckets().await else { return };
    let uploads = cell.platform.uploads();
    let id = uploads.begin(KEY).await.expect("an upload");
    for _ in 0..2 {
        uploads.abort(KEY, &id).await.expect("also the second time");
    }
    assert_eq!(uploads.parts(KEY, &id).await.expect("a list"), None);
}

#[tokio::test]
async fn a_presigned_request_says_all_that_it_needs() {
    let Some((cell, _)) = buckets().await else { return };
    let hour = Duration::from_hours(1);
    let before = Timestamp::now();
    let request = cell.platform.uploads().presign(KEY, "an upload", 3, hour).await.expect("a request");
    assert!(before + hour <= request.expires_at && request.expires_at <= Timestamp::now() + hour);
    let bucket = &cell.platform.config().uploads_bucket;
    let query = request.url.split_once('?').expect("a query");
    assert!(query.0.ends_with(&format!("/{bucket}/{KEY}")), "{}", request.url);
    for part in ["partNumber=3", "uploadId=an%20upload", "X-Amz-Expires=3600", "X-Amz-SignedHeaders=host"] {
        assert!(query.1.split('&').any(|one| one == part), "{part}: {}", request.url);
    }
    assert_eq!(request.headers, []);
}
