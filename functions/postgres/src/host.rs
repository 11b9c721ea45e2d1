//! Which addresses may be connected to.
//!
//! Whoever writes a connection makes this function open a socket, so the host is vetted as a URL
//! is. But a database is usually inside: an operator says so with `private: true`, openly, and
//! that opens the private ranges and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferrule_connector::{Failure, url_guard};

use crate::Settings;

/// Below are the services of the machine; no database listens there.
const FIRST_PORT: u16 = 1024;

/// Resolves the host, once; the connection goes to the addresses that are returned here.
pub(crate) async fn resolve(settings: &Settings, local: bool) -> Result<Vec<IpAddr>, Failure> {
    let Settings { host, port, private, .. } = settings;
    if *port < FIRST_PORT {
        return Err(refused(format!("port {port} is not for databases")));
    }
    if host.is_empty() || host.starts_with('/') {
        return Err(refused("host is a name or an address, not a socket's folder".to_owned()));
    }
    let found = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(|error| {
        Failure::unavailable("postgres", format!("{host} cannot be resolved: {error}"))
    })?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() {
        return Err(Failure::unavailable("postgres", format!("{host} has no address")));
    }
    // One bad address among good ones refuses the name: nobody does that by accident.
    match addresses.iter().find(|address| !is_allowed(**address, *private, local)) {
        None => Ok(addresses),
        Some(inside) if is_private(*inside) => Err(refused(format!(
            "{host} has the private address {inside}; `private: true` in the connection's \
             settings allows that"
        ))),
        Some(inside) => {
            Err(refused(format!("{host} has the address {inside}, which is not one of a database")))
        }
    }
}

fn refused(reason: String) -> Failure {
    Failure::coded("HOST_REFUSED", reason)
}

fn is_allowed(address: IpAddr, private: bool, local: bool) -> bool {
    url_guard::is_allowed(address, local) || (private && is_private(address))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| is_private_v6(v6), is_private_v4),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || (a == 100 && (64..128).contains(&b))
}

/// Unique local, without the range where AWS has its metadata service (`fd00:ec2::254`).
fn is_private_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    a & 0xfe00 == 0xfc00 && (a, b) != (0xfd00, 0x0ec2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, private: bool, local: bool) -> bool {
        is_allowed(address.parse().unwrap(), private, local)
    }

    #[test]
    fn a_private_address_needs_the_operators_word() {
        for address in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"] {
            assert!(!allowed(address, false, false), "{address}");
            assert!(allowed(address, true, false), "{address}");
        }
        assert!(allowed("::ffff:10.0.0.1", true, false));
        assert!(allowed("3.120.0.1", false, false));
    }

    #[test]
    fn metadata_link_local_and_loopback_are_never_connected_to() {
        let inside = ["169.254.169.254", "169.254.170.2", "127.0.0.1", "0.0.0.0", "fe80::1"];
        for address in inside.into_iter().chain(["fd00:ec2::254", "::1", "::ffff:169.254.169.254"])
        {
            assert!(!allowed(address, true, false), "{address}");
        }
        assert!(allowed("127.0.0.1", false, true), "the local stack");
    }
}
