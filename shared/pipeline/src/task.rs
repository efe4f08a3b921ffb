//! The sixteen ordered tasks (SPEC, "The ordered tasks"), in one table.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::code::ErrorCode;
use crate::kinds::{Step, UnknownName};

/// What the specification fixes about a task.
struct Facts {
    name: &'static str,
    function: &'static str,
    step: Step,
    attempts: u32,
    limit_minutes: u64,
    failure: ErrorCode,
}

/// Declares the tasks, their facts and their order in one table.
macro_rules! tasks {
    ($( $task:ident, $name:literal, $function:literal, $step:ident, $attempts:literal, $minutes:literal,
        $failure:ident; )+) => {
        /// A task of the pipeline: one Lambda function, run in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum OrderedTask {
            $(
                #[doc = concat!("The task `", $name, "`.")]
                #[serde(rename = $name)]
                $task,
            )+
        }

        impl OrderedTask {
            /// All tasks, in order.
            pub const ALL: &[Self] = &[$(Self::$task),+];

            const fn facts(self) -> Facts {
                match self {
                    $(Self::$task => Facts {
                        name: $name,
                        function: $function,
                        step: Step::$step,
                        attempts: $attempts,
                        limit_minutes: $minutes,
                        failure: ErrorCode::$failure,
                    },)+
                }
            }
        }

        #[cfg(feature = "openapi")]
        crate::schema::of_names! {
            OrderedTask, "A task of the pipeline. Each belongs to a step; they run in this order.",
            [$(($name, format!("of the step {}", Step::$step.name()))),+]
        }
    };
}

tasks! {
    // task, name, function's crate, step, attempts, limit in minutes, code when the attempts are spent
    UploadingStart, "uploading_start", "uploading-start", Uploading, 4, 1, UploadingStartFailed;
    UploadingComplete, "uploading_complete", "uploading-complete", Uploading, 4, 1, UploadingCompleteFailed;
    PreprocessingScan, "preprocessing_scan", "preprocessing-scan", Preprocessing, 4, 5, PreprocessingScanFailed;
    PreprocessingTransfer, "preprocessing_transfer", "preprocessing-transfer", Preprocessing, 4, 5,
        PreprocessingTransferFailed;
    PreprocessingBaselineConfig, "preprocessing_baseline_config", "preprocessing-baseline-config", Preprocessing,
        4, 5, PreprocessingBaselineConfigFailed;
    PreprocessingCollidingUsers, "preprocessing_colliding_users", "preprocessing-colliding-users", Preprocessing,
        4, 5, PreprocessingCollidingUsersFailed;
    PreprocessingComplete, "preprocessing_complete", "preprocessing-complete", Preprocessing, 4, 5,
        PreprocessingCompleteFailed;
    ValidatingStart, "validating_start", "validating-start", Validating, 4, 1, ValidatingStartFailed;
    ValidatingPoll, "validating_poll", "validating-poll", Validating, 61, 1, ValidatingPollFailed;
    ValidatingComplete, "validating_complete", "validating-complete", Validating, 4, 1, ValidatingCompleteFailed;
    Importing, "importing", "importing", Importing, 5, 60, ImportingFailed;
    Postprocessing, "postprocessing", "postprocessing", Postprocessing, 4, 1, PostprocessingFailed;
    NotifyingUnhide, "notifying_unhide", "notifying-unhide", Notifying, 4, 1, NotifyingUnhideFailed;
    NotifyingUsers, "notifying_users", "notifying-users", Notifying, 4, 1, NotifyingUsersFailed;
    NotifyingOwner, "notifying_owner", "notifying-owner", Notifying, 4, 1, NotifyingOwnerFailed;
    Completed, "completed", "completed", Completed, 4, 1, CompletedFailed;
}

impl OrderedTask {
    /// Its name on the record, in messages and in the state machine's input.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The name of its function and of that function's crate.
    #[must_use]
    pub const fn function(self) -> &'static str {
        self.facts().function
    }

    /// The step that it belongs to.
    #[must_use]
    pub const fn step(self) -> Step {
        self.facts().step
    }

    /// How often it may be started, the first time included.
    #[must_use]
    pub const fn attempts(self) -> u32 {
        self.facts().attempts
    }

    /// The longest it may go without finishing or saving progress.
    #[must_use]
    pub const fn limit(self) -> Duration {
        Duration::from_secs(self.facts().limit_minutes * 60)
    }

    /// Why the relocation fails when the attempts are spent.
    #[must_use]
    pub const fn failure(self) -> ErrorCode {
        self.facts().failure
    }

    /// The task that follows when this one is done; none after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|task| *task > self)
    }

    /// The task that a step begins with; none for `UNKNOWN`, which has no tasks.
    #[must_use]
    pub fn first_of(step: Step) -> Option<Self> {
        Self::ALL.iter().copied().find(|task| task.step() == step)
    }
}

impl fmt::Display for OrderedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OrderedTask {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|task| task.name() == text).ok_or_else(|| UnknownName {
            kind: "ordered task",
            name: text.to_owned(),
            known: Self::ALL.iter().map(|task| task.name()).collect::<Vec<_>>().join(", "),
        })
    }
}
