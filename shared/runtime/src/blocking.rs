//! Streams of bytes for code that reads and writes, such as a parser in `spawn_blocking`. A few chunks are
//! in memory at a time, never the whole.

use std::error::Error;
use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use futures::{StreamExt, stream};
use pipeline::port::{ByteStream, PortError};
use tokio::sync::mpsc;

/// How many chunks may wait between the two sides.
const CHUNKS: usize = 4;

/// How large the chunks are that a writer hands on.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Reads a stream. It must be called within a runtime, on which the stream is then driven; the reader itself
/// is for blocking code. A failure of the stream is an [`io::Error`] around its [`PortError`].
#[must_use]
pub fn reader(mut stream: ByteStream) -> BlockingReader {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::spawn(async move {
        while let Some(chunk) = stream.next().await {
            if sender.send(chunk).await.is_err() {
                break; // The reader is gone: nobody wants the rest.
            }
        }
    });
    BlockingReader { receiver, chunk: Bytes::new() }
}

/// The reading end of a stream.
#[derive(Debug)]
pub struct BlockingReader {
    receiver: mpsc::Receiver<Result<Bytes, PortError>>,
    chunk: Bytes,
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.split_to(length).copy_to_slice(buffer.split_at_mut(length).0);
        Ok(length)
    }
}

/// A writer for blocking code, and the stream of what is written. The stream ends well only after
/// [`BlockingWriter::finish`]: when the writer is dropped before, it ends in an error, so that nothing
/// half-written is stored.
#[must_use]
pub fn writer() -> (BlockingWriter, ByteStream) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let stream = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver: mpsc::Receiver<Piece> = receiver?;
        match receiver.recv().await {
            Some(Piece::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(PortError::transient("read what is written", "the writer broke off")), None)),
        }
    });
    (BlockingWriter { sender, chunk: BytesMut::new() }, stream.boxed())
}

enum Piece {
    Chunk(Bytes),
    End,
}

/// The writing end of a stream.
pub struct BlockingWriter {
    sender: mpsc::Sender<Piece>,
    chunk: BytesMut,
}

impl BlockingWriter {
    /// Hands on what is left and ends the stream.
    ///
    /// # Errors
    /// The reading side is gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.hand_on(Piece::End)
    }

    fn hand_on(&self, piece: Piece) -> io::Result<()> {
        self.sender.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for BlockingWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(buffer);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = self.chunk.split().freeze();
        self.hand_on(Piece::Chunk(chunk))
    }
}

/// The error of a port somewhere in an error's chain, also within an [`io::Error`].
#[must_use]
pub fn port_error_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a PortError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<PortError>() {
            return Some(found);
        }
        // The source of an io::Error is its inner error's source; the inner error itself is asked for here.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn stream_of(chunks: Vec<Result<&'static [u8], PortError>>) -> ByteStream {
        stream::iter(chunks.into_iter().map(|chunk| chunk.map(Bytes::from_static)).collect::<Vec<_>>())
            .boxed()
    }

    async fn read_all(stream: ByteStream) -> io::Result<Vec<u8>> {
        let mut reader = reader(stream);
        tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_stream_is_read_whole() {
        let stream = stream_of(vec![Ok(b"one "), Ok(b""), Ok(b"two "), Ok(b"three")]);
        assert_eq!(read_all(stream).await.unwrap(), b"one two three");
    }

    #[tokio::test]
    async fn a_broken_stream_is_no_end_of_file() {
        let broken = PortError::transient("get object", "reset");
        let error = read_all(stream_of(vec![Ok(b"one"), Err(broken)])).await.unwrap_err();
        assert!(port_error_in(&error).unwrap().retryable());
    }

    #[tokio::test]
    async fn what_is_written_streams_in_order() {
        let (mut writer, stream) = writer();
        let data: Vec<u8> = (0..3 * CHUNK_BYTES).map(|i| (i % 251) as u8).collect();
        let expected = data.clone();
        let writing = tokio::task::spawn_blocking(move || {
            for piece in data.chunks(100_000) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
        });
        let read: Vec<Bytes> = stream.try_collect().await.unwrap();
        writing.await.unwrap();
        assert_eq!(read.concat(), expected);
    }

    #[tokio::test]
    async fn a_dropped_writer_breaks_the_stream() {
        let (mut writer, stream) = writer();
        let writing = tokio::task::spawn_blocking(move || {
            writer.write_all(b"half").unwrap();
            writer.flush().unwrap();
        });
        let read: Result<Vec<Bytes>, _> = stream.try_collect().await;
        writing.await.unwrap();
        assert!(read.is_err());
    }

    #[tokio::test]
    async fn writing_to_nobody_fails() {
        let (mut writer, stream) = writer();
        drop(stream);
        let written =
            tokio::task::spawn_blocking(move || writer.write_all(b"unheard").and_then(|()| writer.finish()));
        assert_eq!(written.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
