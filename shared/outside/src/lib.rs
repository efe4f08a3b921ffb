//! What tests need from outside the checkout: files of reference, a Python that can open sealed exports, an emulator
//! of AWS. Where one is missing, the test that wants it does nothing, and says so.
//!
//! A test cannot tell its runner that it did nothing. It notes it in the file that `RELOCATE_TEST_SKIPS` names
//! instead, and `tests/run` counts it as skipped.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a file of the reference data, such as `exports/release-24.7.0.json`; none, noted, where the checkout
/// stands alone.
#[must_use]
pub fn reference(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(name);
    if path.exists() {
        return Some(path);
    }
    skip("the reference data is not beside this checkout");
    None
}

/// The bytes of a file of the reference data; none, noted, where the checkout stands alone.
#[must_use]
pub fn reference_bytes(name: &str) -> Option<Vec<u8>> {
    let path = reference(name)?;
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            skip(&format!("{} cannot be read: {error}", path.display()));
            None
        }
    }
}

/// A Python that has the package `cryptography`, which the original application seals with: the one that
/// `RELOCATE_TEST_PYTHON` names, else the system's; none, noted, where neither has it.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("RELOCATE_TEST_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let tried = Command::new(&python).args(["-c", "import cryptography.fernet"]).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip("there is no Python with `cryptography`");
    None
}

/// The endpoint of an emulator of AWS that tests share; none, noted, where there is none.
#[must_use]
pub fn emulator() -> Option<String> {
    let endpoint = std::env::var("RELOCATE_TEST_ENDPOINT").ok();
    if endpoint.is_none() {
        skip("RELOCATE_TEST_ENDPOINT names no emulator");
    }
    endpoint
}

/// The most memory that this process has had, in KiB; none, noted, where the system does not tell.
#[must_use]
pub fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
    if peak.is_none() {
        skip("this system does not tell a process's peak memory");
    }
    peak
}

/// Notes that the test that runs does nothing, and why.
#[expect(clippy::print_stderr, reason = "it is what a person who runs one test reads")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
    let Some(notes) = std::env::var_os("RELOCATE_TEST_SKIPS") else { return };
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    let noted = OpenOptions::new().append(true).create(true).open(notes);
    if let Err(error) = noted.and_then(|mut notes| notes.write_all(line.as_bytes())) {
        eprintln!("the skip could not be noted: {error}");
    }
}
