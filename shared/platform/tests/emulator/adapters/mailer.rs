use pipeline::port::{OutgoingMail, SendMail};
use platform::Mailer;

use crate::support;

fn mail() -> OutgoingMail {
    OutgoingMail {
        to: "ada@example.com".to_owned(),
        subject: "Your relocation – fünf Minuten".to_owned(),
        text: "plain".to_owned(),
        html: "<p>rich</p>".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_is_handed_to_the_mail_service() {
    let Some(aws) = support::account() else { return };
    let client = aws_sdk_sesv2::Client::new(&aws);
    client.create_email_identity().email_identity("us@example.com").send().await.expect("an identity");
    Mailer::new(client, "us@example.com").send_mail(mail()).await.expect("a mail");
}

#[tokio::test]
async fn an_error_does_not_name_the_recipient() {
    let Some(aws) = support::account() else { return };
    let nowhere = aws.into_builder().endpoint_url("http://127.0.0.1:1").build();
    let error = Mailer::new(aws_sdk_sesv2::Client::new(&nowhere), "us@example.com").send_mail(mail()).await;
    let error = error.expect_err("no service");
    assert!(error.retryable());
    assert!(!format!("{error:?}").contains("ada@"), "{error:?}");
}
