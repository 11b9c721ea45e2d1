//! Tries a connection: is the host there, are the credentials good?

use std::collections::BTreeMap;

use ferrule_connector::{Context, Failure, Health};
use http::Method;

use crate::{Rest, call::Caller};

pub(crate) async fn check(context: &Context<'_, Rest>) -> Result<Health, Failure> {
    let caller = Caller::new(context, &[]);
    let settings = context.settings;
    let url = caller.url(settings.check.as_deref().unwrap_or(""))?;
    let host = url.host_str().unwrap_or("the host").to_owned();
    let call = caller.call(Method::GET, url, &BTreeMap::new(), "*/*");
    let call = [400, 404, 405, 406].into_iter().fold(call, ferrule_connector::Call::accept);
    let answer = caller.send(call).await?;
    let message = match (answer.is_accepted, &settings.check) {
        (false, _) => format!("{host} answers {} and takes the credentials", answer.status),
        (true, None) => format!(
            "{host} is there but answers {}: name a path to `check` to try the credentials",
            answer.status
        ),
        (true, Some(path)) => {
            return Err(Failure::rejected(
                context.http.service(),
                format!("{path}: {}", answer.reason),
            ));
        }
    };
    Ok(Health { message })
}
