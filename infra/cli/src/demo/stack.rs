//! The local stack, as seen from the command line: a Python program of this checkout runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What `stack.py up` says of the stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackDescription {
    /// The emulator's endpoint.
    pub(crate) endpoint: String,
    /// The account it is deployed in.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// The root of the API.
    pub(crate) api: String,
    /// What callers of the API add to the query.
    pub(crate) api_query: String,
    /// A token of an administrator.
    pub(crate) staff_token: String,
    /// The template's outputs.
    pub(crate) outputs: std::collections::BTreeMap<String, String>,
}

impl StackDescription {
    /// The root of the API with what callers add to the query, as clients are given it.
    pub(crate) fn api_endpoint(&self) -> String {
        format!("{}?{}", self.api, self.api_query)
    }
}

/// Whom a token is for.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    /// Primary key of the user.
    pub(crate) user_id: u64,
    /// Username.
    pub(crate) username: String,
    /// Whether this is a member of staff.
    pub(crate) is_staff: bool,
    /// What else a member of staff is permitted.
    pub(crate) permissions: Vec<String>,
}

impl Bearer {
    /// Whose token `up` shows: one who may do everything.
    pub(crate) fn administrator() -> Self {
        let permissions = vec!["relocation.admin".to_owned()];
        Self { user_id: 1, username: "admin".to_owned(), is_staff: true, permissions }
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
}

/// What the tables and buckets of a stack say of a relocation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inspection {
    /// The tasks that ran, in order.
    pub(crate) tasks: Vec<TaskRun>,
    /// The mails that were sent.
    pub(crate) mails: Vec<SentMail>,
    /// The artifacts.
    pub(crate) artifacts: Vec<Artifact>,
    /// What the import did, if it got that far.
    pub(crate) report: Option<transfer::import::ImportReport>,
}

/// A task that ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskRun {
    /// Its name.
    pub(crate) task: String,
    /// How often it was started.
    pub(crate) attempts: u32,
    /// How long it took, waiting in its queue included.
    pub(crate) seconds: f64,
}

/// A mail that was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SentMail {
    /// The recipient.
    pub(crate) to: String,
    /// The subject.
    pub(crate) subject: String,
}

/// An object that belongs to a relocation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Artifact {
    /// Where it is.
    pub(crate) path: String,
    /// Its size.
    pub(crate) bytes: u64,
}

/// Why the local stack cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    /// This program does not stand in a checkout.
    #[error("there is no `infra/local/stack.py` above {0}: run this within a checkout of the project")]
    NoCheckout(PathBuf),
    /// Python, or another program, could not be started.
    #[error("`{program}` could not be started: is it installed?")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program said what is wrong and ended.
    #[error("`{0}` failed; what it says stands above")]
    Failed(String),
    /// Nothing runs.
    #[error("no local stack runs")]
    NotRunning,
    /// A program answered with something else than expected.
    #[error("`{program}` answered with something unexpected")]
    Answer {
        /// The program.
        program: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

/// When rows are put into a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeding {
    /// Whatever is there.
    Always,
    /// Only if it has no rows, so that it can be asked for each time.
    IfEmpty,
}

/// Runs `stack.py` of the checkout.
#[derive(Debug, Clone)]
pub(crate) struct LocalStack {
    root: PathBuf,
    /// The folder below `.local` that notes what runs, if it is not the usual one; another folder is another
    /// stack.
    state: Option<OsString>,
}

/// Names a stack of its own, which runs beside the usual one.
const STACK_VARIABLE: &str = "RELOCATE_STACK";

impl LocalStack {
    /// The stack of the checkout that the working directory is in, or the one that the environment names.
    ///
    /// # Errors
    /// It is in none.
    pub(crate) fn find() -> Result<Self, StackError> {
        Self::with_state(std::env::var_os(STACK_VARIABLE).filter(|name| !name.is_empty()))
    }

