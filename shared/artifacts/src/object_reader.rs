use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use pipeline::port::{ByteStream, PortError, ReadObjects};
use runtime::blocking::{BlockingReader, port_error_in, reader};

use crate::Located;
use crate::blocking::check_awaited;

/// A seek forward by no more than this reads on; a longer one, or one backward, asks for another range.
const SKIPPED_MAX: u64 = 64 * 1024;

/// Reads an object as if it were a file, for code that blocks: in ranged requests, a few chunks ahead, never
/// the whole. It works on a thread of [`blocking`](crate::blocking()) or [`drive`](crate::drive).
///
/// A stream that breaks off after it gave something is asked for again from there, because a connection seldom
/// lasts as long as a large file takes. One that gives nothing at all is an error.
pub struct ObjectReader<O> {
    objects: Arc<O>,
    at: Located,
    /// The byte that is read next.
    position: u64,
    stream: Option<Stream>,
}

struct Stream {
    reader: BlockingReader,
    /// The byte that the stream gives next.
    position: u64,
    gave_something: bool,
}

impl<O: ReadObjects + 'static> ObjectReader<O> {
    /// A reader at the object's beginning. Nothing is asked for before the first read.
    pub fn new(objects: Arc<O>, at: Located) -> Self {
        Self { objects, at, position: 0, stream: None }
    }

    /// The open stream if it comes to the wanted byte soon, else a new one that begins there.
    fn stream(&mut self) -> Stream {
        let position = self.position;
        let is_near = |stream: &Stream| {
            position.checked_sub(stream.position).is_some_and(|distance| distance <= SKIPPED_MAX)
        };
        self.stream.take().filter(is_near).unwrap_or_else(|| {
            let reader = reader(request(Arc::clone(&self.objects), self.at.clone(), position));
            Stream { reader, position, gave_something: false }
        })
    }
}

impl Stream {
    /// Reads from `position` on, which lies shortly ahead.
    fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let distance = position - self.position;
        self.position += io::copy(&mut (&mut self.reader).take(distance), &mut io::sink())?;
        let count = self.reader.read(buffer)?;
        self.position += count as u64;
        self.gave_something = true;
        Ok(count)
    }
}

/// The object's bytes from `offset` on. The request is made when the stream is first read.
fn request<O: ReadObjects + 'static>(objects: Arc<O>, at: Located, offset: u64) -> ByteStream {
    let request = async move {
        let operation = || format!("get object {} from byte {offset} on", at.key);
        let stream = objects.get(at.place, &at.key, Some(&at.version), offset).await?;
        let gone = || PortError::transient(operation(), "there is no such version");
        let ended = PortError::transient(operation(), "it ends before its size is reached");
        // The reader stops before the end, so that whoever comes to it misses something.
        Ok(stream.ok_or_else(gone)?.chain(stream::once(async { Err(ended) })))
    };
    stream::once(request).try_flatten().boxed()
}

impl<O: ReadObjects + 'static> Read for ObjectReader<O> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check_awaited()?;
        let left = usize::try_from(self.at.bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let (buffer, _) = buffer.split_at_mut(wanted);
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let mut stream = self.stream();
            match stream.read_at(self.position, buffer) {
                Ok(count) => {
                    self.position = stream.position;
                    self.stream = Some(stream);
                    return Ok(count);
                }
                Err(error) if stream.gave_something && is_retryable(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_retryable(error: &io::Error) -> bool {
    port_error_in(error).is_some_and(PortError::retryable)
}

impl<O> Seek for ObjectReader<O> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.at.bytes.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
