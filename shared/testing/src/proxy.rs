//! A proxy between functions and the local AWS: it counts every call, and lets go wrong what it is told to.
//!
//! Requests go on byte for byte, `Host` included, so that their signatures stay valid and permissions are
//! enforced as without it.

mod call;
mod fault;
#[cfg(test)]
mod tests;
mod units;
mod wire;

use std::{
    collections::BTreeMap,
    io::Result,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
    time::Instant,
};

use call::Call;
pub use call::{Count, Operation};
pub use fault::{Fault, Rule};
use wire::{Message, Stream};

/// A connection to the local AWS is used again within this time: it closes idle ones after five seconds.
const REUSED: Duration = Duration::from_secs(2);

/// The proxy. It serves until the process ends.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    upstream: Mutex<Option<SocketAddr>>,
    rules: Mutex<Vec<Arc<Injected>>>,
    counts: Mutex<BTreeMap<Operation, Count>>,
}

#[derive(Debug)]
struct Injected {
    rule: Rule,
    seen: AtomicU64,
    met: AtomicU64,
}

/// A fault in force. It ends when this is dropped.
#[derive(Debug)]
pub struct Injection {
    injected: Arc<Injected>,
    shared: Arc<Shared>,
}

impl Injection {
    /// Returns how often it was met.
    pub fn met(&self) -> u64 {
        self.injected.met.load(Ordering::Relaxed)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let mut rules = self.shared.rules.lock().unwrap();
        rules.retain(|rule| !Arc::ptr_eq(rule, &self.injected));
    }
}

impl Proxy {
    /// Starts on a free port of 127.0.0.1, on a thread of its own. Until it is told where to, it
    /// forwards nothing.
    pub fn start() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(accept(listener, own));
        });
        Self { address, shared }
    }

    /// Forwards to the AWS at `endpoint`, such as `http://127.0.0.1:4566`, from now on.
    pub fn forward_to(&self, endpoint: &str) {
        let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
        *self.shared.upstream.lock().unwrap() = Some(address.parse().unwrap());
    }

    /// Returns where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets something go wrong until what is returned is dropped. Of several rules that mean a call, the
    /// first that strikes is met.
    pub fn inject(&self, rule: Rule) -> Injection {
        let (seen, met) = (AtomicU64::new(0), AtomicU64::new(0));
        let injected = Arc::new(Injected { rule, seen, met });
        self.shared.rules.lock().unwrap().push(Arc::clone(&injected));
        Injection { injected, shared: Arc::clone(&self.shared) }
    }

    /// Returns what was counted so far.
    pub fn counts(&self) -> BTreeMap<Operation, Count> {
        self.shared.counts.lock().unwrap().clone()
    }

    /// Counts from nothing again; returns what was counted so far.
    pub fn reset(&self) -> BTreeMap<Operation, Count> {
        std::mem::take(&mut self.shared.counts.lock().unwrap())
    }
}

async fn accept(listener: StdListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).ok();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // Whoever goes away in the middle has its reasons.
            serve(BufReader::new(client), &shared).await.ok();
        });
    }
}

/// Serves one connection of a function to its end.
async fn serve(mut client: Stream, shared: &Shared) -> Result<()> {
    let mut upstream = None;
    while let Some(request) = Message::read(&mut client, None).await? {
        let call = Call::of(&request);
        let struck = shared.strike(&call);
        match struck {
            Some((Fault::Cut, _)) => return Ok(()),
            Some((Fault::Throttle, number)) => {
                fault::throttled(&call, number).write(&mut client).await?;
                continue;
            }
            Some((Fault::Error, _)) => {
                fault::failed(&call).write(&mut client).await?;
                continue;
            }
            Some((Fault::Delay(wait), _)) => pause(wait).await,
            Some((Fault::LostAnswer, _)) | None => {}
        }
        let answer = forward(&request, &mut upstream, shared).await?;
        shared.count(&call, &request, &answer);
        if matches!(struck, Some((Fault::LostAnswer, _))) {
            return Ok(());
        }
        answer.write(&mut client).await?;
        if request.closes() || answer.closes() {
            return Ok(());
        }
    }
    Ok(())
}

/// A connection to the local AWS, and when it was used last.
type Upstream = Option<(Stream, Instant)>;

async fn forward(request: &Message, upstream: &mut Upstream, shared: &Shared) -> Result<Message> {
    let there = upstream.take().filter(|(_, used)| used.elapsed() < REUSED);
    let mut stream = match there {
        Some((stream, _)) => stream,
        None => shared.connect().await?,
    };
    request.write(&mut stream).await?;
    let answer = Message::read(&mut stream, Some(request)).await?;
    let answer = answer.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    if !answer.closes() {
        *upstream = Some((stream, Instant::now()));
    }
    Ok(answer)
}

impl Shared {
    async fn connect(&self) -> Result<Stream> {
        let address = *self.upstream.lock().unwrap();
        let stream = TcpStream::connect(address.ok_or(std::io::ErrorKind::NotConnected)?).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// Returns what goes wrong with a call, and the how manieth time.
    fn strike(&self, call: &Call) -> Option<(Fault, u64)> {
        let rules = self.rules.lock().unwrap();
        rules.iter().filter(|injected| injected.rule.means(call)).find_map(|injected| {
            let number = injected.seen.fetch_add(1, Ordering::Relaxed);
            let met = injected.met.load(Ordering::Relaxed);
            let strikes = met < injected.rule.most && injected.rule.strikes(number);
            strikes.then(|| (injected.rule.fault, injected.met.fetch_add(1, Ordering::Relaxed)))
        })
    }

    fn count(&self, call: &Call, request: &Message, answer: &Message) {
        let count = call.count(request, answer);
        let mut counts = self.counts.lock().unwrap();
        *counts.entry(call.operation.clone()).or_default() += count;
    }
}

#[expect(clippy::disallowed_methods, reason = "a delay is what the test asks for")]
async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}
