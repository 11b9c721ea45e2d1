//! What an operator writes for a connection, and what it means: one place where files are.

use ferrule_connector::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the files are: exactly one of `root`, `bucket` and `container`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["root"]}, {"required": ["bucket"]}, {"required": ["container"]}
]))]
pub struct Settings {
    /// A folder of this machine. Only on the local stack and with `ferrule run`.
    #[serde(default)]
    pub root: Option<String>,
    /// An S3 bucket, or `default`: this hub's own, where each tenant has a folder.
    #[serde(default)]
    pub bucket: Option<String>,
    /// An Azure Blob container.
    #[serde(default)]
    pub container: Option<String>,
    /// The storage account of the container.
    #[serde(default)]
    pub account: Option<String>,
    /// A folder within the bucket or container: paths are read from there, nothing is reached
    /// outside of it.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The bucket's region. The function's own when absent.
    #[serde(default)]
    pub region: Option<String>,
    /// Address of an S3-compatible service. Needs access keys in the secret, and HTTPS. With
    /// `emulator`: where Azurite listens.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The container is in Azurite, on this machine. Only on the local stack.
    #[serde(default)]
    pub emulator: bool,
    /// How S3 encrypts what is written. The bucket's own setting when absent.
    #[serde(default)]
    pub server_side_encryption: Option<Encryption>,
    /// Id or ARN of the key for `aws:kms`.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// Access-control list of objects written to S3. Needs a bucket with ACLs enabled.
    #[serde(default)]
    pub acl: Option<Acl>,
}

/// How S3 encrypts an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Encryption {
    /// As the bucket says.
    #[serde(rename = "none")]
    None,
    /// With keys that S3 manages.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a KMS key: `kms_key`, else the account's default.
    #[serde(rename = "aws:kms")]
    Kms,
}

/// A canned access-control list. None that opens an object to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Acl {
    /// Only the writer.
    Private,
    /// The bucket's owner may read.
    BucketOwnerRead,
    /// The bucket's owner may do everything.
    BucketOwnerFullControl,
    /// Every AWS account that authenticates may read.
    AuthenticatedRead,
}

/// Access keys. Without them the function's own role is used.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct Secret {
    /// S3: id of the access key.
    #[serde(default)]
    pub(crate) access_key_id: Option<String>,
    /// S3: the access key.
    #[serde(default)]
    pub(crate) secret_access_key: Option<String>,
    /// S3: token of temporary credentials.
    #[serde(default)]
    pub(crate) session_token: Option<String>,
    /// Azure: key of the storage account.
    #[serde(default)]
    pub(crate) account_key: Option<String>,
    /// Azure: a shared access signature, with or without the question mark.
    #[serde(default)]
    pub(crate) sas: Option<String>,
}

