//! How the server proves who it is.

use std::sync::Arc;

use ferrule_connector::Failure;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{Tls, TlsMode};

/// Makes the TLS settings of a connection; `None` when it is not encrypted.
pub(crate) fn config(tls: &Tls) -> Result<Option<ClientConfig>, Failure> {
    let verifier: Arc<dyn ServerCertVerifier> = match (tls.mode, &tls.ca) {
        (TlsMode::Disable, None) => return Ok(None),
        (TlsMode::VerifyFull, ca) => signed_by(roots(ca.as_deref())?)?,
        (TlsMode::VerifyCa, Some(ca)) => {
            Arc::new(AnyHost { chain: Some(signed_by(roots(Some(ca))?)?), provider: provider() })
        }
        (TlsMode::Require, None) => Arc::new(AnyHost { chain: None, provider: provider() }),
        (TlsMode::VerifyCa, None) => return refused("tls.mode verify-ca needs tls.ca"),
        (TlsMode::Require | TlsMode::Disable, Some(_)) => {
            return refused("tls.ca is checked with tls.mode verify-full or verify-ca only");
        }
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    Ok(Some(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn refused<T>(reason: &str) -> Result<T, Failure> {
    Err(Failure::coded("TLS_SETTINGS", reason))
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::coded("TLS_SETTINGS", format!("tls.ca cannot be used: {error}"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots(ca: Option<&str>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.map_err(unusable)?).map_err(unusable)?;
    }
    if roots.is_empty() { Err(unusable("there is no certificate in it")) } else { Ok(roots) }
}

fn signed_by(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, Failure> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(unusable)
}

/// Takes a certificate for whatever host: one that the chain's CA signed, or any.
#[derive(Debug)]
struct AnyHost {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // The name is checked last, when the chain is known to be good.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
