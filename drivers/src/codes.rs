//! What became of a request, in the words of the C header.

use scylla::errors::{DbError, ExecutionError, NewSessionError, PrepareError, RequestAttemptError};

pub const OK: i32 = 0;
pub const REFUSED: i32 = 1;
pub const UNKNOWN: i32 = 2;
pub const UNAVAILABLE: i32 = 3;
pub const CONFIG: i32 = 4;

/// How a statement is carried out.
pub const REPEATABLE: u32 = 1;
pub const ALL_REPLICAS: u32 = 2;

/// A failure: its code, and what happened in words.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: i32,
    pub what: String,
}

impl Failure {
    pub fn new(code: i32, what: impl Into<String>) -> Self {
        Failure { code, what: what.into() }
    }
    /// Whether the same request may do better later.
    pub fn passes(&self) -> bool {
        matches!(self.code, UNKNOWN | UNAVAILABLE)
    }
}

/// The innermost cause is what an operator needs; the driver's own sentence often names only the kind.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn of_database(error: &DbError) -> i32 {
    match error {
        DbError::SyntaxError
        | DbError::Invalid
        | DbError::AlreadyExists { .. }
        | DbError::FunctionFailure { .. }
        | DbError::Unauthorized
        | DbError::ConfigError
        | DbError::Unprepared { .. }
        | DbError::ProtocolError => REFUSED,
        DbError::AuthenticationError => CONFIG,
        DbError::Unavailable { .. } | DbError::IsBootstrapping | DbError::RateLimitReached { .. } => UNAVAILABLE,
        // Time-outs, failures of replicas, an overloaded coordinator: some replica may have it.
        _ => UNKNOWN,
    }
}

fn of_attempt(error: &RequestAttemptError) -> i32 {
    match error {
        RequestAttemptError::DbError(database, _) => of_database(database),
        RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => REFUSED,
        RequestAttemptError::UnableToAllocStreamId => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

pub fn of_execution(error: &ExecutionError) -> Failure {
    let code = match error {
        ExecutionError::BadQuery(_) => REFUSED,
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => UNAVAILABLE,
        ExecutionError::LastAttemptError(attempt) => of_attempt(attempt),
        ExecutionError::PrepareError(prepare) => return of_prepare(prepare),
        _ => UNKNOWN,
    };
    Failure::new(code, sentence(error))
}

pub fn of_prepare(error: &PrepareError) -> Failure {
    let code = match error {
        PrepareError::AllAttemptsFailed { first_attempt, .. } => of_attempt(first_attempt),
        PrepareError::ConnectionPoolError(_) => UNAVAILABLE,
        _ => REFUSED,
    };
    Failure::new(code, sentence(error))
}

pub fn of_connect(error: &NewSessionError) -> Failure {
    let what = sentence(error);
    // The login's failure stands deep inside the error of a connection pool, in types that are not public.
    let login = ["AuthenticationError", "MissingAuthentication", "credentials", "uthentication"];
    let code = match error {
        NewSessionError::FailedToResolveAnyHostname(_)
        | NewSessionError::EmptyKnownNodesList
        | NewSessionError::IllegalConfig(_) => CONFIG,
        _ if login.iter().any(|word| what.contains(word)) => CONFIG,
        _ => UNAVAILABLE,
    };
    Failure::new(code, what)
}
