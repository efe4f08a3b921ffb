//! Every error code there is. The same code stands in the API's answers, on the record and in mails; it
//! never changes once released. The sentence says what happened and what to do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::kinds::UnknownName;

/// Whether the same attempt, made again later, can turn out otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: the input or the request has to change first.
    Permanent,
    /// Yes: what stood in the way may be gone.
    Transient,
}

/// Who has to do something about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Whoever sent the file or the request: it has to change.
    Customer,
    /// Nobody: an administrator wanted it so.
    Administrator,
    /// Whoever runs the cell: something broke, or has to be looked at before it goes on.
    Operator,
}

/// Declares each code once: its variant, its name, whether a retry can help, and its sentence.
macro_rules! codes {
    ($( $code:ident, $name:literal, $retry:ident, $sentence:literal; )+) => {
        /// A stable, machine-readable reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(
                #[doc = $sentence]
                #[serde(rename = $name)]
                $code,
            )+
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The code as it is written everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// What happened and what to do, for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$code => $sentence,)+ }
            }

            /// Whether trying again, unchanged, can help.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$code => Retry::$retry,)+ }
            }
        }

        #[cfg(feature = "openapi")]
        crate::schema::of_names! {
            ErrorCode, "Why something was refused, or failed. A code never changes its meaning.",
            [$(($name, $sentence)),+]
        }
    };
}

