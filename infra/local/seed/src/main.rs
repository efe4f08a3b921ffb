//! `seed FILE` puts the rows of an export into the tables that the environment names (`CELL_TABLE`,
//! `CONTROL_TABLE`, and the variables of every AWS tool); `seed --if-empty FILE` leaves them alone if they have rows.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::process::ExitCode;

use catalog::Catalog;
use platform::DynamoSilo;
use silo::Silos;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let only_if_empty = arguments.next_if(|argument| argument == "--if-empty").is_some();
    let path = arguments.next().ok_or("usage: seed [--if-empty] FILE")?;
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let aws = platform::configuration().await;
    let silo = |variable: &str| -> Result<DynamoSilo, Box<dyn Error>> {
        let table = std::env::var(variable).map_err(|_| format!("{variable} names no table"))?;
        Ok(DynamoSilo::connect(&aws, table, Catalog::builtin()))
    };
    let (cell, control) = (silo("CELL_TABLE")?, silo("CONTROL_TABLE")?);
    let silos = Silos { cell: &cell, control: &control };
    if !only_if_empty || seed::is_empty(silos).await? {
        seed::seed(silos, BufReader::new(file)).await?;
    }
    Ok(())
}

fn tell(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // Where standard error is closed, nobody listens.
    let _ = writeln!(io::stderr(), "{text}");
}
