//! Whether the files that a command is to write can all be written without one taking the place of another.

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::output::is_terminal;

/// The files that a command reads and writes, as they are given.
#[derive(Debug, Default)]
pub(crate) struct Targets<'a> {
    inputs: Vec<&'a Path>,
    /// The name of the option or argument, and the file.
    outputs: Vec<(&'static str, &'a Path)>,
}

impl<'a> Targets<'a> {
    /// A file that is read.
    pub(crate) fn reads(mut self, path: impl Into<Option<&'a Path>>) -> Self {
        self.inputs.extend(path.into());
        self
    }

    /// A file that is written.
    pub(crate) fn writes(mut self, name: &'static str, path: impl Into<Option<&'a Path>>) -> Self {
        self.outputs.extend(path.into().map(|path| (name, path)));
        self
    }

    /// Sees to it that every file which is written is another one, and none that is read.
    ///
    /// # Errors
    /// Which two are the same.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        for (position, (name, path)) in self.outputs.iter().enumerate() {
            let Some(file) = replaced(path) else { continue };
            let is_same = |other: &Path| replaced(other).as_ref() == Some(&file);
            if let Some(input) = self.inputs.iter().find(|input| !is_terminal(input) && is_same(input)) {
                let input = input.display();
                return Err(CliError::Usage(format!("{name} would replace {input}, which is read")));
            }
            if let Some((other, _)) = self.outputs.iter().skip(position + 1).find(|(_, path)| is_same(path)) {
                return Err(CliError::Usage(format!("{name} and {other} go to the same place")));
            }
        }
        Ok(())
    }
}

/// What is replaced by writing to a path, however the path is spelt; nothing if it takes whatever comes, such as
/// `/dev/null`. Standard output takes one thing alone.
fn replaced(path: &Path) -> Option<PathBuf> {
    if is_terminal(path) {
        return Some(path.to_owned());
    }
    if let Ok(file) = path.canonicalize() {
        return file.is_file().then_some(file);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Some(path.file_name().map_or_else(|| path.to_owned(), |name| folder.join(name)))
}
