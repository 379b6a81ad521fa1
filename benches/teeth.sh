#!/bin/sh
# Tests the tests: benches/teeth.sh [BUG...]
#
# Builds once with the feature `teeth` (`src/base/teeth.rs`), then runs the tests named below without a bug, when they
# must pass, and with each bug, when they must fail. The table goes to standard output (docs/truths/teeth.md has one); the
# exit code is 1 when a bug is not caught by each test beside its name, 2 when a test fails without a bug.
set -eu
cd "$(dirname "$0")/.."

# bug, binary, test.
bites="
"
log=$(mktemp -d)
trap 'rm -r "$log"' EXIT

cargo test --release --features teeth --no-run --lib --test suite --test engines --test trust 2> "$log/build" || {
    cat "$log/build" >&2
    exit 2
}

# The test binary of a target of src/ or tests/.
binary() {
    case $1 in
        lib) source=src/lib.rs ;;
        *) source=tests/$1.rs ;;
    esac
    sed -n "s|.*Executable.* $source (\(.*\))|\1|p" "$log/build"
}

# Runs one test with a bug or none: passed, failed or neither (no such test, no end within ten minutes, no such bug).
try() {
    bug=$1 code=0
    ODP_BUG=$bug timeout 600 "$(binary "$2")" --exact "$3" > "$log/out" 2>&1 || code=$?
    if [ $code = 0 ] && grep -q '^test result: ok. 1 passed' "$log/out"; then
        echo passed
    elif [ $code = 101 ] && grep -q '^test result: FAILED. 0 passed; 1 failed' "$log/out" && ! grep -q 'no bug is called' "$log/out"; then
        echo failed
    else
        echo neither
    fi
}

# The first thing that a failed test said, short enough for a table.
said() {
    awk '/ panicked at /{ getline; if ($0 ~ /sections:$/) getline; print; exit }' "$log/out" | tr '|' '/' | cut -c 1-100
}

missed=0 caught=0
echo "| bug | caught by | it says |"
echo "|---|---|---|"
while read -r bug target test; do
    [ -n "$bug" ] || continue
    case " ${*:-$bug} " in
        *" $bug "*) ;;
        *) continue ;;
    esac
    if [ "$(try "" "$target" "$test")" != passed ]; then
        echo "$target $test does not pass without a bug:" >&2
        cat "$log/out" >&2
        exit 2
    fi
    if [ "$(try "$bug" "$target" "$test")" = failed ]; then
        caught=$((caught + 1))
        echo "| \`$bug\` | \`$target\` \`$test\` | $(said) |"
    else
        missed=$((missed + 1))
        echo "| \`$bug\` | NOT CAUGHT by \`$target\` \`$test\` | |"
    fi
done <<END
$bites
END
echo "$caught caught, $missed not" >&2
[ "$missed" = 0 ]
