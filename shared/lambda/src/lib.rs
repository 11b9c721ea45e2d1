//! ferrule-lambda.