    /// The stack that demos have to themselves, so that each begins with nothing and takes nobody's data away.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(crate) fn of_demos() -> Result<Self, StackError> {
        Self::with_state(Some("demo".into()))
    }

    /// Whether it is another one than the usual.
    pub(crate) const fn is_named(&self) -> bool {
        self.state.is_some()
    }

    fn with_state(state: Option<OsString>) -> Result<Self, StackError> {
        let here = std::env::current_dir().unwrap_or_default();
        let root = here.ancestors().find(|folder| folder.join("infra/local/stack.py").is_file());
        root.map(|root| Self { root: root.to_owned(), state }).ok_or(StackError::NoCheckout(here))
    }

    /// Builds, starts and deploys the stack, or updates the one that runs. Progress goes to standard error.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    pub(crate) fn up(&self) -> Result<StackDescription, StackError> {
        self.answer(&["up"])
    }

    /// Stops the stack and forgets its data.
    ///
    /// # Errors
    /// It cannot be stopped.
    pub(crate) fn down(&self) -> Result<(), StackError> {
        let status = self.python(&["down", "--json"]).status();
        check("stack.py down", status)
    }

    /// Puts the rows of a file into the silos of a stack as they are.
    ///
    /// # Errors
    /// A row cannot be written.
    pub(crate) fn seed(
        &self,
        stack: &StackDescription,
        rows: &Path,
        seeding: Seeding,
    ) -> Result<(), StackError> {
        let output = |name: &str| stack.outputs.get(name).cloned().unwrap_or_default();
        let mut command = Command::new(self.binary("seed"));
        command
            .args((seeding == Seeding::IfEmpty).then_some("--if-empty"))
            .arg(rows)
            .env("AWS_ENDPOINT_URL", &stack.endpoint)
            .env("AWS_REGION", &stack.region)
            .env("AWS_ACCESS_KEY_ID", &stack.account)
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("CELL_TABLE", output("CellTable"))
            .env("CONTROL_TABLE", output("ControlTable"));
        check("seed", command.status())
    }

    /// Makes a token that the running stack's API takes.
    ///
    /// # Errors
    /// No stack runs.
    pub(crate) fn token(&self, bearer: &Bearer) -> Result<String, StackError> {
        let (user_id, permissions) = (bearer.user_id.to_string(), bearer.permissions.join(" "));
        let mut arguments = vec!["token", "--user-id", &user_id, "--username", &bearer.username];
        arguments.extend(bearer.is_staff.then_some("--staff"));
        arguments.extend(["--permissions", &permissions]);
        match self.answer::<TokenAnswer>(&arguments) {
            // It says so where programs are answered, and not above.
            Err(StackError::Failed(_)) => Err(StackError::NotRunning),
            answer => answer.map(|answer| answer.token),
        }
    }

    /// What the tables and buckets say of a relocation.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn inspect(&self, relocation: &str) -> Result<Inspection, StackError> {
        self.answer(&["inspect", relocation])
    }

    fn answer<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T, StackError> {
        let program = format!("stack.py {}", arguments.join(" "));
        let output = self.python(arguments).arg("--json").stdout(Stdio::piped()).output();
        let output = output.map_err(|source| StackError::Start { program: "python3".to_owned(), source })?;
        if !output.status.success() {
            return Err(StackError::Failed(program));
        }
        serde_json::from_slice(&output.stdout).map_err(|source| StackError::Answer { program, source })
    }

    fn python(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(self.root.join("infra/local/stack.py")).args(arguments).stderr(Stdio::inherit());
        if let Some(state) = &self.state {
            command.arg("--state").arg(self.root.join(".local").join(state));
        }
        command
    }

    /// A program that was built with the functions; it stands beside them.
    fn binary(&self, name: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        self.root.join(target).join("debug").join(name)
    }
}

fn check(program: &str, status: std::io::Result<std::process::ExitStatus>) -> Result<(), StackError> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(StackError::Failed(program.to_owned())),
        Err(source) => Err(StackError::Start { program: program.to_owned(), source }),
    }
}
