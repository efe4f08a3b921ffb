//! A new relocation from a failed one's file.

use catalog::Catalog;
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::kinds::FileKind;
use pipeline::memory::When;
use pipeline::port::{CommitRelocations, RemoveObjects};
use pipeline::relocation::Place;
use pipeline::transition::lifecycle::upload_completed;
use pipeline::transition::{Cause, fail};
use serde_json::Value;
use silo::{Silo, Transaction, Write};

use crate::stage::{Answer, Stage, Who};

impl Stage {
    async fn retry(&self, who: Who, uuid: &str) -> Answer {
        self.ask(who, "POST", &format!("/api/0/relocations/{uuid}/retry/"), Value::Null).await
    }

    /// A relocation whose file arrived, and which failed then.
    async fn failed(&self) -> String {
        let uuid = self.created(Who::Staff, 10).await;
        let relocation = self.relocation(&uuid).await;
        let stored = self.api.objects.insert(Place::Uploads, &artifact::upload(relocation.id), "0123456789");
        let mut commit = upload_completed(&relocation, self.api.clock.now()).unwrap();
        let file = artifacts::file(&self.api.store, relocation.id, FileKind::RawUserData).await.unwrap();
        commit.files.push(pipeline::relocation::RelocationFile { pinned: Some(stored.pinned), ..file });
        self.commit(commit).await;
        let relocation = self.relocation(&uuid).await;
        let failed = fail(
            &relocation,
            ErrorCode::ImportingFailed.into(),
            &Cause::Pipeline("test"),
            self.api.clock.now(),
        );
        self.api.store.commit(failed.unwrap()).await.unwrap();
        uuid
    }
}

#[tokio::test]
async fn a_failed_relocation_begins_anew_with_a_copy_of_its_file() {
    let stage = Stage::new();
    let uuid = stage.failed().await;
    let answer = stage.retry(Who::Staff, &uuid).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let new = answer.body["uuid"].as_str().unwrap();
    assert_ne!(new, uuid);
    assert_eq!(answer.body["owner"]["username"], "ada");
    assert_eq!(answer.body["wantOrgSlugs"][0], "acme");
    let copy = stage.api.objects.content(Place::Uploads, &artifact::upload(new.parse().unwrap()));
    assert_eq!(copy.as_deref(), Some(b"0123456789".as_slice()), "where an upload would put it");
    assert_eq!(stage.retry(Who::Staff, new).await.code(), (400, "not-failed"));
    assert_eq!(stage.retry(Who::Staff, &uuid).await.code(), (409, "owner-busy"));
    assert_eq!(stage.retry(Who::Ada, &uuid).await.code(), (403, "forbidden"));
}

#[tokio::test]
async fn a_file_that_nobody_has_looked_at_yet_is_copied_as_it_arrived() {
    for (content, expected) in
        [(Some("0123456789"), (201, "")), (Some("01234"), (400, "file-gone")), (None, (400, "file-gone"))]
    {
        let stage = Stage::new();
        let uuid = stage.created(Who::Staff, 10).await;
        let relocation = stage.relocation(&uuid).await;
        if let Some(content) = content {
            stage.api.objects.insert(Place::Uploads, &artifact::upload(relocation.id), content);
        }
        stage.commit(upload_completed(&relocation, stage.api.clock.now()).unwrap()).await;
        assert_eq!(
            stage
                .ask(Who::Staff, "PUT", &format!("/api/0/relocations/{uuid}/abort/"), Value::Null)
                .await
                .status,
            200
        );
        assert_eq!(stage.retry(Who::Staff, &uuid).await.code(), expected, "{content:?}");
    }
}

#[tokio::test]
async fn without_its_file_or_its_owner_nothing_begins() {
    let stage = Stage::new();
    let uuid = stage.failed().await;
    stage.api.objects.remove(Place::Uploads, &artifact::upload_root(uuid.parse().unwrap())).await.unwrap();
    assert_eq!(stage.retry(Who::Staff, &uuid).await.code(), (400, "file-gone"));

    let stage = Stage::new();
    let uuid = stage.failed().await;
    let users = Catalog::builtin();
    let users = users.find("sentry.user").unwrap();
    let ada = stage.api.control.get(users, &[7]).await.unwrap().pop().flatten().unwrap();
    let transaction = Transaction { writes: vec![Write::delete(users, ada)], chunk: None };
    stage.api.control.write(&transaction).await.unwrap();
    assert_eq!(stage.retry(Who::Staff, &uuid).await.code(), (400, "owner-gone"));
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_owner_free() {
    let stage = Stage::new();
    let uuid = stage.failed().await;
    // The record, its file, the object, two options, the commit, the copy.
    stage.faults.fail_call(7, When::Before);
    assert_eq!(stage.retry(Who::Staff, &uuid).await.code(), (500, "internal"));
    assert_eq!(stage.retry(Who::Staff, &uuid).await.status, 201, "the owner is free");
}
