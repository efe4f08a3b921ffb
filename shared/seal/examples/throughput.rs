//! Measures how fast an export is sealed, verified and decrypted, and the most memory that took.
//!
//! `cargo run --release -p seal --example throughput [MiB]`

#![expect(clippy::print_stdout, reason = "a program that prints its figures")]

use std::{
    error::Error,
    fs,
    io::{self, BufRead, Read, Seek},
    time::Instant,
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{KeySize, PrivateDecryptingKey},
};
use seal::{DataKey, Layout, PublicKey, SealOptions, Verified, seal};

fn main() -> Result<(), Box<dyn Error>> {
    let mebibytes: u64 = std::env::args().nth(1).map_or(Ok(512), |text| text.parse())?;
    let length = mebibytes * 1024 * 1024;
    let pair = PrivateDecryptingKey::generate(KeySize::Rsa4096)?;
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    let public_key = PublicKey::from_der(der.as_ref())?;
    let data_key = DataKey::from_bytes(&[7; 32]);
    let mut file = tempfile::tempfile()?;

    measure("seal", length, || {
        let options = SealOptions {
            public_key: &public_key,
            data_key: &data_key,
            iv: [9; 16],
            created_at: 0,
            plaintext_len: length,
        };
        Ok(seal(io::repeat(b'x').take(length), &mut file, &options).map(drop)?)
    })?;
    file.rewind()?;
    let verify = || -> Result<Verified, Box<dyn Error>> {
        let mut file = &file;
        let layout = Layout::read(&mut file, u64::MAX)?;
        Ok(Verified::check(&mut file, &layout, &data_key)?)
    };
    let decrypt = |verified: Verified| -> Result<(), Box<dyn Error>> {
        let mut plaintext = verified.open(&file, &data_key, 0)?;
        loop {
            let count = plaintext.fill_buf()?.len();
            if count == 0 {
                return Ok(());
            }
            plaintext.consume(count);
        }
    };
    let verified = measure("verify", length, verify)?;
    measure("decrypt", length, || decrypt(verified))?;
    measure("verify and decrypt", length, || decrypt(verify()?))?;

    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown");
    println!("{:<20}{:>12}", "peak memory", peak.trim());
    Ok(())
}

fn measure<T>(
    what: &str,
    length: u64,
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    let result = work()?;
    println!("{what:<20}{:>7.0} MB/s", length as f64 / 1e6 / start.elapsed().as_secs_f64());
    Ok(result)
}
