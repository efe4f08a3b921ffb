use catalog::ImportScope;
use pipeline::artifact::{self, Operation};
use pipeline::ids::BuildId;
use pipeline::kinds::FileKind;
use serde::{Deserialize, Serialize};

/// What a validation run does (SPEC, "Compare", last paragraph): written by `preprocessing_transfer`, so that
/// everybody can read what was rehearsed, and followed step by step by `validation-run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationPlan {
    /// The slugs that the raw data is filtered by.
    pub want_org_slugs: Vec<String>,
    /// The steps, in their order.
    pub steps: Vec<PlanStep>,
}

/// One step of a validation run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "do")]
pub enum PlanStep {
    /// Imports a file into the sandbox.
    Import {
        /// Which file.
        file: FileKind,
        /// What the import admits.
        scope: ImportScope,
        /// What it leaves out.
        filter: PlanFilter,
        /// Whether configuration that is there already is overwritten.
        overwrite_configs: bool,
    },
    /// Exports from the sandbox what a file brought.
    Export {
        /// Which file's counterpart this is.
        file: FileKind,
        /// What the export takes.
        scope: ImportScope,
        /// What it leaves out.
        filter: PlanFilter,
    },
    /// Compares a file with its counterpart.
    Compare {
        /// Which file.
        file: FileKind,
    },
}

/// What a step leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanFilter {
    /// Nothing.
    Nothing,
    /// All but the wanted users who exist already.
    ExistingUsernames,
    /// All but the wanted organisations and what belongs to them.
    WantedOrganizations,
}

impl ValidationPlan {
    /// The plan for these organisations.
    #[must_use]
    pub fn new(want_org_slugs: Vec<String>) -> Self {
        use FileKind::{BaselineConfigValidationData, CollidingUsersValidationData, RawUserData};
        use ImportScope::{Config, Organization, User};
        use PlanFilter::{ExistingUsernames, Nothing, WantedOrganizations};
        let import = |file, scope, filter, overwrite_configs| PlanStep::Import {
            file,
            scope,
            filter,
            overwrite_configs,
        };
        let export = |file, scope, filter| PlanStep::Export { file, scope, filter };
        Self {
            want_org_slugs,
            steps: vec![
                import(BaselineConfigValidationData, Config, Nothing, true),
                import(CollidingUsersValidationData, User, ExistingUsernames, false),
                import(RawUserData, Organization, WantedOrganizations, false),
                export(BaselineConfigValidationData, Config, Nothing),
                export(CollidingUsersValidationData, User, ExistingUsernames),
                PlanStep::Compare { file: BaselineConfigValidationData },
                PlanStep::Compare { file: CollidingUsersValidationData },
            ],
        }
    }

    /// The findings files that a run leaves when it follows the plan to its end.
    pub fn findings(&self, build: BuildId) -> impl Iterator<Item = String> {
        self.steps.iter().map(move |step| step.findings(build))
    }
}

impl PlanStep {
    /// The key of the step's findings.
    #[must_use]
    pub fn findings(&self, build: BuildId) -> String {
        let (operation, file) = match *self {
            Self::Import { file, .. } => (Operation::Import, file),
            Self::Export { file, .. } => (Operation::Export, file),
            Self::Compare { file } => (Operation::Compare, file),
        };
        artifact::findings(build, operation, file)
    }
}
