"""The local stack: the real template and the real binaries on an AWS emulator, on this machine."""

# The emulator takes a caller without AWS credentials to be of this account, and callers of the API have none.
DEFAULT_ACCOUNT = "000000000000"
