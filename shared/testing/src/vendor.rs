//! A vendor that does as it is told: a real HTTP server on 127.0.0.1, good manners not included.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as the vendor saw it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The query as it came.
    pub raw_query: String,
    /// Headers with lowercase names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Port of the client: tells which process asks.
    pub port: u16,
}

impl Request {
    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter of the query.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Properly.
    Whole,
    /// Only this much of the body, then the connection is gone.
    CutAfter(usize),
    /// The request is read, and the connection is gone.
    HangUp,
    /// The head never comes.
    Mute,
    /// Head and this much of the body, then nothing more, with the connection open.
    StallAfter(usize),
    /// A byte now and then.
    Trickle,
    /// The body again and again, without end.
    Endless,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    manner: Manner,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), manner: Manner::Whole }
    }

    /// A 200 with a body of this type.
    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let reply = Self { body: body.into(), ..Self::status(200) };
        reply.header("content-type", content_type)
    }

    /// A 200 with JSON.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::ok("application/json", body)
    }

    /// Returns the status.
    pub fn code(&self) -> u16 {
        self.status
    }

    /// Returns the body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Returns a header.
    pub fn named(&self, name: &str) -> Option<&str> {
        let mut fitting = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        fitting.next().map(|(_, value)| value.as_str())
    }

    /// Puts the vendor's address where `{{vendor}}` stands: links lead back to the vendor.
    #[must_use]
    pub(crate) fn at(mut self, vendor: &str) -> Self {
        for (_, value) in &mut self.headers {
            *value = value.replace("{{vendor}}", vendor);
        }
        if let Ok(text) = std::str::from_utf8(&self.body)
            && text.contains("{{vendor}}")
        {
            self.body = text.replace("{{vendor}}", vendor).into_bytes();
        }
        self
    }

    /// Changes the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Changes the manner.
    #[must_use]
    pub fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.manner != Manner::Endless {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head + "\r\n"
    }
}

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct Vendor {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Vendor {
    /// Starts on a free port; `answer` gets each request and its number, from 0.
    pub async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, answer) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(answer));
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(request) = read(&mut stream, client.port()).await else { return };
                    let number = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    let reply = answer(&request, number);
                    // The client may hang up first; that is its right.
                    write(stream.into_inner(), &reply).await.ok();
                });
            }
        });
        Self { address, seen, task }
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns what was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Counts the requests for a path.
    pub fn count(&self, path: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|request| request.path == path).count()
    }
}

async fn read(stream: &mut BufReader<TcpStream>, port: u16) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let headers = pairs.map(|(n, value)| (n.to_lowercase(), value.trim().to_owned())).collect();
    let url = url::Url::parse(&format!("http://vendor{target}")).ok()?;
    let query = url.query_pairs().into_owned().collect();
    let path = url.path().to_owned();
    let raw_query = url.query().unwrap_or_default().to_owned();
    let mut request = Request { method, path, query, raw_query, headers, body: Vec::new(), port };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

async fn write(mut stream: TcpStream, reply: &Reply) -> std::io::Result<()> {
    match reply.manner {
        Manner::Mute => return hold(stream).await,
        Manner::HangUp => return Ok(()),
        _ => {}
    }
    stream.write_all(reply.head().as_bytes()).await?;
    match reply.manner {
        Manner::Whole | Manner::Mute | Manner::HangUp => stream.write_all(&reply.body).await?,
        Manner::CutAfter(size) => {
            stream.write_all(&reply.body[..size.min(reply.body.len())]).await?;
        }
        Manner::StallAfter(size) => {
            stream.write_all(&reply.body[..size.min(reply.body.len())]).await?;
            return hold(stream).await;
        }
        Manner::Trickle => {
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            for byte in &reply.body {
                beat.tick().await;
                stream.write_all(&[*byte]).await?;
            }
        }
        Manner::Endless => loop {
            stream.write_all(&reply.body).await?;
        },
    }
    stream.shutdown().await
}

/// Keeps a connection open until the other side gives up.
async fn hold(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_u8().await.map(|_| ())
}