codes! {
    // The file that was handed in.
    InvalidTarball, "invalid-tarball", Permanent,
        "The uploaded file is not a readable tar archive. Export again and upload the new file.";
    MissingMember, "missing-member", Permanent,
        "The archive lacks one of `export.json`, `data.key` and `key.pub`. Export again with the public key of this cell.";
    UnknownMember, "unknown-member", Permanent,
        "The archive holds something beside `export.json`, `data.key` and `key.pub`. Upload the file exactly as the export wrote it.";
    DuplicateMember, "duplicate-member", Permanent,
        "The archive holds the same member twice. Upload the file exactly as the export wrote it.";
    WrongKey, "wrong-key", Permanent,
        "The archive was not encrypted for this cell. Fetch this cell's public key and export again with it.";
    BadToken, "bad-token", Permanent,
        "The encrypted export is damaged or was altered. Upload the file again, or export anew.";
    ForeignPublicKey, "foreign-public-key", Permanent,
        "The public key in the archive is not this cell's. Fetch this cell's public key and export again with it.";
    InvalidJson, "invalid-json", Permanent,
        "The decrypted export is not a JSON array of rows. Export again and upload the new file unchanged.";
    MalformedSlug, "malformed-slug", Permanent,
        "An organization slug is malformed: letters, digits and dashes, 50 at most, not all digits, no dash at either end. Correct it and start again.";
    NoUsers, "no-users", Permanent,
        "The export holds no users. Export again in organization scope, with its users.";
    MissingOrganizations, "missing-organizations", Permanent,
        "Organizations that were asked for are not in the export. Check their slugs, or export them too.";
    AmbiguousOrganizations, "ambiguous-organizations", Permanent,
        "Several organizations in the export have the same slug, and it was asked for. Rename all but one, export again and upload the new file.";
    TooManyOrganizations, "too-many-organizations", Permanent,
        "More than 20 organizations were asked for. Split them over several relocations.";
    TooManyUsers, "too-many-users", Permanent,
        "The wanted organizations have more than 2,000 members. Split them over several relocations, or contact support.";
    TooLargeToValidate, "too-large-to-validate", Permanent,
        "The export is too large to be validated. Relocate fewer organizations at a time, or contact support.";

    // The upload.
    UploadExpired, "upload-expired", Permanent,
        "No file arrived within 24 hours. Start a new relocation and upload the file in time.";
    UploadAbandoned, "upload-abandoned", Permanent,
        "The upload was given up. Start a new relocation whenever you are ready.";
    UploadIncomplete, "upload-incomplete", Permanent,
        "The uploaded file is not whole: its size is not the declared one, or it is gone. Start a new relocation and upload it again.";
    ExportNotReceived, "export-not-received", Permanent,
        "The other cell did not send its export within 80 minutes. Start the fork again, or contact support.";
    ExportRejected, "export-rejected", Permanent,
        "The other cell could not export the organization. Contact support.";

    // Validation and import.
    ValidationFindings, "validation-findings", Permanent,
        "The rehearsal showed that importing would change data that is already here, so nothing was imported. Contact support with the relocation's id.";
    ValidationRunsExhausted, "validation-runs-exhausted", Permanent,
        "None of the 3 validation runs came to an end, so nothing was imported. Try again later, or contact support.";
    ImportRejected, "import-rejected", Permanent,
        "A row of the export cannot be imported. Correct the row that is named, export again and start a new relocation.";
    UnexpectedOrganization, "unexpected-organization", Permanent,
        "An organization that nobody asked for was imported. Support has to look at it before it is released.";
    UnexpectedUser, "unexpected-user", Permanent,
        "A user whom nobody asked for was imported. Support has to look at it before anyone is told.";

    // Undoing.
    UndoObstructed, "undo-obstructed", Permanent,
        "Others have built on what was imported. Look at what stands in the way and remove it, or have staff undo it with `cascade`, so that it goes too.";
    UndoBrokeOff, "undo-broke-off", Transient,
        "Undoing broke off, and trying again did not help. What was undone stays undone; ask again to let it go on, or contact support.";

    // What people decided.
    CancelledByAdministrator, "cancelled-by-administrator", Permanent,
        "The relocation was cancelled by an administrator. Ask them why before you start again.";
    AbortedByAdministrator, "aborted-by-administrator", Permanent,
        "The relocation was aborted by an administrator. Ask them why before you start again.";

    // A task whose attempts are spent.
    UploadingStartFailed, "uploading-start-failed", Transient,
        "The upload could not be begun, and trying again did not help. Try later, or contact support.";
    UploadingCompleteFailed, "uploading-complete-failed", Transient,
        "The uploaded file could not be read, and trying again did not help. Try later, or contact support.";
    PreprocessingScanFailed, "preprocessing-scan-failed", Transient,
        "The export could not be checked, and trying again did not help. Nothing was imported; contact support.";
    PreprocessingTransferFailed, "preprocessing-transfer-failed", Transient,
        "The export could not be prepared for validation, and trying again did not help. Nothing was imported; contact support.";
    PreprocessingBaselineConfigFailed, "preprocessing-baseline-config-failed", Transient,
        "The configuration of this cell could not be gathered, and trying again did not help. Nothing was imported; contact support.";
    PreprocessingCollidingUsersFailed, "preprocessing-colliding-users-failed", Transient,
        "The users that exist already could not be gathered, and trying again did not help. Nothing was imported; contact support.";
    PreprocessingCompleteFailed, "preprocessing-complete-failed", Transient,
        "The preparation of the validation could not be finished, and trying again did not help. Nothing was imported; contact support.";
    ValidatingStartFailed, "validating-start-failed", Transient,
        "The validation could not be started, and trying again did not help. Nothing was imported; contact support.";
    ValidatingPollFailed, "validating-poll-failed", Transient,
        "The validation could not be observed, and trying again did not help. Nothing was imported; contact support.";
    ValidatingCompleteFailed, "validating-complete-failed", Transient,
        "The validation's findings could not be read, and trying again did not help. Nothing was imported; contact support.";
    ImportingFailed, "importing-failed", Transient,
        "The import broke off, and trying again did not help. What was imported stays hidden; support can let it go on where it stopped.";
    PostprocessingFailed, "postprocessing-failed", Transient,
        "The imported organizations could not be handed over, and trying again did not help. Support can let it go on where it stopped.";
    NotifyingUnhideFailed, "notifying-unhide-failed", Transient,
        "The imported organizations could not be made visible, and trying again did not help. Support can let it go on where it stopped.";
    NotifyingUsersFailed, "notifying-users-failed", Transient,
        "The imported users could not be told, and trying again did not help. Support can let it go on where it stopped.";
    NotifyingOwnerFailed, "notifying-owner-failed", Transient,
        "The owner could not be told, and trying again did not help. Support can let it go on where it stopped.";
    CompletedFailed, "completed-failed", Transient,
        "The relocation could not be closed, and trying again did not help. Support can let it go on where it stopped.";
    TaskDied, "task-died", Transient,
        "A task of the relocation ended without a word, as when it runs out of memory. Support can let it go on where it stopped.";
    TaskOutOfOrder, "task-out-of-order", Permanent,
        "A task was started before its turn. This is a fault of ours; contact support.";
    Internal, "internal", Transient,
        "Something went wrong on our side. Try again later, or contact support.";

    // What the API refuses.
    Unauthenticated, "unauthenticated", Permanent,
        "Nobody is signed in. Send a valid token.";
    Forbidden, "forbidden", Permanent,
        "You are not allowed to do this. Ask a member of staff.";
    NotFound, "not-found", Permanent,
        "There is nothing here. Check the address.";
    MethodNotAllowed, "method-not-allowed", Permanent,
        "This address does not support that method. Check the documentation of the call.";
    FeatureDisabled, "feature-disabled", Permanent,
        "Relocation is not enabled here. Ask a member of staff.";
    InvalidField, "invalid-field", Permanent,
        "A field of the request is missing or not valid. Correct the one that is named.";
    UnknownStatus, "unknown-status", Permanent,
        "There is no such status. Use one of the known ones.";
    UnknownStep, "unknown-step", Permanent,
        "There is no such step. Use one of the known ones.";
    StepNotSchedulable, "step-not-schedulable", Permanent,
        "Nothing can be scheduled at that step. Choose a later one, from PREPROCESSING to NOTIFYING.";
    NoStepLeft, "no-step-left", Permanent,
        "No step is left at which this could be scheduled. Let the relocation end.";
    NotPausable, "not-pausable", Permanent,
        "Only a relocation in progress or paused can be paused. This one has ended.";
    NotUnpausable, "not-unpausable", Permanent,
        "Only a relocation that is paused, or has a pause scheduled, can be unpaused.";
    NotCancellable, "not-cancellable", Permanent,
        "A relocation that succeeded cannot be cancelled.";
    NotAbortable, "not-abortable", Permanent,
        "Only a relocation in progress or paused can be aborted. This one has ended.";
    NotFailed, "not-failed", Permanent,
        "Only a failed relocation can be recovered or retried. Wait for this one to end.";
    NotRecoverable, "not-recoverable", Permanent,
        "The relocation cannot go on from where it failed. Retry it as a new relocation.";
    OwnerNotSelf, "owner-not-self", Permanent,
        "Only staff may start a relocation for somebody else. Name yourself as owner.";
    UnknownOwner, "unknown-owner", Permanent,
        "There is no user with the owner's name. Check the spelling.";
    OwnerBusy, "owner-busy", Permanent,
        "The owner has another relocation that has not ended. Wait for it, or have it aborted.";
    OwnerGone, "owner-gone", Permanent,
        "The owner of the relocation no longer exists. Start a new relocation for another owner.";
    FileGone, "file-gone", Permanent,
        "The relocation's file no longer exists. Start a new relocation and upload it again.";
    DailyLimitReached, "daily-limit-reached", Transient,
        "As many relocations of this size as are allowed in 24 hours were started already. Try again tomorrow.";
    NotUploading, "not-uploading", Permanent,
        "The relocation is not waiting for a file. Look at its status.";
    PartsMissing, "parts-missing", Permanent,
        "Parts of the upload are missing. Upload those that are named and complete it again.";
    SizeDiffers, "size-differs", Permanent,
        "The uploaded parts are not as large as was declared. Upload those that differ again, or give up and declare the right size.";
    FileTooLarge, "file-too-large", Permanent,
        "The file is too large: 4 MiB within the request, 5 GiB by direct upload. Use the direct upload, or relocate fewer organizations.";
    ChangedMeanwhile, "changed-meanwhile", Transient,
        "The relocation changed while the request was served. Look at it and try again.";
    KeyServiceUnreachable, "key-service-unreachable", Transient,
        "The key service does not answer. Try again in a minute.";
    OrganizationNotActive, "organization-not-active", Permanent,
        "Only an active organization can be forked. Look at its status.";
    ForbiddenSourceCell, "forbidden-source-cell", Permanent,
        "Organizations may not be forked out of that cell.";
    SameCell, "same-cell", Permanent,
        "The organization lives in this cell already.";
    AlreadyBeingForked, "already-being-forked", Permanent,
        "The organization is being forked already. Wait for that relocation to end.";
    NotUndoable, "not-undoable", Permanent,
        "Only a relocation that has ended can be undone. Have this one aborted first, or let it end.";
    UndoInProgress, "undo-in-progress", Permanent,
        "The relocation is being undone already. Wait for that to end.";
    AlreadyUndone, "already-undone", Permanent,
        "The relocation was undone. There is nothing left to undo.";
    UndoWindowOver, "undo-window-over", Permanent,
        "Too much time has passed since the relocation ended. Staff can extend that time by the option `relocation.undo-window-days`.";
    NotAcceptable, "not-acceptable", Permanent,
        "Only a relocation that succeeded and was not undone can be accepted.";
    AlreadyAccepted, "already-accepted", Permanent,
        "You have accepted this relocation. Ask a member of staff to undo it.";
    UnknownModel, "unknown-model", Permanent,
        "There is no such model. Use a name of the catalogue, such as `sentry.organization`.";
    UnknownObject, "unknown-object", Permanent,
        "The model has no row with that primary key. Check both.";
    DeletionInProgress, "deletion-in-progress", Permanent,
        "The deletion is in progress, and what is gone cannot be brought back. Wait for its end.";
}

