//! Finds where a row ends, without understanding more of it than brackets and strings.

/// A scan of one object, as far as it has come.
#[derive(Default)]
pub(super) struct ObjectScan {
    scanned: usize,
    depth: usize,
    in_string: bool,
}

/// What a scan has come to.
pub(super) enum ScanResult {
    /// The object has this many bytes.
    End(usize),
    /// The object goes on behind the bytes at hand.
    More,
    /// It nests deeper than allowed.
    TooDeep,
}

impl ObjectScan {
    /// Goes on scanning; `bytes` always begins at the object's first byte.
    pub(super) fn advance(&mut self, bytes: &[u8], depth_max: usize) -> ScanResult {
        while let Some(unscanned) = bytes.get(self.scanned..).filter(|unscanned| !unscanned.is_empty()) {
            if self.in_string {
                self.skip_string(unscanned);
                continue;
            }
            for byte in unscanned {
                self.scanned += 1;
                match byte {
                    b'"' => {
                        self.in_string = true;
                        break;
                    }
                    b'{' | b'[' if self.depth == depth_max => return ScanResult::TooDeep,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth == 1 => return ScanResult::End(self.scanned),
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
        }
        ScanResult::More
    }

    /// Goes behind the end of a string, or behind the next escaped character of it. That may be behind the bytes at
    /// hand: then the scan goes on behind it when there are more.
    fn skip_string(&mut self, unscanned: &[u8]) {
        match memchr::memchr2(b'"', b'\\', unscanned) {
            None => self.scanned += unscanned.len(),
            Some(found) if unscanned.get(found) == Some(&b'"') => {
                self.scanned += found + 1;
                self.in_string = false;
            }
            Some(found) => self.scanned += found + 2,
        }
    }
}
