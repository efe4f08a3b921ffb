"""The local stack: the real template and the real binaries on an AWS emulator, on this machine."""
