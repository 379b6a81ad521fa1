//! The edge of the process: a stack that a deep program fits on, and panics that end as messages.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use odp::{ExitKind, Failure, Report};

/// Address space for the main work's stack, the first that can be had; pages are taken only as they are touched.
const STACKS: [usize; 3] = [512 << 20, 64 << 20, 8 << 20];

type Work = Box<dyn FnOnce() -> Result<u8, Failure> + Send>;

/// Runs the work on a large stack: recursion in a program is recursion here, and the shell's stack is not ours to
/// choose. A panic in it is an internal error.
pub fn guarded(work: impl FnOnce() -> Result<u8, Failure> + Send + 'static) -> Result<u8, Failure> {
    let place = note_panics();
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
            return done.unwrap_or_else(|panic| Err(internal_error(&place, panic.as_ref())));
        }
    }
    once(&work).unwrap_or_else(|panic| Err(internal_error(&place, panic.as_ref())))
}

/// Keeps the place of a panic in odp's own files; the default message, with its talk of threads, is not for a user.
fn note_panics() -> Arc<Mutex<String>> {
    let place = Arc::new(Mutex::new(String::new()));
    let noted = place.clone();
    panic::set_hook(Box::new(move |info| {
        let own = info.location().filter(|l| l.file().starts_with("src"));
        if let Some(l) = own {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) =
                format!(" at {}:{}", l.file(), l.line());
        }
    }));
    place
}

fn internal_error(place: &Mutex<String>, panic: &(dyn Any + Send)) -> Failure {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let words = owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    let place = place.lock().unwrap_or_else(PoisonError::into_inner);
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
        let _ = panic::take_hook();
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
    }
}
