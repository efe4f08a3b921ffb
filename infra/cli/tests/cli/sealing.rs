//! `encrypt` and `decrypt`.

use std::process::Command;

use outside::reference;

use crate::support::{Folder, args, json};

const EXPORT: &str = r#"[{"model": "sentry.option", "pk": 1, "fields": {"key": "a", "value": "ä"}}]"#;

#[test]
fn what_is_sealed_opens_again() {
    let folder = Folder::new().with_keys();
    folder.write("in.json", EXPORT);
    let said = folder.run("encrypt in.json out.tar --public-key public.pem").done();
    assert_eq!(said, "Sealed 76 bytes in out.tar.\n");
    let said = folder.run("decrypt out.tar back.json --private-key private.pem").done();
    assert_eq!(said, "Wrote 76 bytes to back.json.\n");
    assert_eq!(folder.read("back.json"), EXPORT.as_bytes());
    assert_eq!(folder.files(), ["back.json", "in.json", "out.tar", "private.pem", "public.pem"]);
}

#[test]
fn exports_go_through_pipes() {
    let folder = Folder::new().with_keys();
    let sealed = folder.pipe(EXPORT.as_bytes(), "encrypt - sealed.tar --public-key public.pem");
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    let opened = folder.pipe(&folder.read("sealed.tar"), "decrypt - --private-key private.pem").done();
    assert_eq!(opened, EXPORT);
}

#[test]
fn the_original_applications_export_opens() {
    let (Some(sealed), Some(key), Some(plain)) = (
        reference("sealed/organizations.tar"),
        reference("sealed/private.pem"),
        reference("sealed/organizations.json"),
    ) else {
        return;
    };
    let folder = Folder::new();
    let run = folder.run_with(args(&["decrypt"], &[&sealed, "--private-key".as_ref(), &key]));
    let expected = json(&std::fs::read(plain).unwrap());
    assert_eq!(json(run.done().as_bytes()), expected);
}

/// Opens a tarball with Python's `cryptography` alone, which the original application uses.
const OPEN_IN_PYTHON: &str = r#"
import sys, tarfile
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

private = serialization.load_pem_private_key(open("private.pem", "rb").read(), None)
with tarfile.open("out.tar") as tar:
    files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
sys.stdout.buffer.write(Fernet(private.decrypt(files["data.key"], oaep)).decrypt(files["export.json"]))
"#;

#[test]
fn what_is_sealed_opens_in_python() {
    let Some(python) = outside::python() else { return };
    let folder = Folder::new().with_keys();
    folder.write("in.json", EXPORT);
    folder.run("encrypt in.json out.tar --public-key public.pem").done();
    let opened =
        Command::new(python).args(["-c", OPEN_IN_PYTHON]).current_dir(folder.path("")).output().unwrap();
    assert_eq!(opened.stdout, EXPORT.as_bytes(), "{}", String::from_utf8_lossy(&opened.stderr));
}

#[test]
fn an_altered_export_leaves_no_file() {
    let folder = Folder::new().with_keys();
    folder.write("in.json", EXPORT);
    folder.run("encrypt in.json out.tar --public-key public.pem").done();
    let mut tarball = folder.read("out.tar");
    let token = tarball.windows(6).position(|bytes| bytes == b"gAAAAA").unwrap();
    let altered = &mut tarball[token + 60];
    *altered = if *altered == b'A' { b'B' } else { b'A' };
    folder.write("out.tar", tarball);
    folder.write("back.json", "what was here before");
    let before = folder.files();
    let run = folder.run("decrypt out.tar back.json --private-key private.pem");
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err, @r"
    error: out.tar cannot be opened as a sealed export
      because `export.json` is not a valid Fernet token
      because the signature does not match
      try: export it again, or copy it again: the file is not as it was sealed
    ");
    assert_eq!(folder.files(), before);
    assert_eq!(folder.read("back.json"), b"what was here before");
}

#[test]
fn a_key_is_taken_from_the_environment() {
    let folder = Folder::new().with_keys();
    folder.write("in.json", EXPORT);
    folder.run("encrypt in.json out.tar --public-key public.pem").done();
    let output = Command::new(env!("CARGO_BIN_EXE_relocate"))
        .args(["decrypt", "out.tar"])
        .env("RELOCATE_PRIVATE_KEY", "private.pem")
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    assert_eq!(output.stdout, EXPORT.as_bytes());
}

#[cfg(unix)]
#[test]
fn what_is_written_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new().with_keys();
    folder.write("in.json", EXPORT);
    folder.run("encrypt in.json out.tar --public-key public.pem").done();
    folder.run("decrypt out.tar back.json --private-key private.pem").done();
    let mode = folder.path("back.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
