//! The edge of the process: a stack that a deep program fits on, threads, and panics that end as messages.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, Once, PoisonError};

use odp::{ExitKind, Failure, Report};

/// Address space for the main work's stack, the first that can be had; pages are taken only as they are touched.
const STACKS: [usize; 3] = [512 << 20, 64 << 20, 8 << 20];

type Work = Box<dyn FnOnce() -> Result<u8, Failure> + Send>;

/// Runs the work on a large stack: recursion in a program is recursion here, and the shell's stack is not ours to
/// choose. A panic in it is an internal error.
pub fn guarded(work: impl FnOnce() -> Result<u8, Failure> + Send + 'static) -> Result<u8, Failure> {
    note_panics();
    let work: Arc<Mutex<Option<Work>>> = Arc::new(Mutex::new(Some(Box::new(work))));
    let once = |work: &Mutex<Option<Work>>| {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = move || work.expect("work is started once")();
        panic::catch_unwind(AssertUnwindSafe(run))
    };
    for size in STACKS {
        let (work, builder) = (work.clone(), std::thread::Builder::new());
        if let Ok(thread) = builder.stack_size(size).spawn(move || once(&work)) {
            let done = thread.join().and_then(|done| done);
            return done.unwrap_or_else(|panic| Err(internal_error(panic.as_ref())));
        }
    }
    once(&work).unwrap_or_else(|panic| Err(internal_error(panic.as_ref())))
}

/// Runs a part of the work; a panic in it is an internal error, and the rest goes on.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    note_panics();
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(internal_error(panic.as_ref())))
}

/// More threads than any machine of today has processors only cost memory and time; results do not depend on them.
const MOST_THREADS: usize = 1024;

/// Makes the threads that all parallel work runs on. Only the first call can.
pub fn use_threads(n: usize) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n.min(MOST_THREADS))
        .stack_size(64 << 20);
    // This is the process's first use of threads: nothing can have made the pool before.
    let _ = pool.build_global();
}

/// Where the last panic in odp's own files was.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// Keeps the place of a panic in odp's own files; the default message, with its talk of threads, is not for a user.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let own = info.location().filter(|l| l.file().starts_with("src"));
            *PLACE.lock().unwrap_or_else(PoisonError::into_inner) =
                own.map_or(String::new(), |l| format!(" at {}:{}", l.file(), l.line()));
        }));
    });
}

fn internal_error(panic: &(dyn Any + Send)) -> Failure {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let words = owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    let report = Report::error("odp::internal", format!("internal error{place}: {words}"));
    let help = "this is a fault of odp, not of your program: please report it, with a program that shows it";
    Failure::plain(ExitKind::Numerical, report.help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_message() {
        let failure = guarded(|| panic!("broken {}", 1)).unwrap_err();
        assert!(
            failure.to_string().starts_with("internal error"),
            "{failure}"
        );
        assert!(failure.to_string().ends_with("broken 1"), "{failure}");
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        let failure = caught::<()>(|| panic!("again")).unwrap_err();
        assert!(failure.to_string().ends_with("again"), "{failure}");
    }
}
