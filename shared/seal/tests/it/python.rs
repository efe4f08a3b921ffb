//! The other implementation: Python's `cryptography`, which the original application uses.

use std::{fs, path::Path, process::Command};

use crate::support::{OURS, opened, sealed_for, text};

const SIZES: [usize; 4] = [0, 1, 16, 100_000];

/// Opens a tarball, or makes one, with `tarfile` and `cryptography` alone.
const SCRIPT: &str = r#"
import io, os, sys, tarfile
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

command, key_path, source, target = sys.argv[1:]
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
key = open(key_path, "rb").read()
if command == "open":
    private = serialization.load_pem_private_key(key, None)
    with tarfile.open(source) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    assert set(files) == {"export.json", "data.key", "key.pub"}, files.keys()
    public = serialization.load_pem_public_key(files["key.pub"])
    assert public.public_numbers() == private.public_key().public_numbers()
    data_key = private.decrypt(files["data.key"], OAEP)
    plain = Fernet(data_key).decrypt(files["export.json"])
    open(target, "wb").write(plain)
else:
    data_key = Fernet.generate_key()
    files = {
        "export.json": Fernet(data_key).encrypt(open(source, "rb").read()),
        "data.key": serialization.load_pem_public_key(key).encrypt(data_key, OAEP),
        "key.pub": key,
    }
    with tarfile.open(target, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
"#;

fn run(python: &Path, command: &str, [key, source, target]: [&Path; 3]) {
    let output =
        Command::new(python).args(["-c", SCRIPT, command]).args([key, source, target]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn opens_what_we_seal() {
    let Some(python) = outside::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("key"), &OURS.private_pem).unwrap();
    for size in SIZES {
        fs::write(path("tar"), sealed_for(&OURS.public, &text(size))).unwrap();
        run(&python, "open", [&path("key"), &path("tar"), &path("json")]);
        assert!(fs::read(path("json")).unwrap() == text(size), "{size}");
    }
}

#[test]
fn seals_what_we_open() {
    let Some(python) = outside::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("key"), OURS.public.to_pem()).unwrap();
    for size in SIZES {
        fs::write(path("json"), text(size)).unwrap();
        run(&python, "seal", [&path("key"), &path("json"), &path("tar")]);
        assert!(opened(&fs::read(path("tar")).unwrap()).unwrap() == text(size), "{size}");
    }
}
