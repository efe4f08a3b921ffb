//! `uploading_start`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pipeline::kinds::{Provenance, Status};
use pipeline::message::Verdict;
use pipeline::task::OrderedTask;
use rstest::rstest;
use testkit::{Setup, Stage, proven};
use uploading_start::UploadingStart;

#[rstest]
#[case::an_upload_goes_on(Provenance::SelfHosted, Verdict::Next, Some(OrderedTask::UploadingComplete))]
#[case::another_cell_is_awaited_without_a_run(Provenance::SaasToSaas, Verdict::Paused, None)]
#[tokio::test]
async fn how_the_run_goes_on(
    #[case] provenance: Provenance,
    #[case] verdict: Verdict,
    #[case] next: Option<OrderedTask>,
) {
    let stage =
        async || Stage::with(OrderedTask::UploadingStart, Setup { provenance, ..Setup::default() }).await;
    let end = proven(stage, async |stage| stage.deliver(&UploadingStart).await).await;
    let answer = end.answer.unwrap();
    assert_eq!((answer.outcome, answer.next), (verdict, next));
    assert_eq!(end.status, Status::InProgress);
}
