//! Where finished requests wait until the owner takes them.

use crate::codes::{Failure, OK};
use crate::values::Rows;
use std::collections::VecDeque;
use std::ffi::{c_void, CString};
use std::sync::Mutex;

/// Everything that a completion's pointers point into.
pub struct Done {
    pub token: u64,
    pub code: i32,
    pub error: CString,
    pub rows: Rows,
    pub repeats: u32,
}

impl Done {
    pub fn new(token: u64, result: Result<Rows, Failure>, repeats: u32) -> Self {
        let (code, error, rows) = match result {
            Ok(rows) => (OK, String::new(), rows),
            Err(failure) => (failure.code, failure.what, Rows::default()),
        };
        let error = CString::new(error.replace('\0', " ")).unwrap_or_default();
        Done { token, code, error, rows, repeats }
    }
}

/// The owner's function that is told of completions.
pub struct Wake {
    pub function: Option<extern "C" fn(*mut c_void)>,
    pub argument: *mut c_void,
}

// The owner promises that it may be called on any thread.
unsafe impl Send for Wake {}
unsafe impl Sync for Wake {}

struct Queue {
    done: VecDeque<Done>,
    closed: bool,
}

pub struct Completions {
    queue: Mutex<Queue>,
    wake: Wake,
}

impl Completions {
    pub fn new(wake: Wake) -> Self {
        Completions { queue: Mutex::new(Queue { done: VecDeque::new(), closed: false }), wake }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        // A panic while it is held can not leave the queue half changed.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn give(&self, done: Done) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        let first = queue.done.is_empty();
        queue.done.push_back(done);
        // Called with the lock held, so that none is under way when `close` returns.
        if let (true, Some(function)) = (first, self.wake.function) {
            function(self.wake.argument);
        }
    }

    pub fn take(&self, max: usize) -> Vec<Done> {
        let mut queue = self.lock();
        let count = max.min(queue.done.len());
        queue.done.drain(..count).collect()
    }

    pub fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.done.clear();
    }
}
