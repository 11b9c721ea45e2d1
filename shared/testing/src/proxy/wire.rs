//! HTTP/1.1 as it is on the wire: read whole and passed on byte for byte, so that signatures stay valid.

use std::io::{Error, ErrorKind, Result};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// One side of a connection.
pub(super) type Stream = BufReader<TcpStream>;

/// A request or an answer.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// First line and headers, with the empty line.
    head: String,
    /// The body as it came.
    raw: Vec<u8>,
    /// The body, chunks put together.
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Makes an answer.
    pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        Self { head: head + "\r\n", raw: body.into(), body: body.into() }
    }

    /// Reads the next message; `None` when the other side has no more. `asked` is the request that an
    /// answer is to.
    pub(super) async fn read(stream: &mut Stream, asked: Option<&Self>) -> Result<Option<Self>> {
        let mut message = Self::default();
        loop {
            let before = message.head.len();
            if stream.read_line(&mut message.head).await? == 0 {
                return if before == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            if &message.head[before..] == "\r\n" {
                break;
            }
        }
        if message.has_body(asked) {
            message.read_body(stream, asked.is_some()).await?;
        }
        Ok(Some(message))
    }

    /// Passes the message on.
    pub(super) async fn write(&self, stream: &mut Stream) -> Result<()> {
        stream.write_all(self.head.as_bytes()).await?;
        stream.write_all(&self.raw).await?;
        stream.flush().await
    }

    /// Returns a word of the first line: of a request the method and the target, of an answer the
    /// status second.
    pub(super) fn word(&self, at: usize) -> &str {
        self.head.split([' ', '\r']).nth(at).unwrap_or_default()
    }

    /// Returns a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut fitting = pairs.filter(|(there, _)| there.eq_ignore_ascii_case(name));
        fitting.next().map(|(_, value)| value.trim())
    }

    /// Returns how many bytes it has on the wire.
    pub(super) fn size(&self) -> u64 {
        (self.head.len() + self.raw.len()) as u64
    }

    /// Tells whether the connection ends with it.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    fn has_body(&self, asked: Option<&Self>) -> bool {
        asked.is_none_or(|asked| {
            asked.word(0) != "HEAD" && !matches!(self.word(1), "100" | "204" | "304")
        })
    }

    async fn read_body(&mut self, stream: &mut Stream, is_answer: bool) -> Result<()> {
        let is_chunked = self.header("transfer-encoding").is_some_and(|how| how == "chunked");
        let length = self.header("content-length").map(str::parse);
        match length {
            _ if is_chunked => return self.read_chunks(stream).await,
            Some(Ok(length)) => {
                self.raw = vec![0; length];
                stream.read_exact(&mut self.raw).await?;
            }
            None if is_answer => drop(stream.read_to_end(&mut self.raw).await?),
            None => {}
            Some(Err(_)) => return Err(Error::new(ErrorKind::InvalidData, "content-length")),
        }
        self.body.clone_from(&self.raw);
        Ok(())
    }

    async fn read_chunks(&mut self, stream: &mut Stream) -> Result<()> {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let size = usize::from_str_radix(line.trim_end().split(';').next().unwrap_or(""), 16);
            let size = size.map_err(|_| Error::new(ErrorKind::InvalidData, "chunk"))?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            self.raw.extend_from_slice(line.as_bytes());
            self.raw.extend_from_slice(&chunk);
            self.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(());
            }
        }
    }
}
