//! Adapters from a function's configuration.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use catalog::Catalog;
use runtime::Ports;
use runtime::config::{Config, MailConfig};

use crate::call_log::CallLog;
use crate::clients::SILENCE_OF_S3;
use crate::{
    DirectUploads, DynamoSchedules, DynamoSilo, Events, Machine, Mailer, Objects, Queues, Relocations,
    SealKey, SystemClock, SystemEntropy, configuration,
};

/// A client of an SDK crate whose calls are logged. Every crate has its own type of configuration.
macro_rules! logged {
    ($sdk:ident, $aws:expr) => {{
        let config = $sdk::config::Builder::from(&$aws).interceptor(CallLog).build();
        $sdk::Client::from_conf(config)
    }};
}

/// Makes the adapters that a function asks for, and no others: a client costs time at a cold start.
#[derive(Clone, Debug)]
pub struct Platform {
    aws: SdkConfig,
    config: Config,
}

impl Platform {
    /// What this configuration names, in the account and region that the environment names.
    pub async fn new(config: Config) -> Self {
        Self::with(configuration().await, config)
    }

    /// What this configuration names, reached in a way of one's own.
    #[must_use]
    pub const fn with(aws: SdkConfig, config: Config) -> Self {
        Self { aws, config }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What [`runtime::run_task`] needs.
    #[must_use]
    pub fn ports(&self) -> Ports<Relocations, Queues, Machine> {
        Ports {
            store: Arc::new(self.relocations()),
            queues: self.queues(),
            tokens: self.machine(),
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            waits: self.config.waits,
        }
    }

    /// The store of relocations.
    #[must_use]
    pub fn relocations(&self) -> Relocations {
        Relocations::new(self.dynamodb(), &self.config.relocations_table)
    }

    /// The cell's silo.
    #[must_use]
    pub fn cell(&self, catalog: Arc<Catalog>) -> DynamoSilo {
        DynamoSilo::new(self.dynamodb(), &self.config.cell_table, catalog)
    }

    /// Control's silo.
    #[must_use]
    pub fn control(&self, catalog: Arc<Catalog>) -> DynamoSilo {
        DynamoSilo::new(self.dynamodb(), &self.config.control_table, catalog)
    }

    /// The deletions that are scheduled in both silos.
    #[must_use]
    pub fn schedules(&self) -> DynamoSchedules {
        DynamoSchedules::new(self.dynamodb(), &self.config.cell_table, &self.config.control_table)
    }

    /// Artifacts and uploads.
    #[must_use]
    pub fn objects(&self) -> Objects {
        Objects::new(self.s3(), &self.config.artifacts_bucket, &self.config.uploads_bucket)
    }

    /// Direct uploads by customers.
    #[must_use]
    pub fn uploads(&self) -> DirectUploads {
        DirectUploads::new(self.s3(), &self.config.uploads_bucket, &self.config.data_key_id)
    }

    /// The queues that the function knows.
    #[must_use]
    pub fn queues(&self) -> Queues {
        Queues::new(logged!(aws_sdk_sqs, self.aws), self.config.queues.clone())
    }

    /// The state machine: its tokens and its runs.
    #[must_use]
    pub fn machine(&self) -> Machine {
        Machine::new(logged!(aws_sdk_sfn, self.aws), &self.config.state_machine_arn)
    }

    /// The event bus.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(logged!(aws_sdk_eventbridge, self.aws), &self.config.event_bus)
    }

    /// The key that exports are sealed for.
    #[must_use]
    pub fn seal_key(&self) -> SealKey {
        SealKey::new(logged!(aws_sdk_kms, self.aws), &self.config.seal_key_id)
    }

    /// The mail service, for the one function that is configured to send.
    #[must_use]
    pub fn mailer(&self, mail: &MailConfig) -> Mailer {
        Mailer::new(logged!(aws_sdk_sesv2, self.aws), &mail.sender)
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        logged!(aws_sdk_dynamodb, self.aws)
    }

    /// An endpoint of one's own has no host name for each bucket, so the bucket's name goes into the path.
    fn s3(&self) -> aws_sdk_s3::Client {
        let has_endpoint = self.aws.endpoint_url().is_some();
        let timeouts = TimeoutConfig::builder().read_timeout(SILENCE_OF_S3).build();
        let config = aws_sdk_s3::config::Builder::from(&self.aws).force_path_style(has_endpoint);
        let config = config.timeout_config(timeouts).interceptor(CallLog);
        aws_sdk_s3::Client::from_conf(config.build())
    }
}
