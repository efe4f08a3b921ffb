//! Everything that the environment sets, in one table, read once. Tests pass variables of their own; nothing
//! here touches the process's environment.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use pipeline::port::Queue;
use pipeline::task::OrderedTask;

/// Declares the variables: a constant for each name, and all of them in one list.
macro_rules! variables {
    ($( $(#[$meta:meta])* $name:ident; )+) => {
        /// The names of the variables.
        pub mod name {
            $( $(#[$meta])* pub const $name: &str = stringify!($name); )+
        }

        /// All variables but the queues'; see [`queue_variable`] for those. A test compares them with the
        /// template.
        pub const VARIABLES: &[&str] = &[$(name::$name),+];
    };
}

variables! {
    /// The cell's name: the source of its events.
    CELL;
    /// The table of relocations.
    RELOCATIONS_TABLE;
    /// The table of the cell's silo.
    CELL_TABLE;
    /// The table of control's silo.
    CONTROL_TABLE;
    /// The bucket of artifacts.
    ARTIFACTS_BUCKET;
    /// The bucket that customers upload to.
    UPLOADS_BUCKET;
    /// The KMS key that exports are sealed for.
    SEAL_KEY_ID;
    /// The KMS key that objects are stored under.
    DATA_KEY_ID;
    /// The event bus.
    EVENT_BUS;
    /// The state machine.
    STATE_MACHINE_ARN;
    /// The address that mails come from; only where mails are sent.
    MAIL_SENDER;
    /// Where users claim their account; only where mails are sent.
    CLAIM_URL;
    /// The wait before a first retry, in seconds.
    BACKOFF_BASE_SECONDS;
    /// The longest wait before a retry, in seconds.
    BACKOFF_CAP_SECONDS;
    /// How long a turn of a long task may take, in seconds.
    SLICE_SECONDS;
    /// The wait between two looks at a validation run, in seconds.
    POLL_INTERVAL_SECONDS;
    /// How long a validation run may take, in seconds.
    VALIDATION_TIMEOUT_SECONDS;
    /// How old an outbox entry is when the sweep relays it, in seconds.
    OUTBOX_SWEEP_AGE_SECONDS;
    /// How long indexes take to show every row, in seconds; only where keys are reconciled.
    INDEX_SETTLING_SECONDS;
    /// How long after a relocation's end nothing of it is undone yet, in seconds; only where relocations are undone.
    UNDO_QUIET_SECONDS;
    /// The wait before a deletion or a cascade goes on that has more to do, in seconds.
    DELETION_AGAIN_SECONDS;
    /// The wait before a deletion is tried again that failed, in seconds.
    DELETION_RETRY_SECONDS;
    /// Whether this stack holds control: `true` or `false`.
    HOLDS_CONTROL;
    /// How long an option is remembered, in seconds; only where options are looked at.
    OPTION_CACHE_SECONDS;
    /// The memory of the function that validates, in MiB.
    VALIDATION_MEMORY_MB;
    /// How many days after a relocation's end its files are kept.
    ARTIFACT_RETENTION_DAYS;
    /// The object in the bucket of artifacts that holds the cell's own catalogue; only where it has one.
    CATALOG;
}

/// The variable that holds a queue's URL: `QUEUE_` and the name of what it feeds.
#[must_use]
pub fn queue_variable(queue: Queue) -> String {
    match queue {
        Queue::Task(task) => format!("QUEUE_{}", task.name().to_uppercase()),
        Queue::Validation => "QUEUE_VALIDATION_RUN".to_owned(),
        Queue::Mail => "QUEUE_MAIL".to_owned(),
        Queue::Cascade => "QUEUE_CASCADE".to_owned(),
        Queue::Deletion => "QUEUE_DELETION".to_owned(),
        Queue::Undo => "QUEUE_UNDO".to_owned(),
    }
}

/// A variable that is missing or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(String),
    /// It is no number of seconds.
    #[error("the environment variable {name} is `{value}`, which is no number of seconds")]
    NoSeconds {
        /// The variable.
        name: String,
        /// What it says.
        value: String,
    },
    /// It is no whole number.
    #[error("the environment variable {name} is `{value}`, which is no whole number")]
    NoNumber {
        /// The variable.
        name: String,
        /// What it says.
        value: String,
    },
}

/// How a function is configured. The names are the same for all functions; what each may do with what they
/// name, its role says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The cell's name.
    pub cell: String,
    /// The table of relocations.
    pub relocations_table: String,
    /// The table of the cell's silo.
    pub cell_table: String,
    /// The table of control's silo.
    pub control_table: String,
    /// The bucket of artifacts.
    pub artifacts_bucket: String,
    /// The bucket that customers upload to.
    pub uploads_bucket: String,
    /// The KMS key that exports are sealed for.
    pub seal_key_id: String,
    /// The KMS key that objects are stored under.
    pub data_key_id: String,
    /// The event bus.
    pub event_bus: String,
    /// The state machine.
    pub state_machine_arn: String,
    /// The URLs of the queues that the function has to do with.
    pub queues: BTreeMap<Queue, String>,
    /// Where mails come from and point to; only where mails are sent.
    pub mail: Option<MailConfig>,
    /// Whether this stack holds control.
    pub holds_control: bool,
    /// How long everything may take.
    pub waits: Waits,
    /// The memory of the function that validates, in bytes.
    pub validation_memory_bytes: u64,
    /// How many days after a relocation's end its files are kept.
    pub artifact_retention_days: u32,
    /// The object in the bucket of artifacts that holds the cell's own catalogue; none where the built-in one
    /// is used.
    pub catalog: Option<String>,
}

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// The address that they come from.
    pub sender: String,
    /// Where users claim their account.
    pub claim_url: String,
}

/// Every wait. The defaults are the product's; the local stack and the tests set shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Before a first retry; each further one doubles it.
    pub backoff_base: Duration,
    /// The longest before a retry.
    pub backoff_cap: Duration,
    /// After how long a long task saves its progress and takes another turn.
    pub slice: Duration,
    /// Between two looks at a validation run.
    pub poll_interval: Duration,
    /// How long a validation run may take.
    pub validation_timeout: Duration,
    /// How old an outbox entry is when the sweep relays it.
    pub outbox_sweep_age: Duration,
    /// How long an option is taken to be what it was, before it is read again.
    pub option_cache: Duration,
    /// How long indexes take to show every row (DESIGN §4).
    pub index_settling: Duration,
    /// How long after a relocation's end nothing of it is undone yet: by then whatever was under way has written its last.
    pub undo_quiet: Duration,
    /// Before a deletion or a cascade goes on that has more to do (SPEC §10).
    pub deletion_again: Duration,
    /// Before a deletion is tried again that failed (SPEC §10).
    pub deletion_retry: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_mins(1),
            backoff_cap: Duration::from_mins(15),
            slice: Duration::from_mins(4),
            poll_interval: Duration::from_mins(1),
            validation_timeout: Duration::from_mins(80),
            outbox_sweep_age: Duration::from_mins(1),
            option_cache: Duration::from_secs(5),
            index_settling: Duration::from_mins(1),
            // Twice as long as a function may run.
            undo_quiet: Duration::from_mins(10),
            deletion_again: Duration::from_secs(15),
            deletion_retry: Duration::from_mins(5),
        }
    }
}

