//! Addresses of S3-compatible services that users write: only public ones are reached.

use ferrule_connector::{Failure, url_guard};
use object_store::client::{DnsFuture, DnsResolver};

use crate::settings::settings;

/// Refuses an address that is not an HTTPS URL with a public host name.
pub(crate) fn vet(endpoint: &str) -> Result<(), Failure> {
    let url = url_guard::parse(endpoint, false)?;
    if url.scheme() == "https" && url.domain().is_some() {
        return Ok(());
    }
    Err(settings("`endpoint` is an https:// address with a host name"))
}

/// Resolves names, and hands over public addresses only.
#[derive(Debug)]
pub(crate) struct Resolver;

impl DnsResolver for Resolver {
    fn resolve(&self, host: &str) -> DnsFuture {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let addresses: Vec<_> = found.map(|address| address.ip()).collect();
            match addresses.iter().find(|address| !url_guard::is_allowed(**address, false)) {
                Some(inside) => Err(format!("{inside} is not a public address").into()),
                None => Ok(addresses),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_inside_is_refused() {
        for inside in [
            "http://example.com",
            "https://169.254.169.254/",
            "https://10.0.0.1",
            "https://localhost",
        ] {
            assert!(vet(inside).is_err(), "{inside}");
        }
        assert!(vet("https://s3.example.com").is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        assert!(Resolver.resolve("localhost").await.is_err());
    }
}
