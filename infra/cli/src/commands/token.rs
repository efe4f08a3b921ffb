//! Makes a token for the local stack.

use std::fmt;

use serde::Serialize;

use crate::Exit;
use crate::demo::stack::{Bearer, LocalStack};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Make a token for the local stack
///
/// Without options it is that of an administrator: of the staff, and permitted to read artifacts and set options. It
/// is good for 12 hours. Tokens for a cell in the cloud come from its issuer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  export RELOCATE_TOKEN=$(relocate token)
  relocate token --user-id 7 --username bo")]
pub(crate) struct Args {
    /// Primary key of the user whose token it is to be
    #[arg(long, value_name = "ID", requires = "username")]
    user_id: Option<u64>,
    /// Their username
    #[arg(long, value_name = "NAME", requires = "user_id")]
    username: Option<String>,
    /// They are of the staff
    #[arg(long, requires = "user_id")]
    staff: bool,
    /// What they are permitted as staff, separated by commas; relocation.admin is all there is
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "staff")]
    permissions: Vec<String>,
}

#[derive(Serialize)]
struct Token {
    token: String,
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.token)
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let bearer = match (args.user_id, &args.username) {
        (Some(user_id), Some(username)) => Bearer {
            user_id,
            username: username.clone(),
            is_staff: args.staff,
            permissions: args.permissions.clone(),
        },
        _ => Bearer::administrator(),
    };
    let token = LocalStack::find()?.token(&bearer)?;
    terminal.report(&Token { token }, false)?;
    Ok(Exit::Done)
}