impl Config {
    /// Reads the configuration from variables, such as [`std::env::vars`].
    ///
    /// # Errors
    /// A variable without a default is not set, or one is not the number that it has to be.
    pub fn from_env(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let env = Env(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect());
        Ok(Self {
            cell: env.text(name::CELL)?,
            relocations_table: env.text(name::RELOCATIONS_TABLE)?,
            cell_table: env.text(name::CELL_TABLE)?,
            control_table: env.text(name::CONTROL_TABLE)?,
            artifacts_bucket: env.text(name::ARTIFACTS_BUCKET)?,
            uploads_bucket: env.text(name::UPLOADS_BUCKET)?,
            seal_key_id: env.text(name::SEAL_KEY_ID)?,
            data_key_id: env.text(name::DATA_KEY_ID)?,
            event_bus: env.text(name::EVENT_BUS)?,
            state_machine_arn: env.text(name::STATE_MACHINE_ARN)?,
            queues: env.queues(),
            mail: env.mail()?,
            holds_control: env.0.get(name::HOLDS_CONTROL).is_none_or(|value| value == "true"),
            waits: env.waits()?,
            validation_memory_bytes: env
                .number::<u64>(name::VALIDATION_MEMORY_MB, 3008)?
                .saturating_mul(1024 * 1024),
            artifact_retention_days: env.number(name::ARTIFACT_RETENTION_DAYS, 30)?,
            catalog: env.0.get(name::CATALOG).cloned(),
        })
    }
}

/// Every queue there is.
pub fn queues() -> impl Iterator<Item = Queue> {
    let tasks = OrderedTask::ALL.iter().copied().map(Queue::Task);
    tasks.chain([Queue::Validation, Queue::Mail, Queue::Cascade, Queue::Deletion, Queue::Undo])
}

struct Env(BTreeMap<String, String>);

impl Env {
    fn text(&self, name: &str) -> Result<String, ConfigError> {
        self.0.get(name).cloned().ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    fn number<N: FromStr>(&self, name: &str, default: N) -> Result<N, ConfigError> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        value.parse().map_err(|_| ConfigError::NoNumber { name: name.to_owned(), value: value.clone() })
    }

