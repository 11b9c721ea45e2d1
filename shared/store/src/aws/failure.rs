//! What an error of AWS means: what happens next, and a reason without bodies.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ferrule_core::Failure;

/// Longest reason that is kept.
const MAX_REASON: usize = 300;

/// A call as it is named in failures and IAM policies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// Who is called: `dynamodb`.
    pub(super) service: &'static str,
    /// What is called, as IAM names it: `PutItem`.
    pub(super) action: &'static str,
    /// What it is called on: the table, queue, secret or bucket.
    pub(super) place: &'a str,
}

impl Call<'_> {
    /// Turns an error into a failure. A missing permission is rejected, and names what to allow; so
    /// is a queue that is not there. Everything else may pass.
    ///
    /// `DisplayErrorContext` would end with the raw response, and so with what is stored.
    pub(super) fn failure<E, R>(self, error: &SdkError<E, R>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match error.code() {
            Some(code) => self.refused(code, error.message().unwrap_or_default()),
            None => self.unavailable(&causes(error)),
        }
    }

    /// Turns an error code of the service into a failure.
    pub(super) fn refused(self, code: &str, message: &str) -> Failure {
        if code.starts_with("AccessDenied") {
            let Self { service, action, place } = self;
            let reason = format!("no permission for {service}:{action} on {place}");
            return Failure::rejected(service, reason);
        }
        // SQS names it in two ways, by protocol.
        if code.ends_with("NonExistentQueue") || code.ends_with("QueueDoesNotExist") {
            let reason = format!("there is no queue {}; is its function deployed?", self.place);
            return Failure::rejected(self.service, reason);
        }
        let colon = if message.is_empty() { "" } else { ": " };
        self.unavailable(&format!("{code}{colon}{message}"))
    }

    /// Says that the call did not work, for a reason that may pass.
    pub(super) fn unavailable(self, reason: &str) -> Failure {
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let reason = format!("{} on {}: {reason}", self.action, self.place);
        Failure::own(self.service, reason)
    }
}

/// Joins the messages of an error and its causes, outermost first.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut messages = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        messages += &format!(": {error}");
        cause = error.source();
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call { service: "dynamodb", action: "PutItem", place: "ferrule-state" };

    #[test]
    fn names_the_permission_that_is_missing_and_does_not_retry() {
        let failure = CALL.refused("AccessDeniedException", "User: arn:aws:... is not authorized");
        assert_eq!(failure.code(), "rejected");
        assert!(failure.to_string().ends_with("dynamodb:PutItem on ferrule-state"), "{failure}");
    }

    #[test]
    fn a_queue_that_is_not_there_does_not_come_by_waiting() {
        let call = Call { service: "sqs", action: "SendMessage", place: "crm" };
        for code in ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"] {
            let failure = call.refused(code, "The specified queue does not exist.");
            assert_eq!(failure.code(), "rejected", "{code}");
            assert!(failure.to_string().contains("no queue crm"), "{failure}");
        }
    }

    #[test]
    fn retries_everything_else_and_keeps_the_reason_short() {
        let failure = CALL.refused("ThrottlingException", &"slow ".repeat(1000));
        assert_eq!(failure.code(), "unavailable");
        assert!(
            failure.to_string().contains("PutItem on ferrule-state: ThrottlingException: slow")
        );
        assert!(failure.to_string().len() < 400);
    }

    #[test]
    fn tells_the_causes_of_a_call_that_got_no_answer() {
        let error = std::io::Error::other("connection refused");
        let error =
            SdkError::<aws_smithy_types::error::metadata::ErrorMetadata, ()>::timeout_error(error);
        let failure = CALL.failure(&error);
        assert!(failure.to_string().ends_with("connection refused"), "{failure}");
    }
}
