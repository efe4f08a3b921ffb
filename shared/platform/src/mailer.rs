//! Mail through SES.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use pipeline::port::{OutgoingMail, PortError, SendMail};

use crate::failure::{refused, unreadable};

/// Sends mails from one address. Errors do not name the recipient.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    sender: String,
}

impl Mailer {
    /// Mails come from this address.
    pub fn new(client: Client, sender: impl Into<String>) -> Self {
        Self { client, sender: sender.into() }
    }
}

impl SendMail for Mailer {
    async fn send_mail(&self, mail: OutgoingMail) -> Result<(), PortError> {
        let action = || "send a mail";
        let to = Destination::builder().to_addresses(&mail.to).build();
        let request = self.client.send_email().from_email_address(&self.sender).destination(to);
        let request = request.content(content(mail).map_err(unreadable(action))?);
        request.send().await.map(|_| ()).map_err(refused("SendEmail", action))
    }
}

fn content(mail: OutgoingMail) -> Result<EmailContent, BuildError> {
    let utf8 = |text: String| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder().text(utf8(mail.text)?).html(utf8(mail.html)?).build();
    let message = Message::builder().subject(utf8(mail.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}
