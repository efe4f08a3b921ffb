//! Serves `send-mail` to Lambda.

use std::sync::Arc;

use platform::{Platform, SystemClock, SystemEntropy};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let mail = platform.config().mail.clone().ok_or("MAIL_SENDER and CLAIM_URL are not set")?;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let sender = send_mail::MailSender {
        store: Arc::new(platform.relocations()),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        mailer: platform.mailer(&mail),
        queues: platform.queues(),
        clock: Box::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        waits: platform.config().waits,
        claim_url: mail.claim_url,
    };
    runtime::lambda::serve_queue(async |received, left| sender.handle(&received, left).await).await
}
