//! Files that should be PEM.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::CertificateError;

/// The text of a file that should be PEM. What cannot be is an error that says what it is instead; other text around the
/// blocks may be in any encoding.
///
/// # Errors
/// [`CertificateError::NotText`].
pub fn pem_text(bytes: &[u8]) -> Result<String, CertificateError> {
    let not_text = |what, remedy| Err(CertificateError::NotText { what, remedy });
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return not_text(
            "text in UTF-16, as PowerShell's `>` writes it",
            "write it anew with `| Out-File -Encoding ascii`",
        );
    }
    let text = String::from_utf8_lossy(bytes);
    if text.contains("-----BEGIN") || !bytes.iter().any(|byte| *byte == 0 || *byte >= 0x80) {
        return Ok(text.into_owned());
    }
    if X509Certificate::from_der(bytes).is_ok() {
        return not_text(
            "a certificate in binary form (DER)",
            "`openssl x509 -inform DER -in FILE -out FILE.pem` converts it",
        );
    }
    // A SEQUENCE with its length in long form: every DER structure of more than 127 octets.
    if bytes.len() > 2 && bytes[0] == 0x30 && bytes[1] > 0x80 {
        return not_text(
            "binary (DER), but no certificate: perhaps PKCS#12, or a key",
            "`openssl pkcs12 -in FILE -nokeys -out FILE.pem` takes the certificates out of PKCS#12",
        );
    }
    not_text("binary", "name the file with the `BEGIN CERTIFICATE` block")
}
