//! `notifying_owner`, undisturbed and disturbed in every way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use notifying_owner::NotifyingOwner;
use pipeline::event::{Event, Succeeded};
use pipeline::kinds::Notified;
use pipeline::task::OrderedTask;
use testkit::{OWNER, Stage, proven};

#[tokio::test]
async fn the_end_is_announced_once() {
    let observed = proven(
        async || Stage::at(OrderedTask::NotifyingOwner).await,
        async |stage| stage.deliver(&NotifyingOwner).await,
    )
    .await;
    assert_eq!(observed.notified, Some(Notified::Succeeded));
    let announcements: Vec<_> =
        observed.events.iter().filter(|event| matches!(event, Event::Succeeded(_))).collect();
    assert_eq!(announcements, [&Event::Succeeded(Succeeded { owner_id: OWNER })]);
    assert_eq!(observed.answer.unwrap().next, Some(OrderedTask::Completed));
}