/// What the settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'s> {
    /// A folder of this machine.
    Folder(&'s str),
    /// An S3 bucket.
    Bucket(&'s str),
    /// An Azure container in an account.
    Container { account: &'s str, container: &'s str },
}

/// The settings key that names this hub's own bucket.
pub(crate) const DEFAULT_BUCKET: &str = "default";

/// The account that Azurite knows.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";

impl Settings {
    /// Returns the one place that these settings name.
    pub(crate) fn place(&self, local: bool) -> Result<Place<'_>, Failure> {
        let place = match (&self.root, &self.bucket, &self.container) {
            (Some(root), None, None) => Place::Folder(root),
            (None, Some(bucket), None) => Place::Bucket(bucket),
            (None, None, Some(container)) => {
                Place::Container { account: self.account_name()?, container }
            }
            _ => return Err(settings("name exactly one of `root`, `bucket` and `container`")),
        };
        self.refuse_what_is_only_local(local)?;
        self.refuse_what_does_not_belong(place)?;
        named_as_the_vendor_allows(place)?;
        Ok(place)
    }

    fn account_name(&self) -> Result<&str, Failure> {
        match &self.account {
            Some(account) => Ok(account),
            None if self.emulator => Ok(EMULATOR_ACCOUNT),
            None => Err(settings("`container` needs `account`, the storage account")),
        }
    }

    fn refuse_what_is_only_local(&self, local: bool) -> Result<(), Failure> {
        if local || (self.root.is_none() && !self.emulator) {
            return Ok(());
        }
        Err(Failure::coded(
            "LOCAL_ONLY",
            "`root` and `emulator` work only on the local stack and with `ferrule run`; \
             use `bucket` or `container`",
        ))
    }

    fn refuse_what_does_not_belong(&self, place: Place<'_>) -> Result<(), Failure> {
        let bucket = matches!(place, Place::Bucket(_));
        let container = matches!(place, Place::Container { .. });
        let only = [
            ("region", self.region.is_some(), bucket, "bucket"),
            ("endpoint", self.endpoint.is_some(), bucket || self.emulator, "bucket"),
            ("server_side_encryption", self.server_side_encryption.is_some(), bucket, "bucket"),
            ("kms_key", self.kms_key.is_some(), self.encrypts_with_kms(), "aws:kms"),
            ("acl", self.acl.is_some(), bucket, "bucket"),
            ("account", self.account.is_some(), container, "container"),
            ("emulator", self.emulator, container, "container"),
            ("prefix", self.prefix.is_some(), bucket || container, "bucket` or `container"),
        ];
        match only.iter().find(|(_, given, fits, _)| *given && !fits) {
            Some((key, _, _, with)) => Err(settings(&format!("`{key}` goes with `{with}` only"))),
            None => Ok(()),
        }
    }

    fn encrypts_with_kms(&self) -> bool {
        self.server_side_encryption == Some(Encryption::Kms)
    }
}

/// A name becomes part of a host name: it must not be able to point somewhere else.
fn named_as_the_vendor_allows(place: Place<'_>) -> Result<(), Failure> {
    let plain = |text: &str, extra: &str| {
        (3..=63).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    match place {
        Place::Bucket(name) if !plain(name, "-._") => {
            Err(settings(&format!("`{name}` is not the name of an S3 bucket")))
        }
        Place::Container { account, .. } if !plain(account, "") => {
            Err(settings(&format!("`{account}` is not the name of a storage account")))
        }
        Place::Container { container, .. } if !plain(container, "-$") => {
            Err(settings(&format!("`{container}` is not the name of a container")))
        }
        _ => Ok(()),
    }
}

/// Says that a connection cannot work as it is written.
pub(crate) fn settings(wrong: &str) -> Failure {
    Failure::coded("SETTINGS", format!("settings of a files connection: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml_like_json: &str) -> Settings {
        serde_json::from_str(yaml_like_json).unwrap()
    }

    fn refusal(json: &str) -> String {
        read(json).place(false).unwrap_err().to_string()
    }

    #[test]
    fn names_exactly_one_place() {
        assert!(refusal("{}").contains("exactly one"));
        assert!(
            refusal(r#"{"bucket": "exports", "container": "exports"}"#).contains("exactly one")
        );
        let bucket = read(r#"{"bucket": "exports"}"#);
        assert_eq!(bucket.place(false).unwrap(), Place::Bucket("exports"));
    }

    #[test]
    fn a_local_folder_is_refused_in_the_cloud() {
        assert!(refusal(r#"{"root": "/etc"}"#).contains("local stack"));
        let folder = read(r#"{"root": "in"}"#);
        assert_eq!(folder.place(true).unwrap(), Place::Folder("in"));
    }

    #[test]
    fn a_name_cannot_point_to_another_host() {
        assert!(refusal(r#"{"container": "abc", "account": "evil.com/x"}"#).contains("account"));
        assert!(refusal(r#"{"bucket": "a/b#c"}"#).contains("bucket"));
    }

    #[test]
    fn a_setting_of_another_place_is_not_ignored_in_silence() {
        assert!(refusal(r#"{"bucket": "exports", "kms_key": "k"}"#).contains("aws:kms"));
        let acl = r#"{"container": "abc", "account": "abc", "acl": "private"}"#;
        assert!(refusal(acl).contains("`acl` goes with `bucket`"));
    }
}