impl ErrorCode {
    /// Who has to do something about it.
    #[must_use]
    pub const fn concern(self) -> Concern {
        match self {
            Self::CancelledByAdministrator | Self::AbortedByAdministrator => Concern::Administrator,
            Self::ExportNotReceived
            | Self::ExportRejected
            | Self::ValidationFindings
            | Self::ValidationRunsExhausted
            | Self::UnexpectedOrganization
            | Self::UnexpectedUser
            | Self::UploadingStartFailed
            | Self::UploadingCompleteFailed
            | Self::PreprocessingScanFailed
            | Self::PreprocessingTransferFailed
            | Self::PreprocessingBaselineConfigFailed
            | Self::PreprocessingCollidingUsersFailed
            | Self::PreprocessingCompleteFailed
            | Self::ValidatingStartFailed
            | Self::ValidatingPollFailed
            | Self::ValidatingCompleteFailed
            | Self::ImportingFailed
            | Self::PostprocessingFailed
            | Self::NotifyingUnhideFailed
            | Self::NotifyingUsersFailed
            | Self::NotifyingOwnerFailed
            | Self::CompletedFailed
            | Self::TaskDied
            | Self::TaskOutOfOrder
            | Self::OwnerGone
            | Self::UndoBrokeOff
            | Self::Internal
            | Self::KeyServiceUnreachable => Concern::Operator,
            _ => Concern::Customer,
        }
    }

    /// Whether a relocation that fails so says so by mail. Administrators' decisions are not mailed (SPEC,
    /// "The ordered tasks": a scheduled cancel and an abort send no mail).
    #[must_use]
    pub const fn is_mailed(self) -> bool {
        !matches!(self, Self::CancelledByAdministrator | Self::AbortedByAdministrator)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorCode {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| UnknownName {
            kind: "error code",
            name: text.to_owned(),
            known: "listed in `pipeline::code`".to_owned(),
        })
    }
}
