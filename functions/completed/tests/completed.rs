//! `completed`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use completed::Completed;
use pipeline::kinds::{Status, Step};
use pipeline::task::OrderedTask;
use testkit::{OWNER, Stage, proven};

async fn stage() -> Stage {
    Stage::at(OrderedTask::Completed).await
}

#[tokio::test]
async fn the_relocation_is_a_success_and_its_owner_free() {
    let observed = proven(stage, async |stage: &Stage| stage.deliver(&Completed).await).await;
    assert_eq!(observed.answer.unwrap().next, None);

    let stage = stage().await;
    assert_eq!(stage.ports.store.lock_of(OWNER), Some(stage.id));
    stage.deliver(&Completed).await;
    let relocation = stage.relocation().await;
    assert_eq!((relocation.status, relocation.step), (Status::Success, Step::Completed));
    assert_eq!(stage.ports.store.lock_of(OWNER), None);
}
