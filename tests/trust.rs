//! `odp sbc` and `odp report` from outside: a thin slice of `benches/sbc.sh`, and the page in a browser where there is one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn odp(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    command.output().expect("odp runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("odp is not killed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trust-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn small(name: &str) -> (String, String) {
    let at = |ending: &str| {
        root()
            .join(format!("benches/sbc/{name}.{ending}"))
            .display()
            .to_string()
    };
    (at("odp"), at("json"))
}

/// Few simulations: what they can see is gross. False alarms over all models: 6e-6.
fn calibrate(name: &str, engine: &str, more: &[&str]) -> Output {
    let (model, data) = small(name);
    let few = [
        "--sims", "20", "--ranks", "19", "--draws", "200", "--seed", "3", "--alpha", "1e-6",
        "--quiet", "--json",
    ];
    let mut args = vec!["sbc", &model, "--data", &data, "--infer", engine];
    args.extend(few);
    args.extend(more);
    odp(&args)
}

#[test]
fn a_thin_slice_of_the_calibration_passes() {
    for name in [
        "normal", "coin", "schools", "counts", "logistic", "clusters",
    ] {
        let output = calibrate(name, "smc", &["-O", "particles=1024"]);
        assert_eq!(code(&output), 0, "{name}: {}", text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["pass"], true, "{name}: {document}");
        assert_eq!(document["completed"], 20);
    }
}

#[test]
fn a_calibration_goes_on_and_ends_in_the_same_bytes() {
    let (one, two) = (folder("whole"), folder("twice"));
    let run = |out: &Path| {
        calibrate(
            "normal",
            "importance",
            &["--out", &out.display().to_string()],
        )
    };
    let whole = run(&one);
    assert_eq!(code(&whole), 0, "{}", text(&whole.stderr));
    let ranks = std::fs::read_to_string(one.join("ranks.jsonl")).unwrap();
    assert_eq!(ranks.lines().count(), 21);
    // Cut short in the middle of a line, as a power failure would.
    std::fs::write(two.join("ranks.jsonl"), &ranks[..ranks.len() / 2]).unwrap();
    assert_eq!(run(&two).stdout, whole.stdout);
    for file in ["ranks.jsonl", "summary.json", "mu.svg", "log_r.svg"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&one), read(&two), "{file}");
    }
    let other = calibrate("normal", "smc", &["--out", &one.display().to_string()]);
    assert_eq!(code(&other), 2);
    assert!(text(&other.stderr).contains("odp::cli::other_calibration"));
    [one, two]
        .iter()
        .for_each(|f| std::fs::remove_dir_all(f).unwrap());
}

#[test]
fn an_engine_that_fails_is_an_answer_and_no_error() {
    let (model, data) = small("normal");
    let args = [
        "sbc", &model, "--data", &data, "--infer", "prior", "--sims", "60", "--seed", "1",
        "--quiet",
    ];
    let output = odp(&args);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("\nFails at log r"),
        "{}",
        text(&output.stdout)
    );
}

/// A page of a run, in a folder that outlives the test's end only where it fails.
fn page(folder: &Path, engine: &str) -> PathBuf {
    let example = |file: &str| {
        root()
            .join("examples/eight_schools")
            .join(file)
            .display()
            .to_string()
    };
    let zarr = folder.join("run.zarr").display().to_string();
    let (model, data) = (example("model.odp"), example("data.json"));
    let run = odp(&[
        "run", &model, "--data", &data, "--infer", engine, "--draws", "800", "--seed", "1",
        "--quiet", "--out", &zarr,
    ]);
    assert_eq!(code(&run), 0, "{}", text(&run.stderr));
    let report = odp(&["report", &zarr, "--json"]);
    assert_eq!(code(&report), 0, "{}", text(&report.stderr));
    let document: Value = serde_json::from_slice(&report.stdout).unwrap();
    PathBuf::from(document["page"].as_str().unwrap())
}

#[test]
fn a_page_is_written_beside_its_run_and_not_over_it() {
    let folder = folder("beside");
    let html = page(&folder, "smc");
    assert_eq!(html, folder.join("run.html"));
    let first = std::fs::read_to_string(&html).unwrap();
    assert!(first.starts_with("<!DOCTYPE html>") && first.contains("<section id=\"predictive\">"));
    let over = odp(&["report", &html.display().to_string()]);
    assert_eq!(code(&over), 2);
    assert_eq!(std::fs::read_to_string(&html).unwrap(), first);
    let nowhere = odp(&["report", "no/such/run.zarr"]);
    assert_eq!(code(&nowhere), 2, "{}", text(&nowhere.stderr));
    std::fs::remove_dir_all(folder).unwrap();
}

// ---- a browser ----

fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = names
        .iter()
        .flat_map(|n| places.iter().map(move |p| p.join(n)));
    found.into_iter().find(|p| p.is_file())
}

/// What the browser says on stdout and stderr about a page; `None` where it does not come up in time.
fn browse(browser: &Path, page: &Path, more: &[String]) -> Option<(String, String)> {
    let profile = page.with_extension("profile");
    let (out, err) = (page.with_extension("out"), page.with_extension("err"));
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--log-level=0",
    ]);
    command
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(more);
    command.arg(format!("file://{}", page.display()));
    command.stdin(Stdio::null());
    command
        .stdout(std::fs::File::create(&out).ok()?)
        .stderr(std::fs::File::create(&err).ok()?);
    let mut child = command.spawn().ok()?;
    let start = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if start.elapsed() > Duration::from_secs(120) {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let read = |path: &Path| {
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    };
    Some((read(&out), read(&err)))
}

#[test]
fn a_browser_shows_the_page_without_an_error_at_two_widths() {
    let Some(browser) = browser() else {
        eprintln!("no browser is installed: the page was not looked at");
        return;
    };
    let folder = folder("browser");
    let html = page(&folder, "diffusion");
    // A copy that says how far it reaches beyond its window: nothing may, at any width.
    let probe = html.with_file_name("probe.html");
    let script = "<script>document.title='beyond '+(document.documentElement.scrollWidth-document.documentElement.clientWidth)</script></body>";
    let page = std::fs::read_to_string(&html).unwrap();
    std::fs::write(&probe, page.replace("</body>", script)).unwrap();
    for width in [500, 1280] {
        let picture = folder.join(format!("{width}.png"));
        let size = format!("--window-size={width},1600");
        let shot = format!("--screenshot={}", picture.display());
        let Some((_, said)) = browse(&browser, &html, &[size.clone(), shot]) else {
            eprintln!("the browser did not come up: the page was not looked at");
            return;
        };
        let complaints: Vec<&str> = said.lines().filter(|l| l.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        let Ok(bytes) = std::fs::read(&picture) else {
            eprintln!("the browser took no picture: {said}");
            return;
        };
        // A blank page of this size is some 8 kB.
        assert!(bytes.len() > 25_000, "{} bytes at {width}", bytes.len());
        let (dom, _) =
            browse(&browser, &probe, &[size, "--dump-dom".to_string()]).unwrap_or_default();
        assert!(
            dom.is_empty() || dom.contains("<title>beyond 0</title>"),
            "at {width}: {}",
            &dom[..dom.len().min(400)]
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}
