use std::sync::Arc;
use std::time::Duration;

use pipeline::artifact;
use pipeline::commit::{Actor, Dispatch};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId, Turn, UserId};
use pipeline::kinds::FileKind;
use pipeline::memory::{Faults, MemoryObjects, MemoryQueues, MemoryRelocations, MemoryTokens, When, World};
use pipeline::message::{Answer, TaskMessage, TaskToken};
use pipeline::port::{CommitRelocations, ReadRelocations};
use pipeline::relocation::{Pinned, Place, Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{NewRelocation, Source, create, upload_completed};
use pipeline::transition::{Changes, Finished, Start, finish, start};
use runtime::config::Waits;
use runtime::{Ports, Received, Task, run_task};

use super::TestKeys;

/// Who owns the relocation.
pub const OWNER: UserId = UserId(7);

/// A relocation, the ports around it, and a message that asks for a task.
pub struct Scene {
    /// The relocation.
    pub id: RelocationId,
    /// The task whose turn it is.
    pub task: OrderedTask,
    /// What `run_task` needs.
    pub ports: Ports<MemoryRelocations, MemoryQueues, MemoryTokens>,
    /// The buckets.
    pub objects: Arc<MemoryObjects>,
    /// The key service.
    pub keys: Arc<TestKeys>,
    /// Fails the calls of store, buckets, queues and tokens.
    pub faults: Faults,
}

impl Scene {
    /// A relocation of `slugs`, whose upload was declared with so many bytes, before its first task.
    pub async fn uploaded(slugs: &[&str], bytes: u64) -> Self {
        let World { relocations, queues, tokens, clock, entropy, faults, objects, .. } = World::new();
        let scene = Self {
            id: "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().expect("a uuid"),
            task: OrderedTask::UploadingStart,
            ports: Ports {
                store: Arc::new(relocations),
                queues,
                tokens,
                clock: Box::new(clock),
                entropy: Box::new(entropy),
                waits: Waits::default(),
            },
            objects: Arc::new(objects),
            keys: Arc::default(),
            faults,
        };
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: artifact::upload(scene.id),
            bytes,
            pinned: None,
            upload: None,
        };
        let new = NewRelocation {
            id: scene.id,
            creator: OWNER,
            owner: OWNER,
            want_org_slugs: slugs.iter().map(|slug| (*slug).to_owned()).collect(),
            autopause: None,
            promo_code: None,
            source: Source::Upload(file),
        };
        let now = scene.ports.clock.now();
        scene.ports.store.commit(create(new, Actor::User(OWNER), now)).await.expect("a relocation");
        let created = scene.relocation().await;
        let commit = upload_completed(&created, now).expect("a first run");
        scene.ports.store.commit(commit).await.expect("the first run");
        scene.faults.reset();
        scene
    }

    /// The relocation when all tasks before `task` are done; the last of them stored `changes`.
    pub async fn advance_to(mut self, task: OrderedTask, changes: Changes) -> Self {
        while self.task < task {
            let next = self.task.next().expect("a next task");
            let changes = if next == task { changes.clone() } else { Changes::default() };
            self.pass(Finished::next().with(changes)).await;
            self.task = next;
        }
        self.faults.reset();
        self
    }

    /// Stores a file in a bucket, as the version that a record would pin.
    pub fn pinned(&self, kind: FileKind, place: Place, key: &str, content: Vec<u8>) -> RelocationFile {
        let bytes = content.len() as u64;
        let pinned: Pinned = self.objects.insert(place, key, content).pinned;
        RelocationFile { kind, place, key: key.to_owned(), bytes, pinned: Some(pinned), upload: None }
    }

    /// Stores an input of the validation where it belongs.
    pub fn input(&self, kind: FileKind, content: Vec<u8>) -> RelocationFile {
        self.pinned(kind, Place::Artifacts, &artifact::input(self.id, kind), content)
    }

    /// Lets the current task end so, without running a body.
    pub async fn pass(&self, finished: Finished) {
        let (store, message, now) = (&self.ports.store, self.message(), self.ports.clock.now());
        let Start::Run(commit) = start(Some(&self.relocation().await), None, &message, now) else {
            panic!("the task's turn has not come")
        };
        store.commit(*commit).await.expect("a start");
        let (commit, _) = finish(&self.relocation().await, &message, finished, now).expect("an end");
        store.commit(commit).await.expect("an outcome");
    }

    /// The message that asks for the current task.
    #[must_use]
    pub fn message(&self) -> TaskMessage {
        TaskMessage {
            uuid: self.id,
            generation: Generation(1),
            task: self.task,
            turn: Turn(0),
            token: TaskToken::new(format!("the token of {}", self.task)),
            build: None,
        }
    }

    /// Delivers the message. The answer to its token; none if the visit is to be tried again.
    pub async fn visit(&self, task: &impl Task) -> Option<Answer> {
        let message = self.message();
        let received = Received {
            body: serde_json::to_string(&message).expect("a message"),
            receipt: "the receipt".to_owned(),
            deliveries: 1,
        };
        run_task(task, &self.ports, &received, Duration::from_secs(60)).await;
        self.ports.tokens.answer_of(&message.token)
    }

    /// Visits the task of a scene that `set` makes anew each time: with the n-th port call failing, for every n
    /// and both before and after its effect, then again; and twice at once. However it went, the run has to go
    /// on to the next task, and `check` has to be content.
    pub async fn survives<K: Task>(set: impl AsyncFn() -> (Self, K), check: impl AsyncFn(&Self)) {
        let (scene, task) = set().await;
        let answers = tokio::join!(scene.visit(&task), scene.visit(&task));
        assert_eq!(answers.0, answers.1, "two at once");
        scene.expect_next(answers.0, "two at once");
        check(&scene).await;
        for n in 1.. {
            for when in [When::Before, When::After] {
                let (scene, task) = set().await;
                scene.faults.fail_call(n, when);
                scene.visit(&task).await;
                let failed = scene.faults.calls() >= n;
                scene.faults.reset();
                let answer = scene.visit(&task).await;
                scene.expect_next(answer, &format!("call {n} failed {when:?}"));
                check(&scene).await;
                if !failed {
                    return;
                }
            }
        }
    }

    fn expect_next(&self, answer: Option<Answer>, how: &str) {
        let next = answer.unwrap_or_else(|| panic!("{how}: there is no answer")).next;
        assert_eq!(next, self.task.next(), "{how}");
    }

    /// The record.
    pub async fn relocation(&self) -> Relocation {
        self.ports.store.relocation(self.id).await.expect("a read").expect("a relocation")
    }

    /// A file of the record.
    pub async fn file(&self, kind: FileKind) -> Option<RelocationFile> {
        self.ports.store.file(self.id, kind).await.expect("a read")
    }

    /// The text of an artifact.
    #[must_use]
    pub fn artifact(&self, key: &str) -> Option<String> {
        let content = self.objects.content(Place::Artifacts, key)?;
        Some(String::from_utf8(content.to_vec()).expect("text"))
    }

    /// The events that wait to be published.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let outbox = self.ports.store.outbox().into_iter();
        let events = outbox.filter_map(|entry| match entry.dispatch {
            Dispatch::Publish(recorded) => Some(recorded.event),
            _ => None,
        });
        events.collect()
    }
}
