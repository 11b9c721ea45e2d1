//! Which addresses may be reached: the ones that anybody on the internet could reach.
//!
//! Users write URLs, so a URL is a way to make this function call its neighbours. The URL is vetted
//! before the call, every address that its name resolves to is vetted while connecting, and the
//! connection goes to the vetted address itself: a name that changes its mind in between does not
//! help. Redirects are off.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::LazyLock,
};

use ferrule_core::Failure;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Ports where something other than HTTP listens; the list of the Fetch standard, cut to what a
/// server room has (<https://fetch.spec.whatwg.org/#port-blocking>).
const BLOCKED_PORTS: [u16; 40] = [
    0, 1, 7, 9, 19, 20, 21, 22, 23, 25, 53, 69, 79, 110, 111, 113, 119, 123, 135, 137, 139, 143,
    161, 179, 389, 445, 465, 512, 513, 514, 515, 548, 554, 587, 636, 993, 995, 2049, 6000, 6667,
];

/// Where the Lambda runtime itself listens; on the local stack that is a loopback port.
static RUNTIME_PORT: LazyLock<Option<u16>> = LazyLock::new(runtime_port);

#[expect(clippy::disallowed_methods, reason = "no setting: an address that must never be called")]
fn runtime_port() -> Option<u16> {
    std::env::var("AWS_LAMBDA_RUNTIME_API").ok()?.rsplit_once(':')?.1.parse().ok()
}

/// Reads a URL and vets what can be vetted without resolving its name.
pub fn parse(text: &str, local: bool) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|error| {
        Failure::coded("URL_REFUSED", format!("not an absolute URL such as https://…: {error}"))
    })?;
    vet(&url, local)?;
    Ok(url)
}

/// Refuses a URL that must not be called. Names are vetted again when they are resolved.
pub fn vet(url: &Url, local: bool) -> Result<(), Failure> {
    let refuse = |reason: &str| Err(Failure::coded("URL_REFUSED", reason.to_owned()));
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("only http:// and https:// are called");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("a URL cannot hold a user name or password: use the secret");
    }
    let port = url.port_or_known_default().unwrap_or(0);
    if BLOCKED_PORTS.contains(&port) || (local && *RUNTIME_PORT == Some(port)) {
        return refuse(&format!("port {port} is not for calls"));
    }
    let address = match url.host() {
        None => return refuse("the URL names no host"),
        Some(Host::Domain(name)) if !local && is_inside(name) => {
            return refuse(&format!("{name} is inside"));
        }
        Some(Host::Domain(_)) => return Ok(()),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
    };
    if is_allowed(address, local) { Ok(()) } else { Err(Refused(address).failure()) }
}

/// Names that never mean a public host, whatever a resolver says.
fn is_inside(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let within = |zone: &str| name == zone[1..] || name.ends_with(zone);
    [".localhost", ".internal", ".local", ".home.arpa"].into_iter().any(within)
}

/// Tells whether an address is a public one; `local` adds loopback.
pub fn is_allowed(address: IpAddr, local: bool) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4) || (local && v4.is_loopback()),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_allowed(IpAddr::V4(v4), local),
            None => is_public_v6(v6) || (local && v6.is_loopback()),
        },
    }
}

/// The IPv4 address inside a mapped or translated (NAT64) IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = address.segments();
    let v4 = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let is_mapped = prefix == [0, 0, 0, 0, 0, 0xffff];
    let is_nat64 = prefix == [0x64, 0xff9b, 0, 0, 0, 0];
    (is_mapped || is_nat64).then_some(v4)
}

/// By the registry of special-purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Only global unicast, without the parts of it that lead elsewhere (Teredo, 6to4) or nowhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    matches!(a, 0x2000..=0x3fff)
        && !matches!((a, b), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff))
}

/// An address that must not be reached.
#[derive(Debug)]
pub(crate) struct Refused(IpAddr);

impl Refused {
    pub(crate) fn failure(&self) -> Failure {
        Failure::coded("URL_REFUSED", self.to_string())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address and is not called", self.0)
    }
}

impl std::error::Error for Refused {}

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names and hands over only addresses that are allowed.
pub(crate) struct Resolver {
    local: bool,
    look_up: fn(String) -> Found,
}

impl Resolver {
    /// Asks the system; `local` allows loopback.
    pub(crate) fn new(local: bool) -> Self {
        Self { local, look_up: |name| Box::pin(system(name)) }
    }
}

async fn system(name: String) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (local, found) = (self.local, (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move { vetted(found.await?.into_iter(), local) })
    }
}

/// One inside address among outside ones refuses the name: nobody does that by accident.
fn vetted(
    found: impl Iterator<Item = SocketAddr>,
    local: bool,
) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    let addresses: Vec<SocketAddr> = found.collect();
    if let Some(inside) = addresses.iter().find(|a| !is_allowed(a.ip(), local)) {
        return Err(Box::new(Refused(inside.ip())));
    }
    if addresses.is_empty() {
        return Err(Box::new(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(Box::new(addresses.into_iter()))
}

#[cfg(test)]
#[path = "url_guard/tests.rs"]
mod tests;
