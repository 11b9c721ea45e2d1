//! The one HTTP client that connectors use.
//!
//! It connects only to addresses that are allowed, keeps the connection's call limit, reads no more
//! than it is told to, and says what an answer means as a [`Failure`].

mod answer;
mod call;
pub(crate) mod client;
mod rate;
mod redact;
mod verdict;
pub(crate) mod wait;

use std::{fmt, sync::Arc, time::Duration};

pub use answer::Answer;
use bytes::{Bytes, BytesMut};
pub use call::{CAP_BYTES, Call, Timeouts};
use ferrule_core::Failure;
use ferrule_store::Clock;
use http::HeaderMap;
pub use rate::{RateHeaders, ResetIs};
pub(crate) use redact::redact;
use reqwest::Response;
use tokio::time::timeout;
use verdict::{Evidence, Judged};

use crate::{Limiter, auth::Tokens, url_guard};

/// Most bytes of an error answer that are looked at.
const ERROR_CAP_BYTES: usize = 64 * 1024;

/// Most memory that is taken because an answer says that it is so long.
const AT_ONCE_BYTES: usize = 2 * 1024 * 1024;

/// What a client needs to know about its connection.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Name of the connection; stands in every failure.
    pub service: String,
    /// Runs on the local stack or in the embedded twin: loopback addresses are allowed.
    pub local: bool,
    /// The time, for hints that name a moment.
    pub clock: Clock,
    /// The call limit that all workers of the connection share.
    pub limiter: Option<Limiter>,
}

impl HttpOptions {
    /// Options for a connection without a call limit, outside of the local stack.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), local: false, clock: Clock::System, limiter: None }
    }
}

/// The client of one connection. Clones share everything.
#[derive(Clone)]
pub struct Http {
    service: Arc<str>,
    options: Arc<HttpOptions>,
    tokens: Tokens,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Http {
    /// Takes the options; nothing is opened before the first call.
    pub fn new(options: HttpOptions) -> Self {
        Self {
            service: options.service.as_str().into(),
            options: Arc::new(options),
            tokens: Tokens::default(),
        }
    }

    /// Returns the name of the connection.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the client for urgent work: it may take the calls that are left to that.
    #[must_use]
    pub(crate) fn urgent(&self) -> Self {
        let limiter = self.options.limiter.as_ref().map(Limiter::urgent);
        let options = HttpOptions { limiter, ..HttpOptions::clone(&self.options) };
        Self { options: Arc::new(options), ..self.clone() }
    }

    pub(crate) fn is_local(&self) -> bool {
        self.options.local
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Sends one call and reads the answer to its end.
    ///
    /// Every answer that is not a success is a [`Failure`]: by the call's rules, else by the
    /// standard table. No failure shows the query of the URL, a header or a secret.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        // Boxed: it holds a request and calls of the SDK, and every caller would carry its size.
        Box::pin(self.send_now(call)).await
    }

    async fn send_now(&self, call: Call<'_>) -> Result<Answer, Failure> {
        if let Some(mistake) = call.mistake {
            return Err(mistake);
        }
        url_guard::vet(&call.url, self.options.local)?;
        let client = client::client(
            self.options.local,
            call.url.scheme() == "https",
            call.timeouts.connect,
        )?;
        let limiter = self.options.limiter.as_ref().filter(|_| call.is_limited);
        let permit = match limiter {
            Some(limiter) => Some((limiter, limiter.take().await?)),
            None => None,
        };
        let total = call.timeouts.total;
        let outcome = match timeout(total, self.exchange(&client, &call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.silence(&call, &format!("no full answer within {total:?}"))),
        };
        if let Some((limiter, permit)) = permit {
            limiter.settle(permit).await;
        }
        outcome
    }

    async fn exchange(&self, client: &reqwest::Client, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut request = client.request(call.method.clone(), call.url.clone());
        request = request.headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let patience = call.timeouts.connect + call.timeouts.first_byte;
        let response = match timeout(patience, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.silence(call, &client::describe(error)?)),
            Err(_) => return Err(self.silence(call, &format!("no answer within {patience:?}"))),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = match self.read(response, call).await {
            Ok(body) => body,
            Err(failure) if status < 300 => return Err(failure),
            Err(_) => Bytes::new(),
        };
        self.judge(call, status, headers, body).await
    }

    async fn judge(
        &self,
        call: &Call<'_>,
        status: u16,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let now_ms = self.options.clock.now_ms();
        let evidence =
            Evidence { service: &self.service, status, headers: &headers, body: &body, now_ms };
        let judged = verdict::judge(call, &evidence);
        self.learn(call, &judged, &headers, now_ms).await;
        let judged = judged?;
        let reason = if status < 300 { String::new() } else { verdict::reason(call, &evidence) };
        Ok(Answer {
            is_ignored: judged == Judged::Ignored,
            is_accepted: judged == Judged::Accepted,
            reason,
            service: Arc::clone(&self.service),
            status,
            headers,
            body,
        })
    }

    /// Tells every worker of the connection what the vendor said about the rate.
    async fn learn(
        &self,
        call: &Call<'_>,
        judged: &Result<Judged, Failure>,
        headers: &HeaderMap,
        now_ms: i64,
    ) {
        let Some(limiter) = self.options.limiter.as_ref().filter(|_| call.is_limited) else {
            return;
        };
        let wait = match judged {
            Err(Failure::Throttled { retry_after, .. }) => *retry_after,
            _ => wait::Hints::new(headers, call.rate_headers, now_ms).exhausted(),
        };
        if let Some(wait) = wait.filter(|wait| *wait > Duration::ZERO) {
            limiter.block(wait).await;
        }
    }

    /// Reads the body. Half a body is no body.
    async fn read(&self, mut response: Response, call: &Call<'_>) -> Result<Bytes, Failure> {
        let is_good = response.status().as_u16() < 300;
        let cap = if is_good { call.cap_bytes } else { call.cap_bytes.min(ERROR_CAP_BYTES) };
        let told = response.content_length().and_then(|told| usize::try_from(told).ok());
        let mut body =
            BytesMut::with_capacity(told.unwrap_or_default().min(cap).min(AT_ONCE_BYTES));
        loop {
            let chunk = match timeout(call.timeouts.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => {
                    let cause = client::describe(error)?;
                    return Err(self.silence(call, &format!("the answer broke off: {cause}")));
                }
                Err(_) => return Err(self.silence(call, "the answer stopped in the middle")),
            };
            let room = cap - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return if is_good { Err(self.too_large(cap)) } else { Ok(body.freeze()) };
            }
        }
    }

    fn too_large(&self, cap: usize) -> Failure {
        let service = &self.service;
        Failure::coded("TOO_LARGE", format!("{service} answered with more than {cap} bytes"))
    }

    fn silence(&self, call: &Call<'_>, reason: &str) -> Failure {
        verdict::judge_silence(call, &self.service, reason)
    }
}
