//! A tenant's address and key, sealed for that tenant alone.

use cutover_shared::ids::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::driver::Target;
use crate::seal::{Seal, SealError};
use crate::store::InstanceRow;

#[derive(Serialize, Deserialize)]
struct Inside {
    url: String,
    key: Option<String>,
}

/// Whom an envelope belongs to: what the seal binds it to.
pub fn owner(tenant: &TenantId) -> String {
    format!("fleet:{tenant}")
}

/// Seals an address and a key.
pub fn close(
    seal: &Seal,
    tenant: &TenantId,
    url: &SecretString,
    key: Option<&SecretString>,
) -> Result<String, SealError> {
    let inside =
        Inside { url: url.expose_secret().to_owned(), key: key.map(|key| key.expose_secret().to_owned()) };
    let plain = secrecy::zeroize::Zeroizing::new(serde_json::to_vec(&inside).map_err(|_| SealError::Format)?);
    seal.seal(&owner(tenant), &plain)
}

/// Opens what [`close`] sealed for the same tenant.
pub fn open(seal: &Seal, row: &InstanceRow) -> Result<Target, SealError> {
    let plain = secrecy::zeroize::Zeroizing::new(seal.open(&owner(&row.tenant), &row.sealed)?);
    let inside: Inside = serde_json::from_slice(&plain).map_err(|_| SealError::NotText)?;
    Ok(Target {
        tenant: row.tenant.clone(),
        external_user: row.external_user.clone(),
        url: SecretString::from(inside.url),
        key: inside.key.map(SecretString::from),
    })
}