    /// In seconds, which may have a fraction.
    fn wait(&self, name: &str, default: Duration) -> Result<Duration, ConfigError> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        let seconds = value.parse().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| ConfigError::NoSeconds { name: name.to_owned(), value: value.clone() })
    }

    fn waits(&self) -> Result<Waits, ConfigError> {
        let default = Waits::default();
        Ok(Waits {
            backoff_base: self.wait(name::BACKOFF_BASE_SECONDS, default.backoff_base)?,
            backoff_cap: self.wait(name::BACKOFF_CAP_SECONDS, default.backoff_cap)?,
            slice: self.wait(name::SLICE_SECONDS, default.slice)?,
            poll_interval: self.wait(name::POLL_INTERVAL_SECONDS, default.poll_interval)?,
            validation_timeout: self.wait(name::VALIDATION_TIMEOUT_SECONDS, default.validation_timeout)?,
            outbox_sweep_age: self.wait(name::OUTBOX_SWEEP_AGE_SECONDS, default.outbox_sweep_age)?,
            option_cache: self.wait(name::OPTION_CACHE_SECONDS, default.option_cache)?,
            index_settling: self.wait(name::INDEX_SETTLING_SECONDS, default.index_settling)?,
            undo_quiet: self.wait(name::UNDO_QUIET_SECONDS, default.undo_quiet)?,
            deletion_again: self.wait(name::DELETION_AGAIN_SECONDS, default.deletion_again)?,
            deletion_retry: self.wait(name::DELETION_RETRY_SECONDS, default.deletion_retry)?,
        })
    }

    fn queues(&self) -> BTreeMap<Queue, String> {
        queues()
            .filter_map(|queue| self.0.get(&queue_variable(queue)).map(|url| (queue, url.clone())))
            .collect()
    }

    /// Both or neither: a function that sends mails needs both.
    fn mail(&self) -> Result<Option<MailConfig>, ConfigError> {
        let is_set = [name::MAIL_SENDER, name::CLAIM_URL].iter().any(|name| self.0.contains_key(*name));
        if !is_set {
            return Ok(None);
        }
        Ok(Some(MailConfig { sender: self.text(name::MAIL_SENDER)?, claim_url: self.text(name::CLAIM_URL)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Vec<(String, String)> {
        let names = VARIABLES
            .iter()
            .filter(|name| !["_SECONDS", "_MB", "_DAYS"].iter().any(|unit| name.ends_with(unit)));
        names.map(|name| ((*name).to_owned(), format!("the {name}"))).collect()
    }

    fn with(name: &str, value: &str) -> Result<Config, ConfigError> {
        let mut variables = variables();
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
        Config::from_env(variables)
    }

    #[test]
    fn waits_default_to_the_products_values() {
        let config = Config::from_env(variables()).unwrap();
        assert_eq!(config.waits, Waits::default());
        assert_eq!(config.validation_memory_bytes, 3008 << 20);
        assert_eq!(config.artifact_retention_days, 30);
        assert_eq!(config.control_table, "the CONTROL_TABLE");
    }

    #[test]
    fn a_cell_without_a_catalogue_of_its_own_uses_the_built_in_one() {
        assert_eq!(with("CATALOG", "").unwrap().catalog, None);
        assert_eq!(
            with("CATALOG", "catalogs/ours.toml").unwrap().catalog.as_deref(),
            Some("catalogs/ours.toml")
        );
    }

    #[test]
    fn a_wait_is_set_in_seconds() {
        let config = with("BACKOFF_BASE_SECONDS", "2").unwrap();
        assert_eq!(config.waits.backoff_base, Duration::from_secs(2));
        let config = with("SLICE_SECONDS", "0.2").unwrap();
        assert_eq!(config.waits.slice, Duration::from_millis(200));
    }

    #[test]
    fn a_wait_is_a_number_that_time_can_have() {
        for value in ["1m", "-1", "NaN", "inf", "1e300"] {
            let error = with("BACKOFF_BASE_SECONDS", value).unwrap_err();
            assert_says(
                &error,
                &format!(
                    "the environment variable BACKOFF_BASE_SECONDS is `{value}`, which is no number of seconds"
                ),
            );
        }
    }

    #[test]
    fn days_are_whole() {
        let error = with("ARTIFACT_RETENTION_DAYS", "1.5").unwrap_err();
        assert_says(
            &error,
            "the environment variable ARTIFACT_RETENTION_DAYS is `1.5`, which is no whole number",
        );
    }

    #[test]
    fn a_name_without_a_default_has_to_be_set() {
        let error = with("CELL_TABLE", "").unwrap_err();
        assert_says(&error, "the environment variable CELL_TABLE is not set");
    }

    #[test]
    fn a_function_knows_the_queues_it_was_given() {
        let config = with("QUEUE_PREPROCESSING_SCAN", "https://queue").unwrap();
        let scan = Queue::Task(OrderedTask::PreprocessingScan);
        assert_eq!(config.queues, BTreeMap::from([(scan, "https://queue".to_owned())]));
    }

    #[test]
    fn mail_needs_both_of_its_variables() {
        let variables = || variables().into_iter().filter(|(name, _)| name != "CLAIM_URL");
        assert_eq!(Config::from_env(variables()), Err(ConfigError::Missing("CLAIM_URL".to_owned())));
        let neither = variables().filter(|(name, _)| name != "MAIL_SENDER");
        assert_eq!(Config::from_env(neither).unwrap().mail, None);
    }

    fn assert_says(error: &ConfigError, text: &str) {
        assert_eq!(error.to_string(), text);
    }
}
